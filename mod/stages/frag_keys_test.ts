/** `max_skb_frags` and `build_frags`: what longer arrays and shorter ones do to buffers, and that the bytes stay the same. */

import { assertEquals } from "@std/assert";
import { bulk, captureOf, type Recorder, runOf, type TestRun } from "../replay/testing.ts";
import { innerPackets } from "./testing.ts";

async function play(frames: number, ...sets: string[]): Promise<TestRun> {
  const testRun = await runOf(captureOf(bulk(frames)), "nocopy-gro", sets);
  assertEquals(testRun.run.failures, []);
  return testRun;
}

/** Linear areas that the driver got, each size once. */
function endOffsets(events: Recorder): number[] {
  const allocated = events.of("alloc").filter(({ stage }) => stage === "driver-rx" || stage === "napi");
  return [...new Set(allocated.map(({ bytes }) => bytes))];
}

Deno.test("rx_layout=build-skb has 192 bytes of headroom with 17 fragments, 64 with 25, and a whole page with 26", async () => {
  const sizes = [[17, 1728], [18, 1664], [21, 1664], [22, 1600], [25, 1600], [26, 3584], [45, 3328]];
  for (const [frags, endOffset] of sizes) {
    const { events } = await play(4, "rx_layout=build-skb", "era=6.1", "gro=off", `max_skb_frags=${frags}`);
    assertEquals(endOffsets(events), [endOffset], `${frags}`);
  }
});

Deno.test("every max_skb_frags sends the same packets, whatever the layout", async () => {
  for (const layout of ["page-frag", "build-skb", "virtio", "kmalloc", "napi-linear", "netdev-linear"]) {
    const expected = innerPackets(await play(50, `rx_layout=${layout}`, "era=6.1"));
    for (const frags of [18, 29, 45]) {
      const sent = innerPackets(await play(50, `rx_layout=${layout}`, "era=6.1", `max_skb_frags=${frags}`));
      assertEquals(sent, expected, `${layout} ${frags}`);
    }
  }
});

/** Packets that joined fragments, and packets that began a buffer of the frag_list. */
function merges(events: Recorder): [number, number] {
  const reasons = events.of("merge").map(({ reason }) => reason);
  return [
    reasons.filter((reason) => reason === "move-frags").length,
    reasons.filter((reason) => reason === "frag-list").length,
  ];
}

Deno.test("GRO fills build_frags fragments before it begins a buffer of the frag_list", async () => {
  const cases: [sets: string[], joined: number, chained: number][] = [
    [[], 41, 2], // 17 + 17 + 10
    [["build_frags=16"], 41, 2], // 16 + 16 + 12
    [["build_frags=5"], 35, 8], // 8 * 5 + 4
    [["build_frags=1"], 0, 43],
    [["max_skb_frags=45"], 41, 2],
    [["max_skb_frags=45", "build_frags=45"], 43, 0],
  ];
  for (const [sets, joined, chained] of cases) {
    assertEquals(merges((await play(44, ...sets)).events), [joined, chained], `${sets}`);
  }
});
