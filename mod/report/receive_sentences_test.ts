/** Every sentence about a receiver is told by a run of `explain`, in the words that are right there. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { resolveConfig } from "../config/resolve.ts";
import { PROFILES } from "../cost/profiles.ts";
import { REASON, REASONS } from "../ledger/schema.ts";
import { explain, type PacketLife, type StoryRow } from "../replay/explain.ts";
import { bulk, captureOf, runOf, tcpFrame } from "../replay/testing.ts";
import { udpFrame } from "../stages/testing_frames.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { renderExplanation } from "./explanation.ts";
import { rows, type Scene } from "./phrases.ts";
import { RECEIVE_SENTENCES } from "./receive_sentences.ts";

const ESP_AT = ETH_HLEN + ipv4.HEADER_BYTES;
const CLEAR = bulk(3);

/** The same packets as they were captured behind a gateway. */
const ESP = (await runOf(captureOf(CLEAR), "nocopy")).sent.map(({ bytes }) => bytes);

/** An ESP packet with one byte changed. */
function changed(frame: Uint8Array, at: number): Uint8Array {
  const copy = frame.slice();
  copy[at]! ^= 1;
  return copy;
}

/** An ESP packet cut to `bytes` bytes behind its IP header. */
function shortened(frame: Uint8Array, bytes: number): Uint8Array {
  const copy = frame.slice(0, ESP_AT + bytes);
  ipv4.setTotalLength(copy, ETH_HLEN, ipv4.HEADER_BYTES + bytes);
  ipv4.writeHeaderChecksum(copy, ETH_HLEN);
  return copy;
}

function badHeaderChecksum(): Uint8Array {
  return changed(tcpFrame(), ETH_HLEN + ipv4.OFFSET_CHECKSUM);
}

/** Where a sentence is told: the run, the packet (from 1), and what is said. */
interface Told {
  /** Key of the sentence. */
  readonly key: string;
  readonly frames?: readonly Uint8Array[];
  readonly number?: number;
  readonly preset: string;
  readonly sets?: readonly string[];
  readonly words: string;
}

const LINUX_61 = "linux-6.1";

