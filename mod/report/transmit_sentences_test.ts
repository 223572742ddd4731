/** Every sentence about the queue in front of the driver is told by a run of `explain`, in the words that are right there. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { resolveConfig } from "../config/resolve.ts";
import { REASON, REASONS } from "../ledger/schema.ts";
import { explain, type PacketLife, type StoryRow } from "../replay/explain.ts";
import { bulk, captureOf, flatProfile } from "../replay/testing.ts";
import { renderExplanation } from "./explanation.ts";
import { rows, type Scene } from "./phrases.ts";
import { TRANSMIT_SENTENCES } from "./transmit_sentences.ts";

/** Where a sentence is told: settings on top of preset linux-6.1, the packet (from 1), and what is said. */
interface Told {
  readonly key: string;
  readonly sets: readonly string[];
  readonly number: number;
  readonly words: string;
}

/** All arrive at once, and leave through a ring of four frames. */
const CROWDED = ["gro=off", "tx_ring=4", "link_gbps=0.1", "pace=rate:999999"];

const TOLD: readonly Told[] = [
  {
    key: "visit qdisc",
    sets: [],
    number: 1,
    words: "The queue is empty: bypassed, straight to the driver (__dev_xmit_skb).",
  },
  {
    key: "visit qdisc",
    sets: ["qdisc=noqueue"],
    number: 1,
    words: "The device has no queue: straight to the driver (__dev_queue_xmit).",
  },
  {
    key: "visit qdisc",
    sets: CROWDED,
    number: 9,
    words: "Others wait or a run goes on: it has to queue (__dev_xmit_skb).",
  },
  { key: "enqueue qdisc", sets: CROWDED, number: 9, words: "waits in the queue, number 7 of it (pfifo_enqueue)." },
  {
    key: "enqueue qdisc",
    sets: [...CROWDED, "qdisc=fq_codel"],
    number: 9,
    words: "waits in the queue, number 7 of it (fq_codel_enqueue).",
  },
  {
    key: "enqueue qdisc",
    sets: [...CROWDED, "qdisc=pfifo_fast"],
    number: 9,
    words: "waits in the queue, number 7 of it (pfifo_fast_enqueue).",
  },
  { key: "dequeue", sets: CROWDED, number: 9, words: "still wait (dequeue_skb)." },
  { key: "busy", sets: CROWDED, number: 3, words: ": the TX ring lacks descriptors (ndo_start_xmit)." },
  {
    key: "busy",
    sets: ["tx_fault=busy:1"],
    number: 1,
    words: ": tx_fault: the driver is at fault and refuses it, though its ring has room (ndo_start_xmit).",
  },
  {
    key: "busy queue-stopped",
    sets: ["tx_fault=stopped:5"],
    number: 1,
    words: "would go next and has to wait: the driver's queue is stopped (netif_tx_stop_queue).",
  },
  {
    key: "busy byte-limit",
    sets: ["bql=on", ...CROWDED.slice(0, 1), "link_gbps=0.1", "pace=rate:999999"],
    number: 2,
    words: "has to wait: as many bytes are in the TX ring as its byte queue limit allows (BQL) (netdev_tx_sent_queue).",
  },
  {
    key: "requeue",
    sets: ["tx_fault=busy:1"],
    number: 1,
    words: "is put back and goes first next time (dev_requeue_skb).",
  },
  {
    key: "dequeue fattest-flow",
    sets: [...CROWDED, "qdisc=fq_codel", "qdisc_limit=4"],
    number: 4,
    words: "is taken out of the queue to be dropped, ",
  },
];

/** Sentences of which a run has no short example, with their reasons. */
const BY_HAND: Readonly<Record<string, number>> = {
  "requeue behind-backlog": REASON.behindBacklog,
  "dequeue codel": REASON.codel,
  "dequeue codel-mark": REASON.codelMark,
};

function lifeOf({ sets, number }: Pick<Told, "sets" | "number">): Promise<PacketLife> {
  const resolved = resolveConfig({ preset: "linux-6.1", sets: ["engine=skip", ...sets] });
  const input = captureOf(bulk(12, { payloadBytes: 1300 }));
  return explain({ input, resolved, profile: flatProfile("visit", "driver-tx", "ns/op", 0) }, number);
}

function isTold(row: StoryRow, key: string): boolean {
  const keys = [`${row.event} ${row.reason.name}`, `${row.event} ${row.stage}`, row.event];
  return keys.find((each) => each in TRANSMIT_SENTENCES) === key;
}

Deno.test("TRANSMIT_SENTENCES has no sentence that this test does not know", () => {
  const known = new Set([...TOLD.map(({ key }) => key), ...Object.keys(BY_HAND)]);
  assertEquals(Object.keys(TRANSMIT_SENTENCES).sort(), [...known].sort());
});

for (const { key, words, sets, number } of TOLD) {
  Deno.test(`explain tells "${key}" (${sets.join(" ")}): ${words}`, async () => {
    const life = await lifeOf({ sets, number });
    assert(life.chapters.some((chapter) => rows(chapter).some((row) => isTold(row, key))), key);
    assertStringIncludes(renderExplanation(life).replace(/\s+/g, " "), words);
  });
}

for (const [key, reason] of Object.entries(BY_HAND)) {
  Deno.test(`TRANSMIT_SENTENCES tells "${key}" with its function`, async () => {
    const life = await lifeOf({ sets: [], number: 1 });
    const chapter = life.chapters.find(({ stage }) => stage === "qdisc")!;
    const scene: Scene = { life, chapter, shape: undefined, after: undefined, joined: 1 };
    const event = key.startsWith("requeue") ? "requeue" : "dequeue";
    const row: StoryRow = { ...rows(chapter)[0]!, event, reason: REASONS[reason]! };
    assertStringIncludes(TRANSMIT_SENTENCES[key]!(row, scene) as string, `(${REASONS[reason]!.kernelFunction}).`);
  });
}
