/** `next_gbps` against a second run in which what limited the first is free. */

import { assert, assertEquals } from "@std/assert";
import { resolveConfig } from "../config/resolve.ts";
import type { Profile } from "../cost/profile.ts";
import { PROFILES } from "../cost/profiles.ts";
import { replay, type Run } from "../replay/run.ts";
import { bulk, captureOf, flatProfile } from "../replay/testing.ts";
import { interleaved } from "../stages/testing.ts";
import { busyTimesOf, limitsOf } from "./bottleneck.ts";
import { goodputGbps } from "./rates.ts";

const PUBLISHED = PROFILES.get("published")!;
/** CPUs that do everything in no time. */
const FREE: Profile = flatProfile("visit", "nic", "ns/op", 0);
const FLOWS = captureOf(interleaved(8, 400));

async function play(preset: string, sets: readonly string[], profile: Profile = PUBLISHED): Promise<Run> {
  const run = await replay({ input: FLOWS, resolved: resolveConfig({ preset, sets: [...sets] }), profile });
  assertEquals(run.failures, []);
  return run;
}

/** The second run. */
function freed(preset: string, sets: readonly string[], first: string): Promise<Run> {
  switch (first) {
    case "link":
      return play(preset, [...sets, "link_gbps=100000"]);
    case "traffic":
      return play(preset, [...sets, "pace=max"]);
    default:
      return play(preset, sets, FREE);
  }
}

/** Configuration, what limits it, what would limit it next, and how far off the estimate may be, in percent. */
const CASES: [preset: string, sets: string[], first: string, next: string, percent: number][] = [
  ["nocopy", [], "net-cpu", "link", 0.2],
  ["nocopy", ["link_gbps=1"], "link", "net-cpu", 2.5],
  ["baseline", ["link_gbps=2.3"], "link", "net-cpu", 2.5],
  ["nocopy-gro", ["link_gbps=1"], "link", "net-cpu", 2.5],
  ["nocopy-gro-gso", ["era=6.1"], "net-cpu", "link", 0.2],
  ["nocopy-gro-gso", ["era=6.1", "link_gbps=3.5"], "link", "net-cpu", 2.5],
  ["linux-6.1", ["path=send"], "net-cpu", "link", 0.2],
  ["linux-6.1-module", ["path=send", "link_gbps=2"], "link", "net-cpu", 2.5],
  ["linux-6.1", ["path=receive", "then=forward", "link_gbps=2"], "link", "net-cpu", 2.5],
  ["nocopy", ["pace=rate:1"], "traffic", "net-cpu", 2.5],
  ["nocopy", ["pace=rate:8"], "net-cpu", "traffic", 0.2],
  ["nocopy", ["net_cpus=4", "link_gbps=5"], "link", "net-cpu", 5],
];

for (const [preset, sets, first, next, percent] of CASES) {
  Deno.test(`next_gbps of ${preset} ${sets.join(" ")} is what ${next} allows, within ${percent} %`, async () => {
    const run = await play(preset, sets);
    const limits = limitsOf(run)!;
    assertEquals([limits.first, limits.next?.name], [first, next]);
    const second = await freed(preset, sets, first);
    const [expected, estimated] = [goodputGbps(second)!, limits.next!.gbps!];
    assert(Math.abs(estimated / expected - 1) < percent / 100, `${estimated} Gbps, freed ${expected} Gbps`);
    assertEquals(limitsOf(second)!.first, next);
  });
}

Deno.test("with gso=l2 the TX queue is next behind the CPUs that receive: more of these bring no more than it allows", async () => {
  const sets = ["era=6.1", "link_gbps=40"];
  const run = await play("nocopy-gro-gso", [...sets, "net_cpus=2"]);
  assertEquals([limitsOf(run)!.first, limitsOf(run)!.next?.name], ["net-cpu", "tx-queue"]);
  const more = await play("nocopy-gro-gso", [...sets, "net_cpus=8"]);
  assertEquals(limitsOf(more)!.first, "tx-queue");
  const [expected, estimated] = [goodputGbps(more)!, limitsOf(run)!.next!.gbps!];
  assert(Math.abs(estimated / expected - 1) < 0.02, `${estimated} Gbps, with 8 CPUs ${expected} Gbps`);
});

