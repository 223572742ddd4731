/** TFC padding: zeros that hide how long packets are (RFC 4303, section 2.7; esp_output, x->tfcpad). */

import { assertEquals } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { headerBytes, innerMtu, type IpVersion } from "../esp/arithmetic.ts";
import { openEspPacket } from "../esp/esp_packet.ts";
import { SecurityAssociation, TEST_DESTINATIONS, TEST_KEY, TEST_SALT, TEST_SOURCES } from "../esp/sa.ts";
import { tcpFrame } from "../replay/testing.ts";
import { readFrame } from "../skb/dma.ts";
import { EspEncap } from "./esp_encap.ts";
import { EspOutput } from "./esp_output.ts";
import { EspTransform, tfcPadTo } from "./esp_transform.ts";
import { StageFixture } from "./testing.ts";

function padded(tfcPadBytes: number, ip: IpVersion = 4): SecurityAssociation {
  return new SecurityAssociation({
    spi: 0x1001,
    cipher: "aes-gcm-256",
    key: TEST_KEY,
    salt: TEST_SALT,
    authKey: new Uint8Array(0),
    mode: "tunnel",
    source: TEST_SOURCES[ip],
    destination: TEST_DESTINATIONS[ip],
    seed: 1,
    tfcPadBytes,
  });
}

/** ESP output of one frame whose buffer has `tailroom` bytes behind: the packet inside with its padding, and the trailer. */
function sealed(frame: Uint8Array, tfcPadBytes: number, tailroom: number): { inner: Uint8Array; tails: string[] } {
  const fixture = new StageFixture();
  const { host } = fixture;
  const sa = padded(tfcPadBytes);
  const transform = new EspTransform(host, sa, sa.aead(ENGINES.noble));
  const bytes = new Uint8Array(4000);
  let packet = new Uint8Array(0);
  const end = {
    process: (skb: Parameters<EspOutput["process"]>[0]): void => {
      packet = bytes.slice(0, readFrame(host.skbs, skb, bytes));
      host.skbs.free(skb, 0);
    },
  };
  new EspOutput(host, end, new EspEncap(host, sa), transform).process(fixture.linear(0, frame, tailroom));
  transform.release();
  fixture.finish();
  assertEquals(host.skbs.memory.live, 0);
  const opened = openEspPacket(packet, sa, sa.aead(ENGINES.noble));
  if (!opened.opened) throw new Error(opened.reason);
  return { inner: opened.inner, tails: fixture.events.of("tail").map((row) => `${row.reason} ${row.bytes}`) };
}

Deno.test("a short packet is padded with zeros in front of the padding proper; a longer one is not", () => {
  const frame = tcpFrame({ payloadBytes: 60 });
  const { inner, tails } = sealed(frame, 1000, 100);
  assertEquals(inner.subarray(0, 100), frame.subarray(14));
  assertEquals(inner.subarray(100), new Uint8Array(900));
  // 900 zeros, 2 bytes of padding, pad length and next header, ICV: no tailroom is that long.
  assertEquals(tails, ["fragment 920"]);
  assertEquals(sealed(frame, 1000, 920).tails, ["in-place 920"]);
  assertEquals(sealed(tcpFrame({ payloadBytes: 1000 }), 1000, 100).inner.length, 1040);
  assertEquals(sealed(frame, 0, 100).inner.length, 100);
});

Deno.test("tfcPadTo() ends at what the MTU leaves inside, for IPv6 outside at 1280 bytes in 6.1", () => {
  const inside = innerMtu(1500, "tunnel", 4, headerBytes("tunnel", 4, 8), 4, 16);
  assertEquals(tfcPadTo(padded(1000), { mtu: 1500, era: "6.1" }), 1000);
  assertEquals(tfcPadTo(padded(9000), { mtu: 1500, era: "6.1" }), inside);
  assertEquals(tfcPadTo(padded(0), { mtu: 1500, era: "6.1" }), 0);
  assertEquals(tfcPadTo(padded(9000, 6), { mtu: 600, era: "6.1" }), 1280);
  assertEquals(tfcPadTo(padded(9000, 6), { mtu: 600, era: "4.4" }), 600 - 56 - 16 - 2);
});
