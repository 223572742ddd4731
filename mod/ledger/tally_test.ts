import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Ledger } from "./ledger.ts";
import { EVENT, EVENT_NAMES, NONE, REASON, REASONS, STAGE, STAGE_NAMES } from "./schema.ts";
import { type Sums, Tally } from "./tally.ts";
import { foldOf, type TestRow } from "./testing.ts";

const ROWS: TestRow[] = [
  { event: "copy", stage: "gso", reason: "segmentCopy", bytes: 1448, count: 2, costPs: 10, payloadBytes: 5 },
  { event: "copy", stage: "gso", reason: "segmentCopy", bytes: 100, count: 1, costPs: 7, payloadBytes: 6 },
  { event: "copy", stage: "gso", reason: "pullTail", bytes: 40, costPs: 3 },
  { event: "copy", stage: "esp-output", reason: "pullTail", bytes: 50, costPs: 2 },
  { event: "checksum", stage: "gso", reason: "fused", bytes: 1448, costPs: 1 },
];

Deno.test("Tally.sum() adds every column over the rows that fit", () => {
  const tally = foldOf(new Tally(), ROWS);
  const copies = tally.sum({ event: "copy", stage: STAGE.gso, reason: REASON.segmentCopy });
  assertEquals(copies, { rows: 2, bytes: 1548, count: 3, costPs: 17, payloadBytes: 11, steps: 0 });
});

Deno.test("Tally.sum() adds the cipher steps of requests, and of nothing else", () => {
  const tally = foldOf(new Tally(), [
    { event: "seal", stage: "esp-output", bytes: 1448, count: 3, steps: 4 },
    { event: "copy", stage: "esp-output", bytes: 8 },
    { event: "seal", stage: "esp-output", bytes: 8, count: 1, steps: 1 },
  ]);
  assertEquals(tally.sum({ event: "seal" }), { rows: 2, bytes: 1456, count: 4, costPs: 0, payloadBytes: 0, steps: 5 });
  assertEquals(tally.sum({ event: "copy" }).steps, 0);
});

Deno.test("Tally.sum() asks only for what the selection names", () => {
  const tally = foldOf(new Tally(), ROWS);
  const rows = (stage?: keyof typeof STAGE, reason?: keyof typeof REASON): number => {
    return tally.sum({
      event: "copy",
      ...(stage === undefined ? {} : { stage: STAGE[stage] }),
      ...(reason === undefined ? {} : { reason: REASON[reason] }),
    }).bytes;
  };
  assertEquals([rows(), rows("gso"), rows(undefined, "pullTail"), rows("gso", "pullTail")], [1638, 1588, 90, 40]);
  assertEquals([rows("nic"), rows("gso", "skbCopy"), tally.sum({ event: "drop" }).rows], [0, 0, 0]);
});

Deno.test("Tally.work() tells CPUs apart, and leaves out devices and what a full ring had no room for", () => {
  const tally = new Tally();
  const ledger = new Ledger(() => 1, [tally]);
  ledger.stage = STAGE.gso;
  for (const [cpu, bytes] of [[3, 10], [0, 100], [3, 1000]] as const) {
    ledger.beginStep(cpu, 0, 0);
    ledger.write(EVENT.copy, REASON.segmentCopy, 0, 0, NONE, bytes, 2, 0);
    ledger.endStep();
  }
  ledger.writeDevice(0, STAGE.gso, EVENT.copy, REASON.segmentCopy, 0, 0, 5, 1, 0, NONE);
  ledger.writeDevice(0, STAGE["rx-ring"], EVENT.drop, REASON.rxRingFull, 0, 0, 5, 1, 0, NONE, 3);
  ledger.finish();
  const kind = { event: EVENT.copy, stage: STAGE.gso, reason: REASON.segmentCopy };
  assertEquals(tally.work(), [
    { ...kind, cpu: 0, rows: 1, bytes: 100, count: 2 },
    { ...kind, cpu: 3, rows: 2, bytes: 1010, count: 4 },
  ]);
  assertEquals([tally.sum({ event: "copy" }).bytes, tally.costPs], [1115, 3]);
});

Deno.test("Tally.costPs is the sum of all prices", () => {
  assertEquals(foldOf(new Tally(), ROWS).costPs, 23);
  assertEquals(new Tally().costPs, 0);
});

Deno.test("Tally.forEach() visits what happened, in the order of the schema", () => {
  const tally = foldOf(new Tally(), [...ROWS].reverse());
  const visited: [string, string, number][] = [];
  tally.forEach(EVENT.copy, (stage, reason, { rows }) => {
    visited.push([STAGE_NAMES[stage]!, REASONS[reason]!.name, rows]);
  });
  assertEquals(visited, [["gso", "pull-tail", 1], ["gso", "segment-copy", 2], ["esp-output", "pull-tail", 1]]);
});

Deno.test("Tally.sum() agrees with a filter over the rows, for every event, stage and reason", () => {
  const row = fc.record({
    event: fc.constantFrom(...EVENT_NAMES),
    stage: fc.constantFrom(...STAGE_NAMES),
    reason: fc.constantFrom(...(Object.keys(REASON) as (keyof typeof REASON)[])),
    bytes: fc.nat(70_000),
    count: fc.nat(50),
    costPs: fc.nat(1_000_000),
    payloadBytes: fc.nat(70_000),
  });
  fc.assert(fc.property(fc.array(row, { maxLength: 40 }), (rows) => {
    const tally = foldOf(new Tally(), rows);
    for (const { event, stage, reason } of rows) {
      const ours = rows.filter((row) => row.event === event && row.stage === stage && row.reason === reason);
      const expected: Sums = { rows: ours.length, bytes: 0, count: 0, costPs: 0, payloadBytes: 0, steps: 0 };
      for (const each of ours) {
        expected.bytes += each.bytes;
        expected.count += each.count;
        expected.costPs += each.costPs;
        expected.payloadBytes += each.payloadBytes;
      }
      assertEquals(tally.sum({ event, stage: STAGE[stage], reason: REASON[reason] }), expected);
      assertEquals(tally.sum({ event }).rows, rows.filter((row) => row.event === event).length);
    }
    assertEquals(tally.costPs, rows.reduce((sum, row) => sum + row.costPs, 0));
  }));
});
