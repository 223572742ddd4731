/** ESP input alone: the byte tables of linux-datapath 4.1 to 4.3, and every reason to drop. */

import { assertEquals } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { sealEspPacket } from "../esp/esp_packet.ts";
import { InboundTable } from "../esp/inbound.ts";
import { type SecurityAssociation, testSecurityAssociation } from "../esp/sa.ts";
import { REASON } from "../ledger/schema.ts";
import { tcpFrame } from "../replay/testing.ts";
import { clone } from "../skb/clone_ops.ts";
import { readFrame } from "../skb/dma.ts";
import { put, reserve } from "../skb/head_ops.ts";
import { addFrag, addToFragList } from "../skb/paged_ops.ts";
import type { Skb } from "../skb/skb.ts";
import { ETH_HLEN, etherType, ETHERTYPE_IPV4, writeEthernet } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { EspInput } from "./esp_input.ts";
import { StageFixture } from "./testing.ts";

const NO_MAC = new Uint8Array(6);

/** Where the bytes of a received packet lie, Ethernet header not counted. */
interface Shape {
  /** Bytes in the head; all of them unless given. */
  readonly linear?: number;
  /** Behind that: in so many page fragments of one size; 1 unless given. */
  readonly frags?: number;
  /** The rest lies in a buffer of the frag_list instead. */
  readonly fragList?: boolean;
  /** Room for the packet that was asked for. */
  readonly request?: number;
  readonly headroom?: number;
}

/** A host with ESP input and nothing else. */
class Alone {
  readonly fixture: StageFixture;
  readonly sa: SecurityAssociation;
  readonly input: EspInput;
  /** The clear packets, in hexadecimal, and the way they went. */
  readonly clear: string[] = [];
  readonly ways: string[] = [];
  #next = 0;

  constructor(sets: readonly string[], mode: "tunnel" | "transport" = "tunnel", encrypts = true) {
    this.fixture = new StageFixture(["path=receive", `mode=${mode}`, ...sets]);
    const { host } = this.fixture;
    this.sa = testSecurityAssociation({ seed: 1, mode });
    const take = (way: string) => ({
      process: (skb: Skb): void => {
        const bytes = new Uint8Array(skb.len);
        readFrame(host.skbs, skb, bytes);
        this.clear.push(bytes.toHex());
        this.ways.push(way);
        assertEquals(etherType(host.skbs.memory.u8, skb.head.at + skb.macHeader), ETHERTYPE_IPV4);
        assertEquals(skb.networkHeader, skb.data);
        host.skbs.free(skb, REASON.consumed);
      },
    });
    const table = new InboundTable([{ sa: this.sa, aead: encrypts ? this.sa.aead(ENGINES.noble) : null }], 64);
    this.input = new EspInput(host, table, {
      tunnel: take("tunnel"),
      transport: take("transport"),
      fromGro: take("fromGro"),
    });
  }

  /** An ESP packet of the association around `inner`; `sequence` counts up unless given. */
  seal(inner: Uint8Array, sequence: number = this.sa.nextSequence()): Uint8Array {
    return sealEspPacket(inner, this.sa, this.sa.aead(ENGINES.noble), sequence, 0);
  }

  /** A buffer with `packet` as IP input hands it on: its data begin behind the IP header. */
  build(packet: Uint8Array, shape: Shape = {}): Skb {
    const { skbs } = this.fixture.host;
    const { linear = packet.length, frags = 1, request = 2000, headroom = 64 } = shape;
    const skb = skbs.allocSkb(request);
    reserve(skb, headroom + ETH_HLEN);
    skb.macHeader = skb.data - ETH_HLEN;
    writeEthernet(skbs.memory.u8, skb.head.at + skb.macHeader, NO_MAC, NO_MAC, ETHERTYPE_IPV4);
    put(skb, linear);
    skbs.memory.u8.set(packet.subarray(0, linear), skb.dataAt);
    const rest = packet.subarray(linear);
    if (shape.fragList === true) this.#chain(skb, rest);
    else if (rest.length > 0) this.#addFrags(skb, rest, frags);
    skb.packet = this.#next++;
    skb.payloadBytes = 1;
    skb.networkHeader = skb.data;
    skb.data += ipv4.HEADER_BYTES;
    skb.len -= ipv4.HEADER_BYTES;
    skb.transportHeader = skb.data;
    return skb;
  }

