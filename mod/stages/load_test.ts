/** What load does to a receiver: the busier its CPU, the fuller the polls, and the more GRO finds to merge; so does `rx_usecs`. */

import { assert, assertEquals } from "@std/assert";
import { bulk, profileOf, runOf } from "../replay/testing.ts";
import { poissonNs, stamped } from "../replay/testing_queueing.ts";
import { SUMMARY_COLUMNS } from "../report/summary.ts";

const FRAMES = bulk(2000);
/** Frames at random times, 10 us apart in the mean. */
const CAPTURE = stamped(poissonNs(FRAMES.length, 10_000, 1n), (i) => FRAMES[i]!);

/** A frame of a large aggregate takes 2.2 us, one that is alone 2.9, and without GRO 2.75. */
const MERGED_NS = 2200;
/** Merging saves the router; GRO and segmentation are what it costs. */
const PROFILE = profileOf({
  "poll ns/op": 50,
  "visit driver-rx ns/op": 300,
  "visit gro ns/op": 150,
  "visit forward ns/op": 1000,
  "segment ns/op": 350,
  "seal ns/op": MERGED_NS - 300 - 150 - 350,
});

interface Load {
  cpuPercent: number;
  /** Frames of one poll, and packets of one buffer behind GRO, in the mean. */
  perPoll: number;
  perBuffer: number;
  drops: number;
  latencyUs: number;
}

async function loadOf(...sets: string[]): Promise<Load> {
  const options = ["era=6.1", "link_gbps=40", "engine=skip", ...sets];
  const { run, events } = await runOf(CAPTURE, "nocopy-gro-gso", options, { profile: PROFILE });
  assertEquals(run.failures, []);
  const column = (name: string): number => {
    return Number(SUMMARY_COLUMNS.find((each) => each.name === name)!.value({ number: 1, run }));
  };
  const polls = events.of("poll").filter(({ count }) => count > 0);
  const taken = polls.reduce((sum, { count }) => sum + count, 0);
  return {
    cpuPercent: column("cpu_percent"),
    perPoll: taken / polls.length,
    perBuffer: taken / column("buffers"),
    drops: column("drops"),
    latencyUs: column("latency_p50_us"),
  };
}

Deno.test("the busier the CPU, the fuller the poll, and the larger the aggregates", async () => {
  const loads: Load[] = [];
  for (const speed of [0.5, 1, 1.5, 2, 2.5, 3, 4, 10]) loads.push(await loadOf(`pace=capture*${speed}`));
  for (const [i, load] of loads.entries()) {
    const before = loads[i - 1];
    if (before === undefined) continue;
    assert(
      load.cpuPercent > Math.min(99, before.cpuPercent),
      `CPU ${before.cpuPercent} % and then ${load.cpuPercent} %`,
    );
    assert(load.perPoll > before.perPoll, `polls of ${before.perPoll} and then ${load.perPoll}`);
    if (before.drops > 0) continue;
    assert(load.perBuffer > before.perBuffer, `buffers of ${before.perBuffer} and then ${load.perBuffer}`);
  }
  const [idle, busy] = [loads[0]!, loads.at(-1)!];
  assert(idle.perPoll < 1.3 && idle.cpuPercent < 20 && idle.drops === 0, JSON.stringify(idle));
  assert(busy.perPoll > 50 && busy.perBuffer > 15 && busy.drops > 0, JSON.stringify(busy));
});

Deno.test("merging costs a CPU that is not busy more than it saves, and lets a busy one take more", async () => {
  const without = ["gro=off", "gso=off"];
  const [idle, idleWithout] = [await loadOf("pace=capture"), await loadOf("pace=capture", ...without)];
  const [busy, busyWithout] = [await loadOf("pace=capture*10"), await loadOf("pace=capture*10", ...without)];
  assert(idle.cpuPercent > idleWithout.cpuPercent, `${idle.cpuPercent} ${idleWithout.cpuPercent}`);
  assert(busy.drops < busyWithout.drops, `${busy.drops} ${busyWithout.drops}`);
});

Deno.test("rx_usecs fills the polls of a CPU that is not busy: it works less, and packets come later", async () => {
  const loads: Load[] = [];
  for (const usecs of [0, 20, 50, 100, 200]) loads.push(await loadOf("pace=capture", `rx_usecs=${usecs}`));
  for (const [i, load] of loads.entries()) {
    const before = loads[i - 1];
    if (before === undefined) continue;
    assert(load.perPoll > before.perPoll && load.perBuffer > before.perBuffer);
    assert(load.cpuPercent < before.cpuPercent, `CPU ${before.cpuPercent} % and then ${load.cpuPercent} %`);
    assert(load.latencyUs > before.latencyUs);
  }
  assertEquals(loads.map(({ drops }) => drops), [0, 0, 0, 0, 0]);
  // 10 more come in the 100 us behind the first, and some while these are received.
  assert(loads[3]!.perPoll > 11 && loads[3]!.perPoll < 14, `${loads[3]!.perPoll}`);
});

Deno.test("rx_usecs changes nothing while the CPU is never idle", async () => {
  const [at0, at50] = [await loadOf("pace=capture*10"), await loadOf("pace=capture*10", "rx_usecs=50")];
  // But for the 50 us in which it waits for the first interrupt.
  const later = at50.drops - at0.drops;
  assert(at0.drops > 500 && later >= 0 && later <= 50_000 / MERGED_NS + 1, `${at50.drops} ${at0.drops}`);
});
