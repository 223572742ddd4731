import { assertEquals } from "@std/assert";
import { resolveConfig } from "../config/resolve.ts";
import { ENGINES } from "../crypto/engines.ts";
import { sealEspPacket } from "../esp/esp_packet.ts";
import { testSecurityAssociation } from "../esp/sa.ts";
import { Ledger } from "../ledger/ledger.ts";
import { REASON, REASONS } from "../ledger/schema.ts";
import { buildReceivePath, type ReceivePath } from "../replay/receive_path.ts";
import { testAssociation } from "../replay/associations.ts";
import { Recorder } from "../replay/testing.ts";
import { Engine } from "../sim/engine.ts";
import { clone } from "../skb/clone_ops.ts";
import { pull, put, reserve } from "../skb/head_ops.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import { ETH_HLEN, ETHERTYPE_IPV4, ETHERTYPE_IPV6, OFFSET_TYPE } from "../wire/ethernet.ts";
import { set16 } from "../wire/bytes.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as udp from "../wire/udp.ts";

/** An IPv4 packet of `bytes` bytes, protocol 253. */
function innerPacket(bytes: number): Uint8Array {
  const packet = new Uint8Array(bytes).fill(0x33);
  packet.set([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 253]);
  ipv4.setTotalLength(packet, 0, bytes);
  ipv4.writeHeaderChecksum(packet, 0);
  return packet;
}

/** A receiver of ESP in UDP, and what happened in it. */
class Receiver {
  readonly sa;
  readonly events = new Recorder();
  readonly #ledger = new Ledger(() => 0, [this.events]);
  readonly #engine = new Engine();
  readonly path: ReceivePath;

  constructor(...sets: string[]) {
    const { config } = resolveConfig({ preset: "linux-6.1", sets: ["path=receive", "encap=udp", ...sets] });
    this.sa = testAssociation(config)!;
    this.path = buildReceivePath({
      config,
      engine: this.#engine,
      ledger: this.#ledger,
      sa: this.sa,
      aead: null,
      opener: this.sa.aead(ENGINES.noble),
      tap: null,
      poison: true,
    });
  }

  seal(bytes: number): Uint8Array {
    return sealEspPacket(innerPacket(bytes), this.sa, this.sa.aead(ENGINES.noble), this.sa.nextSequence(), 0);
  }