const TOLD: readonly Told[] = [
  {
    key: "visit ip-input",
    preset: LINUX_61,
    words: "It is for our host, and is ESP (ip_rcv, ip_local_deliver).",
  },
  {
    key: "visit ip-input",
    preset: LINUX_61,
    words: "The clear packet is for our host (ip_rcv, ip_local_deliver).",
  },
  {
    key: "visit ip-input",
    frames: [badHeaderChecksum()],
    preset: LINUX_61,
    words: "IP input looks at it (ip_rcv).",
  },
  {
    key: "visit esp-input",
    preset: LINUX_61,
    words: "The SA of SPI 0x1001 is found; its sequence number has not come before (xfrm_input).",
  },
  {
    key: "visit esp-input",
    preset: LINUX_61,
    words: "rx_cow=if-shared: nobody shares its bytes, so nothing is copied to decrypt it (esp_input).",
  },
  {
    key: "visit esp-input",
    preset: "linux-4.4",
    sets: ["rx_layout=netdev-linear"],
    words: "rx_cow=always: it is linear and not shared, so nothing is copied to decrypt it (esp_input).",
  },
  {
    key: "visit esp-input",
    frames: [changed(ESP[0]!, ESP_AT)],
    preset: LINUX_61,
    words: "ESP input looks for its SA (xfrm_input).",
  },
  {
    key: "visit esp-input",
    frames: [ESP[0]!, ESP[0]!],
    number: 2,
    preset: LINUX_61,
    words: "ESP input looks for its SA (xfrm_input).",
  },
  {
    key: "visit esp-input",
    frames: [shortened(ESP[0]!, 6)],
    preset: LINUX_61,
    words: "ESP input looks for its SA (xfrm_input).",
  },
  {
    key: "visit gro-cells",
    preset: LINUX_61,
    words: "GRO gets it once more, now in the clear (napi_gro_receive).",
  },
  {
    key: "enqueue gro-cells",
    preset: LINUX_61,
    words: "waits for the poll of a GRO cell, number 1 of its queue (gro_cells_receive).",
  },
  { key: "dequeue gro-cells", preset: LINUX_61, words: "leaves the queue, 2 still wait (gro_cell_poll)." },
  {
    key: "visit backlog",
    preset: "linux-4.4",
    words: "It goes up the stack once more, now in the clear (__netif_receive_skb).",
  },
  {
    key: "enqueue backlog",
    preset: "linux-4.4",
    words: "waits in the backlog of the CPU, number 1 of it (netif_rx, enqueue_to_backlog).",
  },
  { key: "dequeue backlog", preset: "linux-4.4", words: "leaves the backlog, 2 still wait (process_backlog)." },
  {
    key: "visit trans-queue",
    preset: LINUX_61,
    sets: ["mode=transport"],
    words: "It goes on to IP input, now in the clear (dst_input).",
  },
  {
    key: "enqueue trans-queue",
    preset: LINUX_61,
    sets: ["mode=transport"],
    words: "waits until the CPU is out of NET_RX, number 1 of the queue (xfrm_trans_queue_net).",
  },
  {
    key: "dequeue trans-queue",
    preset: LINUX_61,
    sets: ["mode=transport"],
    words: "leaves the queue, 2 still wait (xfrm_trans_reinject).",
  },
  { key: "visit local-in", preset: LINUX_61, words: "Its protocol looks up its socket (tcp_v4_rcv, udp_rcv)." },
  {
    key: "tail rx-cow-always",
    preset: "linux-4.4",
    words: "rx_cow=always: a received buffer was linearized or unshared before it is decrypted (esp_input, 4.4) " +
      "(skb_cow_data).",
  },
  {
    key: "tail rx-cow-cloned",
    preset: LINUX_61,
    sets: ["tap=packet-socket", "rx_layout=build-skb"],
    words: "A received buffer is a clone: linearized before it is decrypted (skb_cow_data).",
  },
  {
    key: "open",
    preset: LINUX_61,
    words: "1504 bytes are verified and decrypted where they lie: 2 scatterlist entries (crypto_aead_decrypt).",
  },
  {
    key: "open",
    preset: LINUX_61,
    sets: ["gcm_sg=single"],
    words: "1504 bytes are verified and decrypted in a buffer of its own: 2 scatterlist entries (crypto_aead_decrypt).",
  },
  {
    key: "open",
    preset: LINUX_61,
    sets: ["cipher=null"],
    words: "1504 bytes pass the null cipher where they lie: 2 scatterlist entries (crypto_aead_decrypt).",
  },
  {
    key: "open",
    preset: LINUX_61,
    sets: ["cipher=null-sha256"],
    words: "1504 bytes are authenticated with HMAC-SHA256-128 and pass the null cipher where they lie: " +
      "2 scatterlist entries (crypto_aead_decrypt).",
  },
  {
    key: "reject",
    frames: [changed(ESP[0]!, ESP_AT + 100)],
    preset: LINUX_61,
    words: "Rejected: the ICV is wrong: another key, or the packet was changed on its way (crypto_aead_decrypt).",
  },
  {
    key: "tap",
    preset: LINUX_61,
    words: "Nobody listens; a packet tap would see it here, as ESP (deliver_skb).",
  },
  {
    key: "tap",
    preset: LINUX_61,
    words: "Nobody listens; a packet tap would see it here, in the clear (deliver_skb).",
  },
  {
    key: "tap",
    preset: LINUX_61,
    sets: ["tap=mmap", "gro=off"],
    words: "A packet tap sees it, as ESP: 1570 bytes (deliver_skb).",
  },
  {
    key: "tap",
    preset: LINUX_61,
    sets: ["tap=mmap", "gro=off"],
    words: "A packet tap sees it, in the clear: 1514 bytes (deliver_skb).",
  },
  {
    key: "user-copy user-read",
    frames: [udpFrame()],
    preset: LINUX_61,
    words: "1000 bytes from skb ",
  },
];

