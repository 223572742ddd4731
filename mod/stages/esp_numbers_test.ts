/** Extended sequence numbers and UDP headers of what ESP output sends, where numbers do not begin with 1. */

import { assertEquals } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { openEspPacket } from "../esp/esp_packet.ts";
import { OFFSET_SEQUENCE } from "../esp/framing.ts";
import { type TestAssociationOptions, testSecurityAssociation } from "../esp/sa.ts";
import { REASON } from "../ledger/schema.ts";
import { Recorder } from "../replay/testing.ts";
import { push, put, reserve } from "../skb/head_ops.ts";
import { gather } from "../skb/scatterlist.ts";
import { CHECKSUM, GSO_TYPE, type Skb } from "../skb/skb.ts";
import { StageHost } from "../validate/stage_host.ts";
import { get32 } from "../wire/bytes.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { transportChecksumOk } from "../wire/transport_checksum.ts";
import * as udp from "../wire/udp.ts";
import { EspEncap } from "./esp_encap.ts";
import { EspOutput } from "./esp_output.ts";
import { espHeaderBytes, EspTransform } from "./esp_transform.ts";
import { EspXmit } from "./esp_xmit.ts";
import { Gso } from "./gso.ts";

const SEGMENT_BYTES = 100;

/** The stages of ESP output of one host, under one SA that has sent `sent` packets. */
class Output {
  readonly events = new Recorder();
  readonly sa;
  readonly #stages: StageHost;
  readonly #encap: EspEncap;
  readonly #transform: EspTransform;
  readonly #sent: Uint8Array[] = [];

  constructor(era: "4.4" | "6.1", options: Omit<TestAssociationOptions, "seed">, sent: number = 0) {
    const scenario = { name: "test", path: "forward", compare: "exact", queues: false, era, mtu: 1500 } as const;
    this.#stages = new StageHost(scenario, [], [this.events]);
    this.sa = testSecurityAssociation({ seed: 1, ...options });
    this.sa.resumeAfter(sent);
    this.#encap = new EspEncap(this.#stages.host, this.sa);
    this.#transform = new EspTransform(this.#stages.host, this.sa, this.sa.aead(ENGINES.noble));
  }

