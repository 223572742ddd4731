/** What else GRO takes or leaves: super-packets (GSO input), one bucket for all (`rx_hash`), fair buffers (`gro_overflow`). */

import { assertEquals } from "@std/assert";
import { Gro } from "./gro.ts";
import { REASON } from "../ledger/schema.ts";
import { type TcpFrame, tcpFrame } from "../replay/testing.ts";
import { CHECKSUM, GSO_TYPE, type Skb } from "../skb/skb.ts";
import { addFrag, addToFragList } from "../skb/paged_ops.ts";
import { flowOf, interleaved, rangesOf, StageFixture } from "./testing.ts";
import { receiveAll } from "./testing_polls.ts";

/** A segment, or with a `gsoSize` a super-packet of segments of that size; with half of its payload in a frag_list. */
type Input = TcpFrame & { gsoSize?: number; hasFragList?: boolean };

/** What goes up of super-packets and ordinary segments: "packets segments gso_size reason". */
function merged(inputs: readonly Input[], era: string): string[] {
  const fixture = new StageFixture([`era=${era}`, "gro=on", "gso=xfrm"]);
  const { host, engine } = fixture;
  const up: { skb: number; text: string }[] = [];
  const take = (skb: Skb): void => {
    const text = `${rangesOf(skb.members ?? [skb.packet])} ${skb.head.gsoSegs} ${skb.head.gsoSize}`;
    up.push({ skb: skb.id, text: skb.ipSummed === CHECKSUM.partial ? text : `${text} ${skb.ipSummed}` });
    host.skbs.free(skb, REASON.consumed);
  };
  const gro = new Gro(host, { process: take });
  let sequence = 1000;
  const skbs = inputs.map((input, packet) => {
    const skb = inputSkb(fixture, packet, { ...input, sequence });
    sequence += input.payloadBytes ?? 1460;
    return skb;
  });
  const poll = [...skbs.map((skb) => () => gro.receive(skb)), () => gro.endPoll(true)];
  host.cpu.onSoftirq(1, {
    step: () => {
      poll.shift()!();
      return poll.length > 0;
    },
  });
  host.cpu.raise(1, 0);
  engine.run();
  fixture.finish();
  assertEquals(host.skbs.memory.live, 0);
  const reasons = new Map(fixture.events.of("flush").map(({ skb, reason }) => [skb, ` ${reason}`]));
  return up.map(({ skb, text }) => text + (reasons.get(skb) ?? ""));
}

/** Headers linear, payload in one page, as a device with a GSO header in front of the frame hands it up. */
function inputSkb(fixture: StageFixture, packet: number, input: Input): Skb {
  const { gsoSize = 0, hasFragList = false, ...fields } = input;
  const { skbs } = fixture.host;
  const payloadBytes = fields.payloadBytes ?? 1460;
  const gsoSegs = gsoSize === 0 ? 0 : Math.ceil(payloadBytes / gsoSize);
  const frame = tcpFrame({ id: 7, ...fields });
  const skb = skbs.napiAllocSkb(256);
  skbs.memory.u8.set(frame.subarray(0, 54), skb.dataAt);
  skb.macHeader = skb.data;
  skb.tail += 54;
  skb.len = 54;
  const page = skbs.memory.allocate(payloadBytes);
  skbs.memory.u8.set(frame.subarray(54), page.at);
  if (hasFragList) {
    const member = skbs.napiAllocSkb(256);
    addFrag(member, page, 0, payloadBytes);
    addToFragList(skb, null, member);
  } else {
    addFrag(skb, page, 0, payloadBytes);
  }
  skb.data += 14;
  skb.len -= 14;
  skb.networkHeader = skb.data;
  skb.transportHeader = skb.data + 20;
  Object.assign(skb, { packet, payloadBytes, ipSummed: gsoSize === 0 ? CHECKSUM.unnecessary : CHECKSUM.partial });
  if (gsoSize > 0) Object.assign(skb.head, { gsoSize, gsoSegs, gsoType: GSO_TYPE.tcpV4 });
  return skb;
}

/** Ten segments; with DF and one IP id, as Linux writes it into packets that need none. */
const SUPER = { payloadBytes: 10 * 1460, gsoSize: 1460 };

