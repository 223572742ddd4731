import { assertEquals } from "@std/assert";
import { Ledger } from "./ledger.ts";
import { EVENT, NONE, REASON, STAGE } from "./schema.ts";
import { Series, type SeriesInterval } from "./series.ts";
import { foldOf } from "./testing.ts";

/** Work of one CPU from `startNs` on, and a change of the queue's length there. */
interface Work {
  cpu: number;
  startNs: number;
  ns: number;
  queue?: number;
}

function intervalsOf(series: Series, work: readonly Work[], endNs: number): SeriesInterval[] {
  let costPs = 0;
  const ledger = new Ledger(() => costPs, [series]);
  for (const { cpu, startNs, ns, queue } of work) {
    ledger.beginStep(cpu, startNs, 0);
    ledger.stage = STAGE.qdisc;
    costPs = 0;
    if (queue !== undefined) ledger.write(EVENT.enqueue, REASON.none, NONE, NONE, NONE, 0, queue, 0);
    costPs = 1000 * ns;
    ledger.write(EVENT.visit, REASON.none, NONE, NONE, NONE, 0, 1, 0);
    ledger.endStep();
  }
  ledger.finish();
  return series.intervals(endNs);
}

Deno.test("Series tells CPUs on which processes read from the others: they are the last of the second host", () => {
  const series = new Series(1, { netCpus: 2, cryptoCpus: 1, readerCpus: 2 });
  const work = [2, 3, 5, 6, 7].map((cpu) => ({ cpu, startNs: 0, ns: 100 * cpu }));
  const [interval] = intervalsOf(series, work, 1000);
  assertEquals([interval!.hasReaderCpus, interval!.readerBusyPs], [true, 700_000]);
  assertEquals(busy(interval!), [2_300_000, 300_000, 500_000]);
  const [other] = intervalsOf(new Series(1, { netCpus: 2, cryptoCpus: 1 }), work, 1000);
  assertEquals([other!.hasReaderCpus, other!.readerBusyPs], [false, 0]);
});

const busy = ({ busyPs, netBusyPs, cryptoBusyPs }: SeriesInterval): number[] => [busyPs, netBusyPs, cryptoBusyPs];

Deno.test("Series tells the busiest CPU for networking from the busiest for crypto, of one host and of two", () => {
  const series = new Series(1, { netCpus: 2, cryptoCpus: 1 });
  const work = [
    { cpu: 0, startNs: 0, ns: 300 },
    { cpu: 1, startNs: 0, ns: 500 },
    { cpu: 2, startNs: 0, ns: 900 },
    { cpu: 4, startNs: 0, ns: 700 },
    { cpu: 5, startNs: 0, ns: 100 },
  ];
  assertEquals(intervalsOf(series, work, 1000).map(busy), [[2_500_000, 700_000, 900_000]]);
});

Deno.test("Series splits work that spans intervals, on each CPU", () => {
  const work = [{ cpu: 0, startNs: 600, ns: 1000 }, { cpu: 1, startNs: 900, ns: 1400 }];
  const intervals = intervalsOf(new Series(1, { netCpus: 2, cryptoCpus: 0 }), work, 3000);
  assertEquals(intervals.map(busy), [[500_000, 400_000, 0], [1_600_000, 1_000_000, 0], [300_000, 300_000, 0]]);
});

Deno.test("Series keeps the work of every CPU when ten bins become one", () => {
  const work = [
    { cpu: 1, startNs: 0, ns: 40 },
    { cpu: 0, startNs: 90_000_000, ns: 70 },
    { cpu: 1, startNs: 90_000_100, ns: 5 },
  ];
  const intervals = intervalsOf(new Series(undefined, { netCpus: 2, cryptoCpus: 0 }), work, 100_000_000);
  assertEquals(intervals[0]!.netBusyPs, 40_000);
  assertEquals(intervals.reduce((sum, { busyPs }) => sum + busyPs, 0), 115_000);
});

Deno.test("Series takes a change of the queue by a CPU whose local time is behind as the latest all the same", () => {
  const work = [{ cpu: 0, startNs: 1500, ns: 1, queue: 1 }, { cpu: 1, startNs: 900, ns: 1, queue: 0 }];
  const intervals = intervalsOf(new Series(1, { netCpus: 2, cryptoCpus: 0 }), work, 3000);
  assertEquals(intervals.map(({ qdiscPackets }) => qdiscPackets), [0, 0, 0]);
});

Deno.test("Series counts crypto requests that are not called back, of all engines, and the attempts on a stopped queue", () => {
  const rows = [
    { event: "submit", tNs: 100, count: 1 },
    { event: "submit", tNs: 200, count: 1 },
    { event: "complete", tNs: 1100, count: 0 },
    { event: "busy", tNs: 1200, count: 500 },
    { event: "complete", tNs: 3500, count: 0 },
  ] as const;
  const intervals = foldOf(new Series(1), rows).intervals(4000);
  assertEquals(intervals.map(({ cryptoQueuePackets }) => cryptoQueuePackets), [2, 1, 1, 0]);
  assertEquals(intervals.map(({ txBusy }) => txBusy), [0, 500, 0, 0]);
  const without = foldOf(new Series(1), [{ event: "busy", tNs: 0 }]).intervals(1000);
  assertEquals(without.map(({ cryptoQueuePackets }) => cryptoQueuePackets), [undefined]);
});

/** A device drops something at each of these times. */
function dropsOf(timesNs: readonly number[], intervalUs: number | undefined, runNs: number): number[][] {
  const series = new Series(intervalUs);
  const ledger = new Ledger(() => 0, [series]);
  for (const tNs of timesNs) {
    ledger.writeDevice(tNs, STAGE["rx-ring"], EVENT.drop, REASON.aboveMtu, 0, NONE, 1, 1, 0, NONE);
  }
  ledger.finish();
  return series.intervals(runNs).map(({ startNs, endNs, drops }) => [startNs, endNs, drops]);
}

Deno.test("Series.intervals() has what happens at the very end of a run in its last interval", () => {
  assertEquals(dropsOf([2000], 1, 2000), [[0, 1000, 0], [1000, 2000, 1]]);
  assertEquals(dropsOf([0], 1, 0), [[0, 0, 1]]);
});

Deno.test("Series.intervals() has what a device drops when all else is over", () => {
  assertEquals(dropsOf([500, 2500], 1, 900), [[0, 1000, 1], [1000, 2000, 0], [2000, 2500, 1]]);
});
