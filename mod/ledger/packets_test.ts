/** When a packet is over, and who pays: what whole runs show only where a block of rows happens to end. */

import { assertEquals } from "@std/assert";
import { EventBlock } from "./ledger.ts";
import { type PacketRecord, Packets } from "./packets.ts";
import { EVENT, NONE, REASON, STAGE } from "./schema.ts";

/** One row; what is left out is 0, NONE or 1 for `count`. */
interface Row {
  readonly event: keyof typeof EVENT;
  readonly stage?: keyof typeof STAGE;
  readonly reason?: keyof typeof REASON;
  readonly packet?: number;
  readonly skb?: number;
  readonly into?: number;
  readonly bytes?: number;
  readonly count?: number;
  readonly payloadBytes?: number;
  readonly costPs?: number;
  readonly cpu?: number;
}

/** Hands each list of rows to a fold as a block of its own; returns the records after each block, and at the end. */
function recordsAfter(...blocks: readonly (readonly Row[])[]): PacketRecord[][] {
  const records: PacketRecord[] = [];
  const fold = new Packets((record) => records.push(record));
  const after = blocks.map((rows) => {
    const block = new EventBlock();
    block.rows = rows.length;
    rows.forEach((row, i) => {
      block.event[i] = EVENT[row.event];
      block.stage[i] = STAGE[row.stage ?? "driver-rx"];
      block.reason[i] = REASON[row.reason ?? "none"];
      block.packet[i] = row.packet ?? NONE;
      block.skb[i] = row.skb ?? NONE;
      block.into[i] = row.into ?? NONE;
      block.bytes[i] = row.bytes ?? 0;
      block.count[i] = row.count ?? 1;
      block.payloadBytes[i] = row.payloadBytes ?? 0;
      block.costPs[i] = row.costPs ?? 0;
      block.flow[i] = NONE;
      block.cpu[i] = row.cpu ?? 0;
    });
    fold.add(block);
    return [...records];
  });
  fold.finish();
  return [...after, records];
}

const ARRIVE: Row[] = [0, 1].map((packet) => ({ event: "arrive", stage: "rx-ring", packet, payloadBytes: 100 }));
/** Packet 0 is taken, sent and freed as skb 5. */
const LIFE: Row[] = [
  { event: "visit", packet: 0, skb: 5, costPs: 10 },
  { event: "send", stage: "nic", packet: 0, skb: 5, bytes: 100 },
  { event: "free", packet: 0, skb: 5, costPs: 1 },
];

Deno.test("Packets hands a packet on when it was sent, its buffer freed and its poll over, whichever comes last", () => {
  const poll: Row = { event: "poll", costPs: 7 };
  const [first, second] = recordsAfter([...ARRIVE, ...LIFE], [poll]);
  assertEquals([first!.length, second!.map(({ packet, costPs }) => [packet, costPs])], [0, [[0, 18]]]);
  const [visit, send, free] = LIFE;
  const [unsent, sent, freed] = recordsAfter([...ARRIVE, visit!, poll], [send!], [free!]);
  assertEquals([unsent!.length, sent!.length, freed!.length], [0, 0, 1]);
  assertEquals([freed![0]!.outcome, freed![0]!.costPs], ["sent", 18]);
});

Deno.test("Packets keeps the newest packet, which pays for an empty poll", () => {
  const [only] = ARRIVE;
  const [before, after, end] = recordsAfter([only!, ...LIFE, { event: "poll", costPs: 7 }], [{
    event: "poll",
    costPs: 3,
  }]);
  assertEquals([before!.length, after!.length, end!.map(({ costPs }) => costPs)], [0, 0, [21]]);
});

Deno.test("Packets hands on at once what a device refused or nobody wants", () => {
  const [, last] = ARRIVE;
  const refused: Row = { event: "drop", stage: "rx-ring", reason: "aboveMtu", packet: 0, payloadBytes: 100 };
  const ignored: Row = { event: "arrive", stage: "rx-ring", reason: "ignored", packet: 0 };
  assertEquals(recordsAfter([ARRIVE[0]!, refused, last!])[0]!.map(({ outcome }) => outcome), ["dropped"]);
  assertEquals(recordsAfter([ignored, last!])[0]!.map(({ outcome }) => outcome), ["ignored"]);
});

Deno.test("Packets: of many segments the one that counts decides, and the others are waited for", () => {
  const segments: Row[] = [6, 7].map((skb) => ({ event: "segment", stage: "gso", packet: 0, skb, into: 5, bytes: 50 }));
  const cut: Row[] = [...ARRIVE, LIFE[0]!, { event: "poll" }, ...segments, { event: "free", packet: 0, skb: 5 }];
  const lastDropped: Row[] = [
    { event: "drop", stage: "qdisc", reason: "queueLimit", packet: 0, skb: 7, payloadBytes: 100 },
    { event: "free", packet: 0, skb: 7 },
  ];
  const firstSent: Row[] = [
    { event: "send", stage: "nic", packet: 0, skb: 6, count: 0, bytes: 60 },
    { event: "free", packet: 0, skb: 6, costPs: 4 },
  ];
  const [, dropped, sent] = recordsAfter(cut, lastDropped, firstSent);
  assertEquals(dropped!.length, 0);
  const [record] = sent!;
  assertEquals([record!.outcome, record!.segments, record!.costPs, record!.tLeaveNs], ["dropped", 2, 14, undefined]);
});