  /** "copy expand-head 100", ... since the start. */
  get copies(): string[] {
    const { events } = this.fixture;
    this.fixture.finish();
    return events.rows.filter(({ event }) => event === "copy" || event === "tail")
      .map(({ event, reason, bytes }) => `${event} ${reason} ${bytes}`);
  }

  /** Why packets were dropped. */
  get drops(): string[] {
    this.fixture.finish();
    return this.fixture.events.of("drop").map(({ reason }) => reason);
  }

  assertNothingLives(): void {
    assertEquals(this.fixture.host.skbs.memory.live, 0);
  }

  #addFrags(skb: Skb, rest: Uint8Array, frags: number): void {
    const { memory } = this.fixture.host.skbs;
    const size = Math.ceil(rest.length / frags);
    for (let at = 0; at < rest.length; at += size) {
      const bytes = rest.subarray(at, at + size);
      const block = memory.allocate(bytes.length);
      memory.u8.set(bytes, block.at);
      addFrag(skb, block, 0, bytes.length);
    }
  }

  #chain(skb: Skb, rest: Uint8Array): void {
    const { skbs } = this.fixture.host;
    const member = skbs.allocSkb(rest.length);
    put(member, rest.length);
    skbs.memory.u8.set(rest, member.dataAt);
    addToFragList(skb, null, member);
  }
}

const INNER = tcpFrame({ payloadBytes: 1372 }).subarray(ETH_HLEN);
/** Of the ESP packet around it: headers, ciphertext of 1416, ICV; IP header and Ethernet padding not counted. */
const ESP_BYTES = 16 + 1416 + 16;
const ALWAYS = ["era=4.4", "rx_cow=always"];
const IF_SHARED = ["era=6.1", "rx_cow=if-shared"];

/** Sends one packet of a shape through ESP input; returns what was copied. */
function copiesOf(
  sets: readonly string[],
  shape: Shape,
  prepare: (alone: Alone, skb: Skb) => void = () => {},
): string[] {
  const alone = new Alone(sets);
  const skb = alone.build(alone.seal(INNER), shape);
  prepare(alone, skb);
  alone.input.process(skb);
  assertEquals(alone.clear, [INNER.toHex()]);
  return alone.copies;
}

function cloneOf(alone: Alone, skb: Skb): void {
  clone(alone.fixture.host.skbs, skb);
}

Deno.test("rx_cow=always: a linear private buffer is decrypted where it is, without a copy", () => {
  assertEquals(copiesOf(ALWAYS, {}), []);
});

Deno.test("rx_cow=always: page fragments become linear: the head moves, then the fragment follows (linux-datapath 2.4)", () => {
  // PF of 4.4: 34 of the frame in a head of 320; parsing pulls 8 and 8 more.
  const shape = { linear: 20, request: 320 };
  assertEquals(copiesOf(ALWAYS, shape), [
    "copy pull-tail 8",
    "copy pull-tail 8",
    "copy expand-head 114",
    `copy pull-tail ${ESP_BYTES - 16}`,
    "tail rx-cow-always 0",
  ]);
});

Deno.test("rx_cow=always: a linear clone gets a head of its own", () => {
  assertEquals(copiesOf(ALWAYS, {}, cloneOf), [`copy expand-head ${78 + 20 + ESP_BYTES}`, "tail rx-cow-always 0"]);
});

Deno.test("rx_cow=if-shared: private buffers are decrypted in place, linear or in any number of page fragments", () => {
  assertEquals(copiesOf(IF_SHARED, {}), []);
  for (const frags of [1, 2, 3, 17]) {
    // Headers are pulled: SPI and sequence number, then the IV, later the inner IP header.
    assertEquals(copiesOf(IF_SHARED, { linear: 20, request: 320, frags }), [
      "copy pull-tail 8",
      "copy pull-tail 8",
      "copy pull-tail 20",
    ]);
  }
});