  /** Receives a packet in a linear buffer, as it comes up to IP input; `change` sees the buffer first. */
  receive(packet: Uint8Array, change: (skb: Skb) => void = () => {}): void {
    const { host, localIn } = this.path;
    const skb = host.skbs.allocSkb(64 + ETH_HLEN + packet.length + 64);
    reserve(skb, 64);
    put(skb, ETH_HLEN + packet.length);
    const { u8 } = host.skbs.memory;
    u8.set(packet, skb.dataAt + ETH_HLEN);
    set16(u8, skb.dataAt + OFFSET_TYPE, ip.isIpv6(packet, 0) ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
    skb.packet = 0;
    skb.macHeader = skb.data;
    pull(skb, ETH_HLEN);
    skb.networkHeader = skb.data;
    skb.ipSummed = CHECKSUM.unnecessary;
    change(skb);
    localIn.process(skb);
    this.#engine.run();
  }

  /** Names of the reasons of a kind of event. */
  reasons(event: string): string[] {
    this.#ledger.finish();
    return this.events.rows.filter((row) => row.event === event).map(({ reason }) => reason);
  }
}

/** A copy of `packet` with another UDP payload. */
function withPayload(packet: Uint8Array, payload: Uint8Array): Uint8Array {
  const changed = new Uint8Array(28 + payload.length);
  changed.set(packet.subarray(0, 28));
  changed.set(payload, 28);
  udp.setLength(changed, 20, 8 + payload.length);
  ipv4.setTotalLength(changed, 0, changed.length);
  ipv4.writeHeaderChecksum(changed, 0);
  return changed;
}

Deno.test("ESP in UDP over either IP version is opened and delivered, whichever mode", () => {
  for (const sets of [["ip=4"], ["ip=6"], ["mode=transport"]]) {
    const receiver = new Receiver(...sets);
    receiver.receive(receiver.seal(100));
    assertEquals([receiver.reasons("open"), receiver.reasons("drop")], [["aes-gcm"], []], sets.join());
    assertEquals(receiver.reasons("deliver"), ["socket"], sets.join());
  }
});

Deno.test("a keepalive ends in the encapsulation socket; IKE, and other ports, go to their own", () => {
  const receiver = new Receiver();
  const packet = receiver.seal(100);
  receiver.receive(withPayload(packet, Uint8Array.of(0xff)));
  receiver.receive(withPayload(packet, new Uint8Array(200)));
  const otherPort = withPayload(packet, packet.subarray(28));
  otherPort[23]! ^= 1;
  receiver.receive(otherPort);
  assertEquals(receiver.reasons("drop"), ["keepalive"]);
  assertEquals(receiver.reasons("deliver"), ["socket", "socket"]);
  assertEquals(receiver.reasons("open"), []);
});

Deno.test("ESP that comes without UDP is not for an SA with encapsulation", () => {
  const receiver = new Receiver();
  const bare = testSecurityAssociation({ seed: 1 });
  receiver.receive(sealEspPacket(innerPacket(100), bare, bare.aead(ENGINES.noble), 1, 0));
  assertEquals(receiver.reasons("drop"), ["wrong-encapsulation"]);
});

Deno.test("a checksum that nobody verified is summed, over IPv6; a wrong one drops the packet", () => {
  const receiver = new Receiver("ip=6");
  const unverified = (skb: Skb) => skb.ipSummed = CHECKSUM.none;
  receiver.receive(receiver.seal(100), unverified);
  const damaged = receiver.seal(100);
  damaged[60]! ^= 1;
  receiver.receive(damaged, unverified);
  assertEquals(receiver.reasons("checksum"), ["udp-verify", "udp-verify"]);
  assertEquals(receiver.reasons("drop"), ["bad-checksum"]);
  assertEquals(receiver.reasons("open"), ["aes-gcm"]);
});

Deno.test("no checksum, as over IPv4, is nothing to sum", () => {
  const receiver = new Receiver();
  receiver.receive(receiver.seal(100), (skb) => skb.ipSummed = CHECKSUM.none);
  assertEquals([receiver.reasons("checksum"), receiver.reasons("open")], [[], ["aes-gcm"]]);
});

Deno.test("a clone is made private before its headers change (xfrm4_udp_encap_rcv)", () => {
  const receiver = new Receiver();
  const { skbs } = receiver.path.host;
  const twins: Skb[] = [];
  receiver.receive(receiver.seal(100), (skb) => twins.push(clone(skbs, skb)));
  for (const twin of twins) skbs.free(twin, REASON.consumed);
  assertEquals(receiver.reasons("copy"), ["expand-head"]);
  // ESP input finds nothing shared any more.
  assertEquals(receiver.reasons("tail"), []);
  assertEquals(receiver.reasons("open"), ["aes-gcm"]);
});

Deno.test("a datagram whose UDP length is not there is dropped", () => {
  const receiver = new Receiver();
  const packet = receiver.seal(100);
  udp.setLength(packet, 20, packet.length - 20 + 1);
  receiver.receive(packet);
  udp.setLength(packet, 20, 7);
  receiver.receive(packet);
  assertEquals(receiver.reasons("drop"), ["short-transport", "short-transport"]);
});

Deno.test("reasons of ESP in UDP name the kernel functions that they stand for", () => {
  const functions = [REASON.keepalive, REASON.wrongEncapsulation, REASON.udpVerify, REASON.encapChecksum]
    .map((reason) => REASONS[reason]!.kernelFunction);
  assertEquals(functions, ["xfrm4_udp_encap_rcv", "xfrm_input", "udp_lib_checksum_complete", "esp_output_encap_csum"]);
});
