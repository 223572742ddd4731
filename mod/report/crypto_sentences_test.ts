/** Every sentence about asynchronous crypto is told by a run of `explain`, in the words that are right there. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { resolveConfig } from "../config/resolve.ts";
import { PROFILES } from "../cost/profiles.ts";
import { explain, type PacketLife } from "../replay/explain.ts";
import { captureOf } from "../replay/testing.ts";
import { flowOf } from "../stages/testing.ts";
import { CRYPTO_SENTENCES } from "./crypto_sentences.ts";
import { renderExplanation } from "./explanation.ts";
import { rows } from "./phrases.ts";

/** Where a sentence is told: the run, the packet (from 1), and what is said. */
interface Told {
  /** Key of the sentence. */
  readonly key: string;
  readonly number?: number;
  readonly preset: string;
  readonly sets?: readonly string[];
  readonly words: string;
}

const FRAMES = flowOf(12);
const STOPPED = ["tx_fault=stopped:1"];

const TOLD: readonly Told[] = [
  {
    key: "submit cryptd",
    preset: "callback",
    words: "It waits for the crypto worker of its CPU, 1 request in the queues of cryptd (cryptd_enqueue_request).",
  },
  { key: "visit cryptd", preset: "callback", words: "The worker's turn: one request (cryptd_queue_worker)." },
  {
    key: "complete",
    number: 12,
    preset: "callback",
    words: "The callback goes on with it, from the worker (cryptd_aead_crypt); 0 requests still on their way.",
  },
  {
    key: "submit pcrypt",
    preset: "pcrypt",
    words: "padata deals it out to a CPU, 1 request in flight (padata_do_parallel).",
  },
  { key: "visit pcrypt", preset: "pcrypt", words: "A parallel worker takes it (padata_parallel_worker)." },
  {
    key: "submit accel",
    preset: "requeue",
    sets: ["crypto=accel"],
    words: "The look-aside engine takes it, 1 request in flight.",
  },
  {
    key: "busy resume-stopped",
    preset: "softirq-queue",
    sets: STOPPED,
    words: "The driver's queue is stopped: nobody asks the driver (xfrm_dev_resume).",
  },
  {
    key: "busy resume-stopped",
    preset: "softirq-queue",
    sets: STOPPED,
    words: "attempts in vain, of all that wait with it (xfrm_dev_resume).",
  },
  {
    key: "enqueue xfrm-backlog",
    number: 2,
    preset: "softirq-queue",
    sets: STOPPED,
    words: "waits in the backlog of the CPU, number 2 of it; NET_TX tries it again (xfrm_dev_resume).",
  },
  {
    key: "dequeue xfrm-backlog",
    number: 12,
    preset: "softirq-queue",
    sets: STOPPED,
    words: "leaves the backlog, 0 still wait (xfrm_dev_backlog).",
  },
  {
    key: "enqueue crypto",
    number: 3,
    preset: "encap-then-crypto",
    words: "a whole ESP packet but for its ciphertext, waits in front of crypto, number 3 of the queue.",
  },
  { key: "dequeue crypto", preset: "encap-then-crypto", words: "goes to crypto, 11 still wait in front of it." },
  {
    key: "idle head-of-line",
    number: 4,
    preset: "crypto-qdisc",
    sets: ["crypto=pcrypt", "crypto_cpus=0"],
    words: "is ready, the first of the queue is not: 1 encrypted packet must wait behind it.",
  },
];

/** No run of a few packets with GRO lets one CPU overtake another: told of a row that is made up. */
const MADE_UP = new Set(["idle head-of-line"]);

async function lifeOf({ number = 1, preset, sets = [] }: Told): Promise<PacketLife> {
  const resolved = resolveConfig({ preset, sets });
  return await explain({ input: captureOf(FRAMES), resolved, profile: PROFILES.get("published")! }, number);
}

Deno.test("CRYPTO_SENTENCES has no sentence that this test does not know", () => {
  assertEquals(Object.keys(CRYPTO_SENTENCES).sort(), [...new Set(TOLD.map(({ key }) => key))].sort());
});

for (const told of TOLD.filter(({ key }) => !MADE_UP.has(key))) {
  Deno.test(`explain tells of asynchronous crypto "${told.key}" (${told.preset}): ${told.words}`, async () => {
    const life = await lifeOf(told);
    const keys = life.chapters.flatMap((chapter) =>
      rows(chapter).flatMap((row) => [`${row.event} ${row.reason.name}`, `${row.event} ${row.stage}`, row.event])
    );
    assert(keys.includes(told.key), told.key);
    assertStringIncludes(renderExplanation(life).replace(/\s+/g, " "), told.words);
  });
}

for (const told of TOLD.filter(({ key }) => MADE_UP.has(key))) {
  Deno.test(`CRYPTO_SENTENCES tells "${told.key}": ${told.words}`, async () => {
    const life = await lifeOf(told);
    const chapter = life.chapters[0]!;
    const scene = { life, chapter, shape: undefined, after: undefined, joined: 1 };
    const text = CRYPTO_SENTENCES[told.key]!({ ...rows(chapter)[0]!, skb: 5, count: 1 }, scene);
    assertEquals(text, `skb 5 ${told.words}`);
  });
}
