/** What comes to the port of ESP, or looks like it, and is none: IKE, keepalives of a NAT, and AH, beside ESP that is opened. */

import { assertEquals } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { sealEspPacket } from "../esp/esp_packet.ts";
import { testSecurityAssociation } from "../esp/sa.ts";
import { parseSaFile } from "../esp/sa_file.ts";
import { saTable } from "../esp/sa_table.ts";
import { set16 } from "../wire/bytes.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { PROTOCOL_AH, PROTOCOL_ESP, PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { bulk, captureOf, runOf, type TestRun } from "./testing.ts";

const IN_UDP = testSecurityAssociation({ seed: 1, encap: "udp" });
const BARE = testSecurityAssociation({ seed: 1 });

/** A frame with an IPv4 packet between the ends of the tunnel. */
function frameOf(protocol: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(ETH_HLEN + 20 + payload.length);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45]);
  frame.set(BARE.source, ETH_HLEN + 12);
  frame.set(BARE.destination, ETH_HLEN + 16);
  frame.set(payload, ETH_HLEN + 20);
  frame[ETH_HLEN + 8] = 64;
  frame[ETH_HLEN + 9] = protocol;
  ipv4.setTotalLength(frame, ETH_HLEN, frame.length - ETH_HLEN);
  ipv4.writeHeaderChecksum(frame, ETH_HLEN);
  return frame;
}

/** A datagram without checksum. */
function datagramTo(port: number, payload: Uint8Array): Uint8Array {
  const datagram = new Uint8Array(8 + payload.length);
  set16(datagram, 0, port);
  set16(datagram, 2, port);
  set16(datagram, 4, datagram.length);
  datagram.set(payload, 8);
  return frameOf(PROTOCOL_UDP, datagram);
}

/** An authentication header of 24 bytes (RFC 4302, section 2) in front of `payload`. */
function behindAh(nextHeader: number, payload: Uint8Array): Uint8Array {
  const packet = new Uint8Array(24 + payload.length);
  packet.set([nextHeader, 4, 0, 0, 0, 0, 0x10, 0x01, 0, 0, 0, 1]);
  packet.set(payload, 24);
  return frameOf(PROTOCOL_AH, packet);
}

/** The header of IKEv2 (RFC 7296, section 3.1): SPIs, no payload, version 2.0, IKE_SA_INIT of the initiator, length 28. */
const IKE = Uint8Array.fromHex("0102030405060708" + "0000000000000000" + "00202208" + "00000000" + "0000001c");
/** Behind the non-ESP marker of RFC 3948, section 2.2. */
const IKE_AT_4500 = Uint8Array.fromHex("00000000" + IKE.toHex());

/** ESP of the association, and in turns with it what is none. */
function mixed(esp: readonly Uint8Array[]): Uint8Array[] {
  const bare = esp[0]!.subarray(20);
  const others = [
    datagramTo(500, IKE),
    datagramTo(4500, IKE_AT_4500),
    datagramTo(4500, Uint8Array.of(0xff)),
    behindAh(PROTOCOL_TCP, new Uint8Array(20)),
    behindAh(PROTOCOL_ESP, bare),
  ];
  return others.flatMap((other, i) => [frameOf(esp[i]![9]!, esp[i]!.subarray(20)), other]);
}

function assertPassedBy({ run, events }: TestRun, what: string): void {
  assertEquals(run.failures, [], what);
  const arrived = events.of("arrive").map(({ reason }) => reason);
  assertEquals(arrived, Array.from({ length: 5 }, () => ["", "ignored"]).flat(), what);
  assertEquals([events.of("reject").length, events.of("drop").length, run.delivery.delivered], [0, 0, 5], what);
}

for (const sa of [BARE, IN_UDP]) {
  const how = sa === BARE ? "behind IP" : "in UDP";
  Deno.test(`beside ESP ${how}, IKE on 500 and 4500, keepalives and AH are passed by, by the test SA and those of a file`, async () => {
    const esp = bulk(5, { payloadBytes: 100 }).map((frame, i) => {
      return sealEspPacket(frame.subarray(ETH_HLEN), sa, sa.aead(ENGINES.noble), i + 1, i);
    });
    const input = captureOf(mixed(esp));
    const sets = ["path=receive", "local=0.0.0.0/0", `encap=${sa === BARE ? "none" : "udp"}`];
    assertPassedBy(await runOf(input, "linux-6.1", sets), "test SA");
    const associations = parseSaFile(saTable([sa]), "esp_sa");
    assertPassedBy(await runOf(input, "linux-6.1", sets, { associations }), "file");
  });
}

Deno.test("in a capture without ESP, IKE, keepalives and AH are packets like others: they are sealed", async () => {
  const frames = [
    datagramTo(500, IKE),
    datagramTo(4500, IKE_AT_4500),
    datagramTo(4500, Uint8Array.of(0xff)),
    behindAh(PROTOCOL_TCP, new Uint8Array(20)),
  ];
  const { run, sent } = await runOf(captureOf(frames), "linux-6.1", ["tunnel=all"]);
  assertEquals([run.failures, sent.length], [[], 4]);
});

/** ESP with next header 59 and nothing to protect (RFC 4303, section 2.6). */
Deno.test("a dummy packet is opened and dropped, and nothing of it is delivered", async () => {
  const inner = bulk(1, { payloadBytes: 100 })[0]!.subarray(ETH_HLEN);
  for (const mode of ["tunnel", "transport"] as const) {
    const sa = testSecurityAssociation({ seed: 1, mode, cipher: "null" });
    const esp = [1, 2, 3].map((sequence) => sealEspPacket(inner, sa, sa.aead(ENGINES.noble), sequence, 0));
    // The next header is the last byte of ESP-NULL without ICV.
    esp[1]![esp[1]!.length - 1] = 59;
    const frames = esp.map((packet) => {
      const frame = new Uint8Array(ETH_HLEN + packet.length);
      frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
      frame.set(packet, ETH_HLEN);
      return frame;
    });
    const sets = ["path=receive", "local=0.0.0.0/0", "cipher=null", `mode=${mode}`];
    const { run, events } = await runOf(captureOf(frames), "linux-6.1", sets);
    const drops = events.of("drop").map(({ reason, packet }) => `${reason} ${packet}`);
    assertEquals([run.failures, drops, run.delivery.delivered], [[], ["dummy 1"], 2], mode);
  }
});
