/**
 * The model against published throughput: one row per publication's row, predicted beside measured.
 *
 * Each row is played on path host-to-host with the same capture of bulk TCP. Nothing is adjusted: what comes out is what the
 * shipped profiles say, and errors are signed, predicted less published.
 *
 * CPU time is published of one CPU, which is held against the busiest of the model's host, or as a mean over all CPUs of a host,
 * which is held against all of the model's host together (`PublishedRow.cpuOf`), both in % of one CPU.
 *
 * A profile that is fitted to a machine has its clock. One that is not, `published`, takes the clock of the row, where that is
 * published: what it has in cycles takes as many of them.
 *
 * Departures: on the sending host process, softirq and crypto of a connection share one CPU, on the receiving host the process
 * has another one (`reader_cpu`); a publication's hosts had more.
 *
 * ```ts
 * const predictions = await predictPublished(parsePublished(text), capture);
 * renderCsv(PREDICTION_COLUMNS, predictions);
 * ```
 *
 * @module
 */

import { resolveConfig } from "../config/resolve.ts";
import type { Profile } from "../cost/profile.ts";
import { PROFILES } from "../cost/profiles.ts";
import { type CaptureInput, replay } from "../replay/run.ts";
import type { Column } from "../report/columns.ts";
import { type ComparedFigures, comparisonColumns, type Figures } from "../report/comparison.ts";
import { hostBusyNs } from "../report/host_loads.ts";
import { SUMMARY_COLUMNS } from "../report/summary.ts";
import { type Play, playOf, whyUnplayed } from "./published_plays.ts";
import type { PublishedRow } from "./published_rows.ts";

/** What a run says. */
export interface Predicted {
  /** Payload, Gbit/s. */
  readonly gbps: number;
  /** The busiest CPU of the sender, or all of them together, as the row has been published; in % of one CPU. */
  readonly txCpuPercent: number;
  /** The same of the receiver. */
  readonly rxCpuPercent: number;
}

/** A published row and what the model makes of it. */
export interface Prediction {
  /** What was published. */
  readonly row: PublishedRow;
  /** Undefined where it cannot be played. */
  readonly predicted: Predicted | undefined;
  /** Name of the profile; empty where it cannot be played. */
  readonly profile: string;
  /** Clock of the prices, in GHz; undefined where it cannot be played. */
  readonly clockGhz: number | undefined;
  /** Whether that profile was fitted to anything. */
  readonly isFitted: boolean;
  /** Preset and settings; empty where it cannot be played. */
  readonly config: string;
  /** Why it cannot be played; empty where it can. */
  readonly reason: string;
}

/** The columns, in order; CPU is that of the sender unless the name says `rx`. */
export const PREDICTION_COLUMNS: readonly Column<Prediction>[] = [
  { name: "id", value: ({ row }) => row.id },
  { name: "role", value: ({ row }) => row.role },
  ...comparisonColumns<Prediction>(figuresOf, 1),
  { name: "profile", value: ({ profile }) => known(profile) },
  {
    name: "fit",
    value: ({ profile, isFitted }) => profile === "" ? undefined : isFitted ? "fitted profile" : "unfitted profile",
  },
  { name: "clock_ghz", decimals: 2, value: ({ clockGhz }) => clockGhz },
  { name: "config", value: ({ config }) => known(config) },
  { name: "reason", value: ({ reason }) => known(reason) },
];

/** The text, which is null in JSON where there is none. */
function known(text: string): string | undefined {
  return text === "" ? undefined : text;
}

/** The columns for people: without those of the receiver, the clock and the configuration. */
export const SHORT_PREDICTION_COLUMNS: readonly Column<Prediction>[] = PREDICTION_COLUMNS
  .filter(({ name }) => !name.includes("rx_") && name !== "clock_ghz" && name !== "config");

/** Plays each row that can be played; `input` is opened once for each pass of a run. Throws CaptureError. */
export async function predictPublished(rows: readonly PublishedRow[], input: CaptureInput): Promise<Prediction[]> {
  const runs = new Map<string, Played>();
  const predictions: Prediction[] = [];
  for (const row of rows) predictions.push(await predict(row, input, runs));
  return predictions;
}

async function predict(
  row: PublishedRow,
  input: CaptureInput,
  runs: Map<string, Played>,
): Promise<Prediction> {
  const play = playOf(row.id);
  if (play === undefined) {
    const unplayed = { profile: "", clockGhz: undefined, isFitted: false, config: "", reason: whyUnplayed(row.id) };
    return { row, predicted: undefined, ...unplayed };
  }
  const profile = atClockOf(row, PROFILES.get(play.profile)!);
  const config = [play.preset, ...play.sets].join(" ");
  // Some rows are of one configuration.
  const key = `${profile.name} ${profile.clock_ghz} ${config}`;
  const played = runs.get(key) ?? await playRow(play, profile, input);
  runs.set(key, played);
  const predicted = { gbps: played.gbps, ...played[row.cpuOf] };
  const { name, clock_ghz: clockGhz, fit } = profile;
  return { row, predicted, profile: name, clockGhz, isFitted: fit !== undefined, config, reason: "" };
}

/** A profile of no machine in particular, at the clock of the row. */
function atClockOf({ clockGhz }: PublishedRow, profile: Profile): Profile {
  return clockGhz === undefined || profile.fit !== undefined ? profile : { ...profile, clock_ghz: clockGhz };
}

/** CPU time of both hosts, in % of one CPU. */
type CpuTimes = Pick<Predicted, "txCpuPercent" | "rxCpuPercent">;

/** What a run says, whichever CPUs are asked for. */
interface Played {
  readonly gbps: number;
  readonly busiest: CpuTimes;
  readonly all: CpuTimes;
}

/** Plays the capture under one configuration. */
async function playRow({ preset, sets }: Play, profile: Profile, input: CaptureInput): Promise<Played> {
  const resolved = resolveConfig({ preset, sets: ["path=host-to-host", ...sets] });
  const run = await replay({ input, resolved, profile });
  const figure = (name: string): number => {
    return Number(SUMMARY_COLUMNS.find((column) => column.name === name)!.value({ number: 1, run }));
  };
  const allOf = (host: "tx" | "rx"): number => 100 * hostBusyNs(run, host)! / run.elapsedNs;
  return {
    gbps: figure("goodput_gbps"),
    busiest: { txCpuPercent: figure("tx_cpu_percent"), rxCpuPercent: figure("rx_cpu_percent") },
    all: { txCpuPercent: allOf("tx"), rxCpuPercent: allOf("rx") },
  };
}

function figuresOf({ row, predicted }: Prediction): ComparedFigures {
  return { measured: asFigures(row), predicted: predicted && asFigures(predicted) };
}

function asFigures({ gbps, txCpuPercent, rxCpuPercent }: Predicted | PublishedRow): Figures {
  return { gbps, cpuPercent: txCpuPercent, rxCpuPercent };
}