Deno.test("Packets waits for frames of a packet that are in the ring when its last one meets it full", () => {
  const [first, second] = ARRIVE;
  const lost: Row = { event: "drop", stage: "rx-ring", reason: "rxRingFull", packet: 0, payloadBytes: 100 };
  const taken: Row[] = [{ event: "visit", packet: 0, skb: 5, costPs: 9 }, { event: "free", packet: 0, skb: 5 }];
  const next: Row[] = [second!, { event: "visit", packet: 1, skb: 6 }, { event: "poll", costPs: 2 }];
  const [dropped, , end] = recordsAfter([first!, lost], [...taken, ...next], []);
  assertEquals([dropped!.length, end!.map(({ outcome, costPs }) => [outcome, costPs])], [0, [["dropped", 10]]]);
});

Deno.test("Packets waits for the ring that lost a frame, not for those of other CPUs", () => {
  const [first, second] = ARRIVE;
  const third: Row = { event: "arrive", stage: "rx-ring", packet: 2 };
  const lost: Row = { event: "drop", stage: "rx-ring", reason: "rxRingFull", packet: 0, cpu: 1 };
  const elsewhere: Row[] = [{ event: "visit", packet: 1, skb: 5 }, { event: "poll", reason: "pollEnd", costPs: 3 }];
  const there: Row[] = [
    { event: "visit", packet: 0, skb: 6, cpu: 1, costPs: 9 },
    { event: "free", packet: 0, skb: 6, cpu: 1 },
    { event: "poll", reason: "pollEnd", cpu: 1, costPs: 2 },
  ];
  const [, other, own] = recordsAfter([first!, lost, second!, third], elsewhere, there);
  assertEquals([other!.length, own!.map(({ packet, costPs }) => [packet, costPs])], [0, [[0, 11]]]);
});

Deno.test("Packets charges a poll to what its own CPU took", () => {
  const [, , end] = recordsAfter([
    ...ARRIVE,
    { event: "visit", packet: 0, skb: 5 },
    { event: "visit", packet: 1, skb: 6, cpu: 1 },
    { event: "poll", cpu: 1, costPs: 30 },
    { event: "poll", costPs: 7 },
  ], []);
  assertEquals(end!.map(({ costPs }) => costPs), [7, 30]);
});

Deno.test("Packets shares the rows of a segment that is an aggregate over what it was cut from", () => {
  const [, , end] = recordsAfter([
    ...ARRIVE,
    { event: "visit", packet: 0, skb: 5 },
    { event: "visit", packet: 1, skb: 6 },
    { event: "merge", stage: "gro", packet: 1, skb: 6, into: 5 },
    { event: "free", packet: 1, skb: 6 },
    { event: "alloc", stage: "gso", skb: 7, costPs: 5 },
    { event: "segment", stage: "gso", skb: 7, into: 5, costPs: 6 },
    { event: "free", stage: "gso", skb: 7, costPs: 10 },
  ], []);
  assertEquals(end!.map(({ costPs }) => costPs), [13, 8]);
});

Deno.test("Packets counts a packet once among the owners of an aggregate of its own frames", () => {
  const [, end] = recordsAfter([
    ...ARRIVE,
    { event: "visit", packet: 0, skb: 5 },
    { event: "visit", packet: 0, skb: 6 },
    { event: "merge", stage: "gro", packet: 0, skb: 6, into: 5 },
    { event: "visit", packet: 1, skb: 8 },
    { event: "merge", stage: "gro", packet: 1, skb: 8, into: 5 },
    { event: "visit", stage: "forward", skb: 5, costPs: 10 },
  ]);
  assertEquals(end!.map(({ costPs }) => costPs), [5, 5]);
});

Deno.test("Packets counts a packet of several frames once, with the bytes of all, and by the frame that counts it", () => {
  const arrivals: Row[] = [
    { event: "arrive", stage: "rx-ring", packet: 0, bytes: 100, payloadBytes: 150 },
    { event: "arrive", stage: "rx-ring", packet: 0, bytes: 80, count: 0 },
  ];
  const lost: Row = { event: "drop", stage: "esp-input", reason: "replayed", packet: 0, count: 0 };
  const got: Row = { event: "deliver", stage: "local-in", reason: "toSocket", packet: 0, payloadBytes: 150 };
  const [record] = recordsAfter([...arrivals, lost, got])[1]!;
  assertEquals([record!.bytes, record!.payloadBytes, record!.outcome, record!.tLeaveNs], [180, 150, "delivered", 0]);
});

Deno.test("Packets charges a poll of decrypted packets to those that it took from the queue", () => {
  for (const stage of ["gro-cells", "backlog"] as const) {
    const taken: Row[] = [0, 1].map((packet) => ({ event: "visit", stage, packet, skb: 5 + packet }));
    const records = recordsAfter([...ARRIVE, ...taken, { event: "poll", stage: "napi", costPs: 7 }]).at(-1)!;
    assertEquals(records.map(({ costPs }) => costPs), [4, 3]);
  }
});

Deno.test("Packets keeps copies and cost of an skb until it is known whose it is, and of one that is nobody's", () => {
  const copy = (skb: number): Row => ({ event: "copy", skb, bytes: 52, costPs: 7 });
  const rows: Row[] = [
    ...ARRIVE,
    copy(5),
    { event: "visit", packet: 0, skb: 5, costPs: 10 },
    copy(6),
    { event: "free", skb: 6 },
    copy(7),
  ];
  const records = recordsAfter(rows).at(-1)!;
  const sums = records.map(({ packet, copies, copiedBytes, costPs }) => [packet, copies, copiedBytes, costPs]);
  assertEquals(sums, [[0, 1, 52, 17], [1, 2, 104, 14]]);
});
