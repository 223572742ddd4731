import { assertEquals } from "@std/assert";
import { brokenLaws, type EndState } from "./laws.ts";
import { Tally } from "./tally.ts";
import { foldOf, type TestRow } from "./testing.ts";

/** A run in which one packet is sent, one dropped, one passes by, one is in a queue, and two are held in all. */
const RUN: TestRow[] = [
  { event: "arrive", payloadBytes: 100 },
  { event: "arrive", payloadBytes: 30 },
  { event: "arrive", count: 2 },
  { event: "arrive", reason: "bypass" },
  { event: "alloc" },
  { event: "alloc" },
  { event: "clone" },
  { event: "enqueue", costPs: 1500 },
  { event: "enqueue" },
  { event: "dequeue", costPs: 500 },
  { event: "free" },
  { event: "free" },
  { event: "free" },
  { event: "send", payloadBytes: 100 },
  { event: "drop", reason: "queueLimit", payloadBytes: 30 },
  { event: "deliver" },
];
const END: EndState = { heldPackets: 2, queuedPackets: 1, busyPs: [1000, 1000], elapsedNs: 1, liveBlocks: 0 };

function broken(rows: TestRow[], end: Partial<EndState> = {}): string[] {
  return brokenLaws(foldOf(new Tally(), rows), { ...END, ...end });
}

Deno.test("brokenLaws() finds nothing wrong with a ledger that adds up", () => {
  assertEquals(broken(RUN), []);
});

Deno.test("brokenLaws() finds nothing wrong with a run in which nothing happened", () => {
  const end = { heldPackets: 0, queuedPackets: 0, busyPs: [0], elapsedNs: 0, liveBlocks: 0 };
  assertEquals(broken([], end), []);
});

/** Tampered ledgers: rows added to the run, or another end, and the sentences that must come of it. */
const TAMPERED: [what: string, rows: TestRow[], end: Partial<EndState>, laws: string[]][] = [
  ["a callback that never came", [{ event: "submit" }], {}, ["submitted = completed + in flight: 1 against 0"]],
  ["a request that is in flight", [{ event: "submit" }], { requestsInFlight: 1 }, []],
  ["a packet that vanished", [{ event: "arrive" }], {}, ["arrived = delivered + dropped + held: 6 against 5"]],
  ["a packet sent twice", [{ event: "send" }], {}, ["arrived = delivered + dropped + held: 5 against 6"]],
  ["a packet dropped twice", [{ event: "drop" }], {}, ["arrived = delivered + dropped + held: 5 against 6"]],
  ["a held packet forgotten", [], { heldPackets: 1 }, ["arrived = delivered + dropped + held: 5 against 4"]],
  [
    "a bypassing packet that went into the tunnel",
    [{ event: "arrive", reason: "bypass" }, { event: "send" }],
    {},
    ["bypassing packets are delivered: 2 against 1"],
  ],
  [
    "payload lost on the way",
    [{ event: "arrive", payloadBytes: 9 }, { event: "send", payloadBytes: 8 }],
    {},
    ["payload in = payload out + dropped: 139 against 138"],
  ],
  [
    "payload made up by a drop",
    [{ event: "arrive" }, { event: "drop", payloadBytes: 1 }],
    {},
    ["payload in = payload out + dropped: 130 against 131"],
  ],
  [
    "payload that a socket never got",
    [{ event: "arrive", payloadBytes: 9 }, { event: "deliver", reason: "toSocket", payloadBytes: 8 }],
    {},
    ["payload in = payload out + dropped: 139 against 138"],
  ],
  [
    "a bypassing packet that a socket got",
    [{ event: "arrive", reason: "bypass" }, { event: "deliver", reason: "toSocket" }],
    {},
    ["bypassing packets are delivered: 2 against 1"],
  ],
  ["a buffer never freed", [{ event: "alloc" }], {}, ["allocated = freed + live: 4 against 3"]],
  ["a clone never freed", [{ event: "clone" }], {}, ["allocated = freed + live: 4 against 3"]],
  ["a buffer freed twice", [{ event: "free" }], {}, ["allocated = freed + live: 3 against 4"]],
  ["a block leaked", [], { liveBlocks: 1 }, ["memory is given back: 1 against 0"]],
  ["a packet lost in a queue", [{ event: "enqueue" }], {}, ["enqueued + requeued = dequeued + queued: 3 against 2"]],
  ["a packet dequeued twice", [{ event: "dequeue" }], {}, ["enqueued + requeued = dequeued + queued: 2 against 3"]],
  ["a queue misread", [], { queuedPackets: 0 }, ["enqueued + requeued = dequeued + queued: 2 against 1"]],
  [
    "work that no CPU did",
    [{ event: "visit", costPs: 1 }],
    {},
    ["sum of costs = busy time of the CPUs: 2001 against 2000"],
  ],
  ["time that nothing cost", [], { busyPs: [999, 1000] }, ["sum of costs = busy time of the CPUs: 2000 against 1999"]],
  ["a CPU above 100 %", [], { busyPs: [2000, 0] }, ["no CPU above 100 %: CPU 0 is busy for 2000 ps of 1000 ps"]],
];

for (const [what, rows, end, laws] of TAMPERED) {
  Deno.test(`brokenLaws() names the law that is broken by ${what}`, () => {
    assertEquals(broken([...RUN, ...rows], end), laws);
  });
}
