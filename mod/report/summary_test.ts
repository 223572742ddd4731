/** Columns of summary.csv that are more than one look-up in a fold. */

import { assertEquals } from "@std/assert";
import { bulk, captureOf, runOf } from "../replay/testing.ts";
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
