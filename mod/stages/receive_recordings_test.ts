/**
 * Path receive against recordings of Linux 6.1: what ESP input found and copied of each packet, and what came up in the clear,
 * merged or not, in which order, of which shape. Where not all recordings are there, those that come with the program; what
 * the model cannot play is named.
 */

import { assert, assertEquals } from "@std/assert";
import { readRecording, type Recording } from "../validate/recording.ts";
import type { ResultRow } from "../validate/skb_row.ts";
import type { TableRow } from "../validate/table.ts";
import { ALL_ROOTS, foldersIn, SHIPPED } from "../validate/testing.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { playReceive, rowsOf, whyNotReceived } from "./testing_receive.ts";

const recordings: Recording[] = [];
const all = ALL_ROOTS.flatMap(foldersIn);
for (const folder of all.length > 0 ? all : foldersIn(SHIPPED)) {
  const recording = await readRecording(folder);
  if (recording.scenario.path === "receive") recordings.push(recording);
}

const SKB_COLUMNS = ["len", "data_len", "headlen", "nr_frags", "frag_list_n", "head_frag", "skb_cloned", "layout"];
const ESP_COLUMNS = [
  ...["in_index", "outer_gro_ret", "outer_headlen", "outer_nr_frags", "via", ...SKB_COLUMNS, "shared_frag"],
  ...["branch", "cow_ret", "bytes_pulled", "bytes_expand_head", "bytes_skb_copy", "bytes_copied", "esp_input_ret"],
  ...["inner_gro_ret", "inner_ip_summed", "inner_headlen", "inner_nr_frags", "out_index"],
];
const DELIVERED_COLUMNS = [
  ...["inputs", "n_inputs", "poll", ...SKB_COLUMNS, "has_frag_list"],
  ...["gso_size", "gso_segs", "gso_type", "ip_summed"],
];

/** AES-CBC and SHA-1 in an emulator took so long that the softirq ended before its budget (2 jiffies), and polled once more. */
const SLOW = "sizes-rx-tunnel-cbc128sha1-udp-frags-step7";

let comparedValues = 0;

function compareTables(actual: readonly ResultRow[], expected: readonly TableRow[], columns: readonly string[]): void {
  assertEquals(
    actual.map((row) => columns.map((name) => `${row[name] ?? ""}`)),
    expected.map((row) => columns.map((name) => row.text(name))),
  );
  comparedValues += expected.length * columns.length;
}

Deno.test({ name: "all kernel recordings of path receive are there", ignore: all.length === 0, fn: () => {} });

for (const [reason, left] of Map.groupBy(recordings, whyNotReceived)) {
  if (reason === undefined) continue;
  Deno.test({ name: `receive: ${left.length} recordings are left out: ${reason}`, ignore: true, fn: () => {} });
}

/** Flags of the SA that change inner headers are not built. */
function hasPlainInnerHeader({ scenario }: Recording): boolean {
  const { flags = [] } = scenario.sa![0]!;
  return !flags.includes("noecn") && !flags.includes("decap-dscp");
}

for (const recording of recordings.filter((each) => whyNotReceived(each) === undefined)) {
  Deno.test(`receive of 6.1 as recorded: ${recording.scenario.name}`, () => {
    const { espInputs, delivered, starts } = playReceive(recording);
    compareTables(espInputs, rowsOf(recording, "expected_esp_rx.csv"), ESP_COLUMNS);
    const columns = DELIVERED_COLUMNS.filter((column) => column !== "poll" || recording.scenario.name !== SLOW);
    compareTables(delivered, rowsOf(recording, "expected.csv"), columns);
    if (!hasPlainInnerHeader(recording)) return;
    assertEquals(starts, recording.output.map(({ bytes }) => bytes.subarray(ETH_HLEN).toHex()));
    comparedValues += starts.length;
  });
}

Deno.test({
  name: "the recordings of path receive say what they should: values by the ten thousand",
  ignore: all.length === 0,
  fn: () => assert(comparedValues > 70_000, `${comparedValues}`),
});
