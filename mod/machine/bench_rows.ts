/**
 * Rows and columns of `tailbits bench`: one row for each configuration, stage and kind of work, and one for all of a
 * configuration.
 *
 * @module
 */

import { STAGE_NAMES } from "../ledger/schema.ts";
import { PS_PER_NS } from "../ledger/units.ts";
import type { Column } from "../report/columns.ts";
import type { Benched } from "./bench.ts";
import { WORK_KINDS, type WorkRow } from "./byte_program.ts";
import { type PairedRatio, pairedRatio, type Spread, spreadOf } from "./statistics.ts";

const NS_PER_MS = 1e6;
const BITS_PER_BYTE = 8;
/** The row of a whole configuration. */
const ALL = "all";

/** One row. */
export interface BenchRow {
  readonly config: string;
  readonly stage: string;
  readonly kind: string;
  readonly operations: number;
  readonly bytes: number;
  readonly packets: number;
  readonly frameBytes: number;
  /** Of one pass, in ns. */
  readonly spread: Spread;
  /** To the same row of the first configuration; undefined where that has none, or is this one. */
  readonly ratio: PairedRatio | undefined;
  readonly runs: number;
  readonly engine: string | undefined;
  /** What the profile says, and its ratio to the first configuration. */
  readonly predictedNs: number;
  readonly predictedRatio: number | undefined;
}

/** One row before it is compared. */
interface OwnRow {
  readonly work: Pick<WorkRow, "operations" | "bytes" | "costPs">;
  readonly stage: string;
  readonly kind: string;
  readonly timesNs: readonly number[];
}

/** All rows, configuration by configuration, in the order of the packet's road; the first is what ratios are to. */
export function benchRows(benched: readonly Benched[]): BenchRow[] {
  const first = benched[0] === undefined ? [] : ownRows(benched[0]);
  return benched.flatMap((one) => {
    return ownRows(one).map((row) => {
      const base = one === benched[0] ? undefined : first.find(({ stage, kind }) => {
        return stage === row.stage && kind === row.kind;
      });
      return benchRow(one, row, base);
    });
  });
}

function ownRows({ program, times }: Benched): OwnRow[] {
  const rows = program.parts.rows
    .map((work, i) => ({ work, timesNs: times.map(({ rowNs }) => rowNs[i + 1]!) }))
    .filter(({ work }) => work.operations > 0)
    .sort((a, b) => placeOf(a.work) - placeOf(b.work))
    .map(({ work, timesNs }) => ({ work, stage: STAGE_NAMES[work.stage]!, kind: work.kind, timesNs }));
  const sum = (value: (row: WorkRow) => number): number => {
    return program.parts.rows.reduce((total, row) => total + value(row), 0);
  };
  const work = {
    operations: sum(({ operations }) => operations),
    bytes: sum(({ bytes }) => bytes),
    costPs: sum(({ costPs }) => costPs),
  };
  return [...rows, { work, stage: ALL, kind: ALL, timesNs: times.map(({ totalNs }) => totalNs) }];
}

/** By stage, then by kind. */
function placeOf({ stage, kind }: WorkRow): number {
  return stage * WORK_KINDS.length + WORK_KINDS.indexOf(kind);
}

function benchRow({ name, program, times, engine }: Benched, row: OwnRow, base: OwnRow | undefined): BenchRow {
  const { work, stage, kind, timesNs } = row;
  const isTimed = work.operations > 0;
  return {
    config: name,
    stage,
    kind,
    operations: work.operations,
    bytes: work.bytes,
    packets: program.parts.packets,
    frameBytes: program.parts.frameBytes,
    spread: spreadOf(isTimed ? timesNs : timesNs.map(() => 0)),
    ratio: base === undefined ? undefined : ratioOf(base.timesNs, timesNs),
    runs: times.length,
    engine,
    predictedNs: work.costPs / PS_PER_NS,
    predictedRatio: base === undefined || base.work.costPs === 0 ? undefined : work.costPs / base.work.costPs,
  };
}

/** Undefined where a row is so short that the clock says it takes no time. */
function ratioOf(first: readonly number[], second: readonly number[]): PairedRatio | undefined {
  return first.every((ns) => ns > 0) && second.every((ns) => ns > 0) ? pairedRatio(first, second) : undefined;
}

/** A division that has no result where there is nothing to divide by. */
function per(value: number, divisor: number): number | undefined {
  return divisor > 0 ? value / divisor : undefined;
}

/** The columns. */
export const BENCH_COLUMNS: readonly Column<BenchRow>[] = [
  { name: "config", value: ({ config }) => config },
  { name: "stage", value: ({ stage }) => stage },
  { name: "kind", value: ({ kind }) => kind },
  { name: "operations", decimals: 0, value: ({ operations }) => operations },
  { name: "bytes", decimals: 0, value: ({ bytes }) => bytes },
  { name: "ns_per_packet", decimals: 1, value: ({ spread, packets }) => per(spread.median, packets) },
  { name: "ns_per_byte", decimals: 4, value: ({ spread, bytes }) => per(spread.median, bytes) },
  { name: "median_ms", decimals: 4, value: ({ spread }) => spread.median / NS_PER_MS },
  { name: "low_ms", decimals: 4, value: ({ spread }) => spread.low / NS_PER_MS },
  { name: "high_ms", decimals: 4, value: ({ spread }) => spread.high / NS_PER_MS },
  {
    name: "spread_percent",
    decimals: 1,
    value: ({ spread, runs }) => runs < 2 || spread.median === 0 ? undefined : spread.spreadPercent,
  },
  { name: "gbps", decimals: 3, value: ({ spread, frameBytes }) => per(BITS_PER_BYTE * frameBytes, spread.median) },
  { name: "ratio", decimals: 3, value: ({ ratio }) => ratio?.ratio },
  { name: "ratio_low", decimals: 3, value: ({ ratio }) => ratio?.low },
  { name: "ratio_high", decimals: 3, value: ({ ratio }) => ratio?.high },
  { name: "runs", decimals: 0, value: ({ runs }) => runs },
  { name: "engine", value: ({ engine }) => engine },
  {
    name: "predicted_ns_per_packet",
    decimals: 1,
    value: ({ predictedNs, packets }) => per(predictedNs, packets),
  },
  { name: "predicted_ratio", decimals: 3, value: ({ predictedRatio }) => predictedRatio },
];

/** Those that a table for people has. */
export const BENCH_TABLE_COLUMNS: readonly Column<BenchRow>[] = BENCH_COLUMNS.filter(({ name }) => {
  return !["median_ms", "low_ms", "high_ms", "runs"].includes(name);
});