Deno.test("the TX queue is busy no longer than the run lasts: what each CPU does before it queues is not in it", async () => {
  const open = (): Promise<Deno.FsFile> => Deno.open(new URL("../../fixtures/parallel-tcp-ipv4.pcap", import.meta.url));
  const resolved = resolveConfig({ preset: "nocopy-gro-gso", sets: ["era=6.1", "link_gbps=40", "net_cpus=8"] });
  const run = await replay({ input: { name: "parallel", open }, resolved, profile: PUBLISHED });
  assertEquals(limitsOf(run)!.first, "tx-queue");
  const share = busyTimesOf(run).queueNs / run.elapsedNs;
  assert(share > 0.95 && share <= 1, `${share}`);
});

Deno.test("next_gbps is too low where polls are short for want of load: GRO merges more on a busy CPU", async () => {
  const run = await play("linux-6.1", ["path=receive", "link_gbps=2", "pace=line"]);
  assertEquals([limitsOf(run)!.first, limitsOf(run)!.next?.name], ["traffic", "net-cpu"]);
  const busy = await play("linux-6.1", ["path=receive", "link_gbps=2"]);
  const share = limitsOf(run)!.next!.gbps! / goodputGbps(busy)!;
  assert(share > 0.6 && share < 0.9, `${share}`);
});

Deno.test("a ring whose interrupt comes late is the bottleneck where neither CPU nor link is busy", async () => {
  const sets = ["rx_usecs=5000", "link_gbps=40"];
  const run = await play("nocopy", sets);
  assertEquals([limitsOf(run)!.first, limitsOf(run)!.next?.name], ["rx-ring", "net-cpu"]);
  const expected = goodputGbps(await play("nocopy", [...sets, "rx_usecs=0"]))!;
  assert(Math.abs(limitsOf(run)!.next!.gbps! / expected - 1) < 0.05);
});

Deno.test("a ring shorter than the bursts is the bottleneck where the CPU is idle in between, then the traffic is", async () => {
  const run = await play("nocopy", ["pace=capture*0.1", "rx_ring=16", "rx_usecs=500"]);
  assertEquals([limitsOf(run)!.first, limitsOf(run)!.next?.name], ["rx-ring", "traffic"]);
});

Deno.test("a receiver whose packets end in sockets sends nothing: no link limits it", async () => {
  const run = await play("linux-6.1", ["path=receive", "link_gbps=0.1"]);
  assertEquals(limitsOf(run), { first: "net-cpu", next: undefined });
});

Deno.test("nothing is said of a run in which too little came out", async () => {
  const input = captureOf(bulk(1));
  const run = await replay({ input, resolved: resolveConfig({ preset: "nocopy", sets: [] }), profile: PUBLISHED });
  assertEquals(limitsOf(run), undefined);
});

Deno.test("what limits two hosts does not depend on pace, which is idle there", async () => {
  const sets = ["path=host-to-host", "oversize=grow"];
  const limits = limitsOf(await play("nocopy", sets))!;
  assertEquals(limits.first, "tx-cpu");
  for (const pace of ["pace=capture", "pace=rate:2"]) {
    assertEquals(limitsOf(await play("nocopy", [...sets, pace])), limits);
  }
  const late = ["path=host-to-host", "mode=none", "rx_usecs=5000", "window_kib=65536"];
  assertEquals(limitsOf(await play("linux-6.1-module", late))!.first, "rx-ring");
  assertEquals(limitsOf(await play("linux-6.1-module", [...late, "pace=line"]))!.first, "rx-ring");
});