  /** Sends `packets` packets through ESP output at layer 3. */
  sendOneByOne(packets: number): Uint8Array[] {
    const { host } = this.#stages;
    const output = new EspOutput(host, { process: (skb) => this.#take(skb, 0) }, this.#encap, this.#transform);
    for (let i = 0; i < packets; i++) output.process(this.#tcpPacket(SEGMENT_BYTES));
    return this.#sent;
  }

  /** Sends an aggregate of `segments` segments, which layer 2 cuts and encrypts. */
  sendAggregate(segments: number): Uint8Array[] {
    const { host } = this.#stages;
    const skb = this.#tcpPacket(segments * SEGMENT_BYTES);
    skb.head.gsoSize = SEGMENT_BYTES;
    skb.head.gsoSegs = segments;
    skb.head.gsoType = GSO_TYPE.tcpV4;
    skb.ipSummed = CHECKSUM.partial;
    this.#encap.find(skb);
    this.#encap.push(skb, this.sa.reserveSequences(segments));
    skb.espProtocol = this.#encap.nextHeader;
    push(skb, ETH_HLEN);
    skb.macHeader = skb.data;
    const xmit = new EspXmit(host, this.#encap, this.#transform);
    new Gso(host, espHeaderBytes(this.sa), this.sa.esn).segment(skb, (segment) => {
      xmit.xmit(segment);
      this.#take(segment, ETH_HLEN);
    });
    return this.#sent;
  }

  /** Reasons of a kind of event. */
  reasons(event: string): string[] {
    this.#stages.takeWork();
    return this.events.rows.filter((row) => row.event === event).map(({ reason }) => reason);
  }

  #tcpPacket(payloadBytes: number): Skb {
    const { skbs } = this.#stages.host;
    const bytes = 40 + payloadBytes;
    const skb = skbs.allocSkb(256 + bytes + 64);
    reserve(skb, 256);
    put(skb, bytes);
    const { u8 } = skbs.memory;
    u8.fill(0, skb.dataAt, skb.dataAt + bytes);
    u8.set([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], skb.dataAt);
    u8[skb.dataAt + 32] = 0x50;
    ipv4.setTotalLength(u8, skb.dataAt, bytes);
    ipv4.writeHeaderChecksum(u8, skb.dataAt);
    skb.networkHeader = skb.data;
    return skb;
  }

  #take(skb: Skb, offset: number): void {
    const packet = new Uint8Array(skb.len - offset);
    gather(this.#stages.host.skbs, skb, offset, packet.length, packet);
    this.#sent.push(packet);
    this.#stages.host.skbs.free(skb, REASON.sent);
  }
}

/** Which upper half each packet opens with: 0, 1, or none of them. */
function highsOf({ sa }: Output, packets: readonly Uint8Array[]): (number | undefined)[] {
  return packets.map((packet) => [0, 1].find((high) => openEspPacket(packet, sa, sa.aead(ENGINES.noble), high).opened));
}

const lowsOf = (packets: readonly Uint8Array[]) => packets.map((packet) => get32(packet, 20 + OFFSET_SEQUENCE));
const ACROSS = [0xfffffffd, 0xfffffffe, 0xffffffff, 0, 1];

for (const cipher of ["aes-gcm-256", "aes-cbc-128-sha1", "aes-gmac-128", "null-sha384"] as const) {
  Deno.test(`${cipher}: packet by packet the upper half counts on behind the last lower half`, () => {
    const output = new Output("6.1", { cipher, esn: "on" }, 0xfffffffc);
    const packets = output.sendOneByOne(5);
    assertEquals(lowsOf(packets), ACROSS);
    assertEquals(highsOf(output, packets), [0, 0, 0, 1, 1]);
    assertEquals(output.reasons("reject"), []);
  });
}

Deno.test("segments of an aggregate: Linux 6.1 authenticates the last lower half with the next upper half", () => {
  const output = new Output("6.1", { esn: "on" }, 0xfffffffc);
  const packets = output.sendAggregate(5);
  assertEquals(lowsOf(packets), ACROSS);
  assertEquals(highsOf(output, packets), [0, 0, 1, 1, 1]);
  assertEquals(output.reasons("reject"), ["next-upper-half"]);
});

Deno.test("segments of an aggregate: no other era makes that mistake", () => {
  const output = new Output("4.4", { esn: "on" }, 0xfffffffc);
  assertEquals(highsOf(output, output.sendAggregate(5)), [0, 0, 0, 1, 1]);
  assertEquals(output.reasons("reject"), []);
});

Deno.test("numbers that are not extended end: none is used twice", () => {
  const output = new Output("6.1", {}, 0xfffffffc);
  assertEquals(lowsOf(output.sendOneByOne(5)), [0xfffffffd, 0xfffffffe, 0xffffffff]);
  assertEquals(output.reasons("drop"), ["sequence-exhausted", "sequence-exhausted"]);
});

for (const ip of [4, 6] as const) {
  Deno.test(`a UDP header around ESP over IPv${ip}: length, checksum, and who sums it`, () => {
    const output = new Output("6.1", { cipher: "aes-cbc-128-sha1", encap: "udp", ip });
    const [packet] = output.sendOneByOne(1);
    const udpAt = ip === 6 ? 40 : 20;
    assertEquals(udp.length(packet!, udpAt), packet!.length - udpAt);
    assertEquals(udp.checksum(packet!, udpAt) !== 0, ip === 6);
    assertEquals(transportChecksumOk(packet!, 0, 17, udpAt, packet!.length - udpAt), true);
    assertEquals(output.reasons("checksum"), ip === 6 ? ["encap-checksum"] : []);
    assertEquals(highsOf(output, [packet!]), [0]);
  });
}