Deno.test("4.4 passes super-packets by, untouched, before what is held", () => {
  assertEquals(merged([{}, SUPER, {}], "4.4"), ["1 10 1460", "0 0 0 1 sequence", "2 0 0 1 poll-end"]);
});

Deno.test("6.1 merges super-packets whose segments are of one size, with each other and with segments", () => {
  assertEquals(merged([SUPER, SUPER], "6.1"), ["0-1 20 1460 poll-end"]);
  assertEquals(merged([{}, SUPER, {}], "6.1"), ["0-2 12 1460 poll-end"]);
  assertEquals(merged([SUPER, SUPER, SUPER, SUPER, SUPER], "6.1"), ["0-3 40 1460 size-limit", "4 10 1460 poll-end"]);
});

Deno.test("6.1 keeps super-packets apart whose IP ids count with DF: only a second segment may begin to count", () => {
  assertEquals(merged([SUPER, { ...SUPER, id: 17 }], "6.1"), ["0 10 1460 ip-id", "1 10 1460 poll-end"]);
  const counting = { ...SUPER, fragmentWord: 0 };
  assertEquals(merged([counting, { ...counting, id: 17 }], "6.1"), ["0-1 20 1460 poll-end"]);
});

Deno.test("6.1 completes a super-packet that ends with a short segment, and keeps apart other segment sizes", () => {
  const short = { payloadBytes: 9 * 1460 + 700, gsoSize: 1460 };
  assertEquals(merged([short], "6.1"), ["0 10 1460"]);
  assertEquals(merged([SUPER, short, {}], "6.1"), ["0-1 20 1460 short-segment", "2 0 0 1 poll-end"]);
  assertEquals(merged([SUPER, { payloadBytes: 5 * 1000, gsoSize: 1000 }], "6.1"), [
    "0 10 1460 gso-size",
    "1 5 1000 poll-end",
  ]);
});

Deno.test("6.1 completes a super-packet that stayed alone with its segments and its size", () => {
  assertEquals(merged([SUPER], "6.1"), ["0 10 1460 poll-end"]);
});

Deno.test("a packet with a frag_list of its own is never merged; 4.4 passes it by, 6.1 sends its flow up first", () => {
  const frames = [{}, {}, { hasFragList: true }, {}];
  const withIds = frames.map((frame, i) => ({ ...frame, id: i }));
  assertEquals(merged(withIds, "4.4"), ["2 0 0 1", "0-1 2 1460 sequence", "3 0 0 1 poll-end"]);
  assertEquals(merged(withIds, "6.1"), ["0-1 2 1460 ip-refused", "2 0 0 1", "3 0 0 1 poll-end"]);
});

Deno.test("rx_hash=off puts all flows into one bucket of eight: the ninth throws the oldest out", () => {
  const frames = interleaved(9, 2);
  const sets = ["era=6.1", "rx_hash=off"];
  assertEquals(
    receiveAll(interleaved(8, 2), sets).deliveries,
    Array.from({ length: 8 }, (_, i) => `${i} ${i + 8}:poll-end`),
  );
  assertEquals(receiveAll(frames, sets).deliveries.filter((text) => text.endsWith("table-full")).length, 10);
  const spread = receiveAll(frames, ["era=6.1", "rx_hash=on"]).deliveries;
  assertEquals(spread.length, 9);
});

Deno.test("gro_overflow=stop completes a buffer whose fragments are full, and holds the packet that found it so", () => {
  const frames = flowOf(40);
  assertEquals(receiveAll(frames, ["era=6.1", "gro_overflow=stop"]).deliveries, [
    "0-16:frags-full",
    "17-33:frags-full",
    "34-39:poll-end",
  ]);
  assertEquals(receiveAll(frames, ["era=6.1", "gro_overflow=stop", "build_frags=16"]).deliveries, [
    "0-15:frags-full",
    "16-31:frags-full",
    "32-39:poll-end",
  ]);
  assertEquals(receiveAll(frames, ["era=6.1", "build_frags=16"]).deliveries, ["0-39:poll-end"]);
});

Deno.test("gro_overflow=stop merges no kmalloc heads, which only a frag_list takes", () => {
  const { deliveries } = receiveAll(flowOf(3), ["era=6.1", "gro_overflow=stop", "rx_layout=kmalloc"]);
  assertEquals(deliveries, ["0:frags-full", "1:frags-full", "2:poll-end"]);
});
