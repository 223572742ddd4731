/**
 * The files of runs: `summary.csv`, `copies.csv`, `run.json`, and the frames that were sent.
 *
 * @module
 */

import { LINKTYPE_ETHERNET, PcapWriter } from "../capture/mod.ts";
import type { FrameWriter } from "../replay/frame_sink.ts";
import type { Run } from "../replay/run.ts";
import { renderCsv } from "../report/columns.ts";
import { COPIES_COLUMNS, copyRows } from "../report/copies.ts";
import { renderRunJson } from "../report/run_json.ts";
import { type NumberedRun, SUMMARY_COLUMNS } from "../report/summary.ts";
import { OutputFile } from "./outputs.ts";
import { say, writeOutBytes } from "./terminal.ts";

/** Adds the files of one run in `folder`: copies.csv and run.json, and summary.csv where it is wanted there. */
export function addRunFiles(
  files: Map<string, string>,
  folder: string,
  numbered: NumberedRun,
  withSummary: boolean,
): void {
  if (withSummary) files.set(`${folder}/summary.csv`, renderCsv(SUMMARY_COLUMNS, [numbered]));
  files.set(`${folder}/copies.csv`, renderCsv(COPIES_COLUMNS, copyRows(numbered.run.tally)));
  files.set(`${folder}/run.json`, renderRunJson(numbered.run));
}

/** Frames into a pcap file, or to stdout. */
export class PcapOutput implements FrameWriter {
  readonly #file: OutputFile | null;
  #writer: PcapWriter | null = null;

  /** `path` is a file name, or `-` for stdout. */
  constructor(path: string) {
    this.#file = path === "-" ? null : new OutputFile(path);
  }

  begin(t0EpochNs: bigint): void {
    const sink = (bytes: Uint8Array) => this.#file === null ? writeOutBytes(bytes) : this.#file.write(bytes);
    this.#writer = new PcapWriter(sink, LINKTYPE_ETHERNET, t0EpochNs);
  }

  write(tNs: number, bytes: Uint8Array, length: number): void {
    this.#writer!.write(tNs, bytes, 0, length);
  }

  /** The run is over: the file gets its name. */
  commit(): void {
    this.#writer?.flush();
    this.#file?.commit();
  }
}

/** Says the warnings of runs, each sentence once; who it concerns is named when it is not everybody. */
export function sayWarnings(runs: readonly Run[], labelOf: (run: Run) => string): void {
  const concerned = new Map<string, string[]>();
  for (const run of runs) {
    for (const warning of run.warnings) concerned.set(warning, [...concerned.get(warning) ?? [], labelOf(run)]);
  }
  for (const [warning, labels] of concerned) {
    const whom = labels.length === runs.length ? "" : `${labels.join(", ")}: `;
    say(`tailbits: Warning: ${whom}${warning}`);
  }
}

/** Says what `--check` found; true when all is well. */
export function sayFailures(runs: readonly Run[], labelOf: (run: Run) => string): boolean {
  for (const run of runs) {
    for (const failure of run.failures) say(`tailbits: Check failed: ${labelOf(run)}: ${failure}`);
  }
  return runs.every((run) => run.failures.length === 0);
}