/** Reasons of which no run of `explain` has an example: what a NIC receives has no frag_list and pages of its own. */
const NEVER_IN_A_RUN: Readonly<Record<string, number>> = {
  "tail rx-cow-frag-list": REASON.rxCowFragList,
  "tail rx-cow-shared-frag": REASON.rxCowSharedFrag,
};

function lifeOf({ frames = CLEAR, number = 1, preset, sets = [] }: Omit<Told, "words" | "key">): Promise<PacketLife> {
  const resolved = resolveConfig({ preset, sets: ["path=receive", ...sets] });
  return explain({ input: captureOf(frames), resolved, profile: PROFILES.get("published")! }, number);
}

/** The story on one line, as sentences are wrapped. */
const storyOf = (life: PacketLife): string => renderExplanation(life).replace(/\s+/g, " ");

/** Whether a row is told by the sentence of `key`, and not by another one of it. */
function isTold(row: StoryRow, key: string): boolean {
  const keys = [`${row.event} ${row.reason.name}`, `${row.event} ${row.stage}`, row.event];
  return keys.find((each) => each in RECEIVE_SENTENCES) === key;
}

Deno.test("RECEIVE_SENTENCES has no sentence that this test does not know", () => {
  const known = new Set([...TOLD.map(({ key }) => key), ...Object.keys(NEVER_IN_A_RUN)]);
  assertEquals(Object.keys(RECEIVE_SENTENCES).sort(), [...known].sort());
});

for (const { key, words, ...told } of TOLD) {
  Deno.test(`explain tells a receiver's "${key}" (${[told.preset, ...told.sets ?? []].join(" ")}): ${words}`, async () => {
    const life = await lifeOf(told);
    assert(life.chapters.some((chapter) => rows(chapter).some((row) => isTold(row, key))), key);
    assertStringIncludes(storyOf(life), words);
  });
}

for (const [key, reason] of Object.entries(NEVER_IN_A_RUN)) {
  Deno.test(`RECEIVE_SENTENCES tells "${key}" in the words of its reason`, async () => {
    const life = await lifeOf({ preset: LINUX_61 });
    const chapter = life.chapters.find(({ stage }) => stage === "esp-input")!;
    const scene: Scene = { life, chapter, shape: undefined, after: undefined, joined: 1 };
    const { meaning, name } = REASONS[reason]!;
    assertEquals(`tail ${name}`, key);
    const row: StoryRow = { ...rows(chapter)[0]!, event: "tail", reason: REASONS[reason]! };
    const text = `${meaning.charAt(0).toUpperCase()}${meaning.slice(1)} (skb_cow_data).`;
    assertEquals(RECEIVE_SENTENCES[key]!(row, scene), text);
  });
}

Deno.test("explain says of GRO whether it passes ESP on or decrypts it", async () => {
  assertStringIncludes(
    storyOf(await lifeOf({ preset: LINUX_61 })),
    "GRO passes it on at once: it is ESP (dev_gro_receive).",
  );
  assertStringIncludes(
    storyOf(await lifeOf({ preset: "linux-6.1-module" })),
    "GRO has a handler for ESP, which decrypts it in this poll (esp4_gro_receive, esp6_gro_receive).",
  );
});

Deno.test("explain does not say that an SA was found, or bytes decrypted, where it was not", async () => {
  for (const frames of [[changed(ESP[0]!, ESP_AT)], [shortened(ESP[0]!, 6)]]) {
    const story = storyOf(await lifeOf({ frames, preset: LINUX_61 }));
    assertEquals([story.includes("is found"), story.includes("decrypted")], [false, false], story);
  }
});