Deno.test("rx_cow=if-shared: a clone is linearized, and so is a buffer with a frag_list made writable", () => {
  assertEquals(copiesOf(IF_SHARED, {}, cloneOf), [`copy expand-head ${78 + 20 + ESP_BYTES}`, "tail rx-cow-cloned 0"]);
  const frags = copiesOf(IF_SHARED, { linear: 36, request: 320 }, cloneOf);
  assertEquals(frags, ["copy expand-head 114", `copy pull-tail ${ESP_BYTES - 16}`, "tail rx-cow-cloned 0"]);
});

Deno.test("rx_cow=if-shared: a private frag_list goes through skb_cow_data, which finds nothing to copy", () => {
  const alone = new Alone(IF_SHARED);
  alone.input.process(alone.build(alone.seal(INNER), { linear: 600, request: 700, fragList: true }));
  assertEquals([alone.clear, alone.copies], [[INNER.toHex()], []]);
});

Deno.test("rx_cow=if-shared: pages that outsiders may write to are copied in 6.1 and not in 4.4", () => {
  const share = (_: Alone, skb: Skb): void => void (skb.head.hasSharedFrag = true);
  const shape = { linear: 36, request: 320 };
  assertEquals(copiesOf(IF_SHARED, shape, share).at(-1), "tail rx-cow-shared-frag 0");
  assertEquals(copiesOf(["era=4.4", "rx_cow=if-shared"], shape, share), ["copy pull-tail 20"]);
});

Deno.test("6.1 pulls a short clear packet into its head when the trailer is cut off, 4.4 leaves it in its page", () => {
  const inner = tcpFrame({ payloadBytes: 500 }).subarray(ETH_HLEN);
  for (const [era, copied] of [["6.1", ["copy pull-tail 540"]], ["4.4", ["copy pull-tail 20"]]] as const) {
    const alone = new Alone([`era=${era}`, "rx_cow=if-shared"]);
    alone.input.process(alone.build(alone.seal(inner), { linear: 36, request: 704 }));
    assertEquals([alone.clear, alone.copies], [[inner.toHex()], copied], era);
  }
});

Deno.test("gcm_sg=single bounces a request of several entries: associated data and ICV go in, plaintext comes out", () => {
  const alone = new Alone(["era=4.4", "rx_cow=if-shared", "gcm_sg=single"]);
  alone.input.process(alone.build(alone.seal(INNER), { linear: 36, request: 320 }));
  assertEquals(alone.copies, [`copy bounce-in ${ESP_BYTES}`, "copy bounce-out 1416", "copy pull-tail 20"]);
  assertEquals(alone.clear, [INNER.toHex()]);
});

Deno.test("a request counts its scatterlist entries and the steps of its walk, by the length of the ciphertext", () => {
  for (const [frags, count] of [[1, 2], [3, 4]] as const) {
    const alone = new Alone(IF_SHARED);
    alone.input.process(alone.build(alone.seal(INNER), { linear: 36, request: 320, frags }));
    alone.fixture.finish();
    const [open] = alone.fixture.events.of("open");
    assertEquals([open!.reason, open!.bytes, open!.count], ["aes-gcm", 1416, count]);
  }
});

Deno.test("transport mode puts the IP header back over the ESP header", () => {
  const alone = new Alone(IF_SHARED, "transport");
  for (const shape of [{}, { linear: 20, request: 320 }, { linear: 36, request: 320, frags: 5 }]) {
    alone.input.process(alone.build(alone.seal(INNER), shape));
  }
  assertEquals(alone.clear, Array(3).fill(INNER.toHex()));
  assertEquals(alone.ways, Array(3).fill("transport"));
});

Deno.test("a packet that GRO's handler took goes to the second pass in either mode", () => {
  for (const mode of ["tunnel", "transport"] as const) {
    const alone = new Alone(IF_SHARED, mode);
    const skb = alone.build(alone.seal(INNER));
    alone.input.takeFromGro(skb, alone.input.find(skb)!);
    assertEquals(alone.ways, ["fromGro"]);
  }
});

