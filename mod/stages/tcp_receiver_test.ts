import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { put, reserve } from "../skb/head_ops.ts";
import type { Skb } from "../skb/skb.ts";
import { get16 } from "../wire/bytes.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as tcp from "../wire/tcp.ts";
import { REASON } from "../ledger/schema.ts";
import { type TcpFrame, tcpFrame } from "../replay/testing.ts";
import { TIMESTAMPS } from "../replay/testing_streams.ts";
import { windowScale } from "./receive_window.ts";
import { TcpReceiver } from "./tcp_receiver.ts";
import { LoopFixture } from "./testing_loop.ts";

const MS = 1e6;
const MSS = 1000;
const FIN_ACK = 0x11;

/** One receiving end; times are in ms. */
class ReceiverFixture extends LoopFixture {
  /** Numbers that were acknowledged, and when. */
  readonly answers: [tMs: number, number: number][] = [];
  /** Headers of the last answer. */
  headers = new Uint8Array(0);
  readonly receiver: TcpReceiver;

  constructor(windowKib = 64) {
    super(windowKib);
    const { host, turns } = this;
    const output = { process: (skb: Skb) => this.#answer(skb) };
    const connection = this.connections.of(0)!;
    connection.begin(0);
    this.receiver = new TcpReceiver({ host, turns, output, windowBytes: windowKib * 1024, reader: null }, connection);
  }

  /** A segment with the bytes from `first` on arrives at `tMs`. */
  segment(tMs: number, first: number, bytes = MSS, fields: TcpFrame = {}): void {
    this.at(tMs * MS, () => {
      const { host: { skbs } } = this;
      const frame = tcpFrame({ sequence: first, payloadBytes: bytes, ...fields });
      const skb = skbs.allocSkb(2000);
      reserve(skb, 100);
      put(skb, frame.length - ETH_HLEN);
      skbs.memory.u8.set(frame.subarray(ETH_HLEN), skb.dataAt);
      skb.networkHeader = skb.data;
      skb.data += ipv4.HEADER_BYTES;
      skb.len -= ipv4.HEADER_BYTES;
      skb.transportHeader = skb.data;
      skb.packet = first / MSS;
      skb.isKept = true;
      this.receiver.take(skb, tcp.dataOffsetBytes(skbs.memory.u8, skb.dataAt));
    });
  }

  /** Why it acknowledged, in order. */
  get reasons(): string[] {
    return this.events.of("acknowledge").map(({ reason }) => reason);
  }

  #answer(skb: Skb): void {
    const { ledger, gate, skbs } = this.host;
    const bytes = skbs.memory.u8.subarray(skb.dataAt, skb.dataAt + skb.len);
    this.headers = Uint8Array.from(bytes);
    this.answers.push([ledger.nowNs / MS, tcp.acknowledgment(bytes, ipv4.HEADER_BYTES)]);
    gate.leave(1);
    skbs.free(skb, REASON.sent);
  }

  /** Runs to the end and gives everything back. */
  play(): this {
    this.engine.run();
    this.receiver.release();
    this.socket.release();
    this.finish();
    assertEquals(this.host.skbs.memory.live, 0);
    return this;
  }
}

Deno.test("TcpReceiver acknowledges the second full segment at once, and one that is alone after 40 ms", () => {
  const fixture = new ReceiverFixture();
  for (let i = 0; i < 5; i++) fixture.segment(i, i * MSS);
  fixture.play();
  assertEquals(fixture.answers, [[1, 2000], [3, 4000], [44, 5000]]);
  assertEquals(fixture.reasons, ["full-segments", "full-segments", "delayed-ack"]);
});

Deno.test("TcpReceiver acknowledges a short segment and a FIN at once", () => {
  const fixture = new ReceiverFixture();
  fixture.segment(0, 0);
  fixture.segment(1, 1000, 300);
  fixture.segment(2, 1300, 0, { flags: FIN_ACK });
  fixture.play();
  assertEquals(fixture.answers, [[1, 1300], [2, 1301]]);
  assertEquals(fixture.reasons, ["full-segments", "syn-or-fin"]);
  const short = new ReceiverFixture();
  short.segment(0, 0, 300);
  assertEquals(short.play().reasons, ["all-read"]);
});

