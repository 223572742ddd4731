/** Columns of summary.csv that are more than one look-up in a fold. */

import { assert, assertEquals } from "@std/assert";
import { PRESETS } from "../config/presets.ts";
import { Ledger } from "../ledger/ledger.ts";
import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { Tally } from "../ledger/tally.ts";
import { bulk, captureOf, runOf } from "../replay/testing.ts";
import { copyRows } from "./copies.ts";
import { SUMMARY_COLUMNS } from "./summary.ts";

async function cellOf(column: string, sets: readonly string[]): Promise<unknown> {
  const { run } = await runOf(captureOf(bulk(400)), "nocopy", sets, { check: false });
  return SUMMARY_COLUMNS.find(({ name }) => name === column)!.value({ number: 1, run });
}

Deno.test("bottleneck is the CPU or the link, or the traffic where it comes slower than both", async () => {
  assertEquals(await cellOf("bottleneck", []), "net-cpu");
  assertEquals(await cellOf("bottleneck", ["link_gbps=1"]), "link");
  assertEquals(await cellOf("bottleneck", ["pace=rate:1"]), "traffic");
  assertEquals(await cellOf("bottleneck", ["pace=line"]), "net-cpu");
});

Deno.test("crypto_steps counts a step for each scatterlist entry, and more where an entry crosses a page", async () => {
  const steps = async (...sets: string[]): Promise<number> => Number(await cellOf("crypto_steps", sets)) / 400;
  assertEquals(await steps(), 3);
  assertEquals(await steps("rx_layout=build-skb", "tx_tail=linearize"), 1);
  const jumbo = captureOf(bulk(10, { payloadBytes: 8900 }));
  const walked: unknown[] = [];
  for (const pages of ["order0", "any"]) {
    const sets = ["mtu=9000", "rx_layout=kmalloc", `crypto_pages=${pages}`];
    const { run } = await runOf(jumbo, "nocopy", sets, { check: false });
    walked.push(run.tally.sum({ event: "seal" }).steps / 10);
  }
  assertEquals(walked, [3, 1]);
});

Deno.test("cpu_percent is 100 at most, also of a run of one packet", async () => {
  for (const path of ["forward", "receive"]) {
    for (const preset of Object.keys(PRESETS)) {
      const { run } = await runOf(captureOf(bulk(1, { payloadBytes: 40 })), preset, [`path=${path}`], { check: false });
      const percent = Number(SUMMARY_COLUMNS.find(({ name }) => name === "cpu_percent")!.value({ number: 1, run }));
      assert(percent > 0 && percent <= 100, `${path} ${preset} ${percent}`);
    }
  }
});

Deno.test("copies.csv leaves the share empty where no copy has bytes", () => {
  const tally = new Tally();
  const ledger = new Ledger(() => 0, [tally]);
  ledger.beginStep(0, 0, 0);
  ledger.stage = STAGE["esp-output"];
  ledger.write(EVENT.copy, REASON.nullCipher, 0, 1, NONE, 0, 1, 0);
  ledger.endStep();
  ledger.finish();
  const [row] = copyRows(tally);
  assertEquals([row!.copies, row!.copiedBytes, row!.sharePercent], [1, 0, undefined]);
});