Deno.test("congestion met outside is said inside where that can say it (RFC 3168, section 9.1.1)", () => {
  for (const [inside, after] of [[0, 0], [1, 3], [2, 3], [3, 3], [0xb8, 0xb8], [0xb9, 0xbb]] as const) {
    const alone = new Alone(IF_SHARED);
    const inner = tcpFrame({ tos: inside }).slice(ETH_HLEN);
    const packet = alone.seal(inner);
    ip.setDsField(packet, 0, ip.dsField(packet, 0) | 3);
    ipv4.writeHeaderChecksum(packet, 0);
    alone.input.process(alone.build(packet));
    inner[1] = after;
    ipv4.writeHeaderChecksum(inner, 0);
    assertEquals(alone.clear, [inner.toHex()], `${inside}`);
  }
});

Deno.test("what was left in the clear is not decrypted, whoever could", () => {
  for (const encrypts of [true, false]) {
    const alone = new Alone(IF_SHARED, "tunnel", encrypts);
    const packet = sealEspPacket(INNER, alone.sa, alone.sa.aead(ENGINES.skip), 1, 0);
    const skb = alone.build(packet, { linear: 20, request: 320 });
    skb.leftClear = true;
    alone.input.process(skb);
    assertEquals(alone.clear, [INNER.toHex()]);
    alone.assertNothingLives();
  }
});

Deno.test("a wrong ICV is rejected after the work was done, and its number may come again", () => {
  const alone = new Alone(IF_SHARED);
  const packet = alone.seal(INNER, 1);
  const bad = packet.slice();
  bad[bad.length - 1]! ^= 1;
  alone.input.process(alone.build(bad, { linear: 36, request: 320 }));
  alone.input.process(alone.build(packet));
  assertEquals([alone.drops, alone.clear], [["icv"], [INNER.toHex()]]);
  assertEquals(alone.fixture.events.of("open").length, 2);
  assertEquals(alone.fixture.events.of("reject").map(({ bytes }) => bytes), [1416]);
  alone.assertNothingLives();
});

Deno.test("a number that has come, or is behind the window, is dropped before anything is copied", () => {
  const alone = new Alone(ALWAYS);
  for (const sequence of [1, 1, 65, 1, 2, 2]) {
    alone.input.process(alone.build(alone.seal(INNER, sequence), { linear: 36 }));
  }
  assertEquals(alone.drops, ["replay", "replay", "replay"]);
  assertEquals(alone.fixture.events.of("open").length, 3);
  alone.assertNothingLives();
});

Deno.test("no SA, too short, no payload, a dummy, no IP inside: each is dropped with its reason, and nothing leaks", () => {
  const alone = new Alone(IF_SHARED);
  const unknown = alone.seal(INNER);
  unknown[20]! ^= 1;
  alone.input.process(alone.build(unknown));
  alone.input.process(alone.build(alone.seal(INNER).subarray(0, 26)));
  alone.input.process(alone.build(alone.seal(INNER).subarray(0, 40)));
  alone.input.process(alone.build(alone.seal(INNER).subarray(0, 51)));
  assertEquals(alone.drops, ["no-state", "esp-short", "esp-short", "esp-short"]);
  const trailers: [padBytes: number, nextHeader: number][] = [[100, 4], [2, 59], [2, 6]];
  for (const [padBytes, nextHeader] of trailers) alone.input.process(withTrailer(alone, padBytes, nextHeader));
  assertEquals(alone.drops.slice(4), ["pad-length", "dummy", "not-tunnelled"]);
  assertEquals(alone.clear, []);
  alone.assertNothingLives();
});

/** 40 bytes of ciphertext, left in the clear, that end in this trailer. */
function withTrailer(alone: Alone, padBytes: number, nextHeader: number): Skb {
  const packet = sealEspPacket(
    INNER.subarray(0, 38),
    alone.sa,
    alone.sa.aead(ENGINES.skip),
    alone.sa.nextSequence(),
    0,
  );
  packet[packet.length - 18] = padBytes;
  packet[packet.length - 17] = nextHeader;
  const skb = alone.build(packet);
  skb.leftClear = true;
  return skb;
}