Deno.test("TcpReceiver learns that segments are short when two of them are equally so", () => {
  const fixture = new ReceiverFixture();
  for (let i = 0; i < 5; i++) fixture.segment(i, i * 200, 200);
  fixture.play();
  assertEquals(fixture.answers.slice(0, 3), [[0, 200], [2, 600], [4, 1000]]);
});

Deno.test("TcpReceiver keeps what comes too early, says what is missing, and reads all when that has come", () => {
  const fixture = new ReceiverFixture();
  for (const [tMs, number] of [[0, 0], [1, 2], [2, 4], [3, 3], [4, 1], [5, 1]] as const) {
    fixture.segment(tMs, number * MSS);
  }
  fixture.play();
  assertEquals(fixture.answers, [[1, 1000], [2, 1000], [3, 1000], [4, 5000], [5, 5000]]);
  assertEquals(fixture.reasons, ["out-of-order", "out-of-order", "out-of-order", "out-of-order", "old-data"]);
  const read = fixture.events.of("user-copy").map(({ packet, bytes }) => [packet, bytes]);
  assertEquals(read, [[0, MSS], [1, MSS], [2, MSS], [3, MSS], [4, MSS]]);
  assertEquals(fixture.events.of("drop").map(({ packet, reason, count }) => [packet, reason, count]), [[
    1,
    "old-data",
    0,
  ]]);
});

Deno.test("TcpReceiver reads of a segment that comes in part again only what is new", () => {
  const fixture = new ReceiverFixture();
  fixture.segment(0, 0);
  fixture.segment(1, 400, MSS);
  fixture.play();
  assertEquals(fixture.events.of("user-copy").map(({ bytes }) => bytes), [MSS, 400]);
});

Deno.test("TcpReceiver drops what is of another stream", () => {
  const fixture = new ReceiverFixture();
  fixture.segment(0, 0);
  fixture.segment(1, 0x60000000);
  fixture.play();
  assertEquals(fixture.events.of("drop").map(({ reason }) => reason), ["out-of-window"]);
});

Deno.test("TcpReceiver reads every byte once, in whatever order segments come and how often", () => {
  const order = fc.array(fc.nat(9), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(order, (numbers) => {
      const fixture = new ReceiverFixture();
      [...numbers, ...Array.from({ length: 10 }, (_, i) => i)].forEach((number, i) => fixture.segment(i, number * MSS));
      fixture.play();
      const bytes = fixture.events.of("user-copy").reduce((sum, row) => sum + row.bytes, 0);
      assertEquals(bytes, 10 * MSS);
      assertEquals(fixture.answers.at(-1)![1], 10 * MSS);
    }),
    { numRuns: 50 },
  );
});

Deno.test("TcpAnswer: addresses and ports change places, timestamps are echoed, the window is scaled", () => {
  const fixture = new ReceiverFixture(1024);
  fixture.segment(0, 0, 100, { options: TIMESTAMPS, acknowledgment: 77, sourcePort: 40000 });
  fixture.play();
  const { headers } = fixture;
  assertEquals(headers.length, 20 + 20 + 12);
  assertEquals([ipv4.source(headers, 0), ipv4.destination(headers, 0)], [0xcb007101, 0xc6336401]);
  assertEquals([tcp.sourcePort(headers, 20), tcp.destinationPort(headers, 20)], [5001, 40000]);
  assertEquals([tcp.sequence(headers, 20), tcp.acknowledgment(headers, 20), tcp.flags(headers, 20)], [77, 100, 0x10]);
  assertEquals(get16(headers, 20 + tcp.OFFSET_WINDOW) * 2 ** windowScale(1024 * 1024), 1024 * 1024);
  assertEquals([...headers.subarray(40)], [1, 1, 8, 10, 0, 0, 0, 2, 0, 0, 0, 1]);
  assertEquals(ipv4.headerChecksumOk(headers, 0), true);
});
