/**
 * The traces of one run that grow with it: `series.csv`, `packets.csv`, `events.csv`, `sas.csv`.
 *
 * @module
 */

import type { EventBlock, Fold } from "../ledger/ledger.ts";
import { Packets } from "../ledger/packets.ts";
import { Series } from "../ledger/series.ts";
import { NS_PER_MS, NS_PER_US } from "../ledger/units.ts";
import type { Run } from "../replay/run.ts";
import { CsvStream, type CsvStyle, renderCsv } from "../report/columns.ts";
import { EVENTS_COLUMNS } from "../report/events.ts";
import { PACKET_COLUMNS } from "../report/packets.ts";
import { SERIES_COLUMNS } from "../report/series.ts";
import { saRecords } from "../replay/sa_records.ts";
import { SA_COLUMNS } from "../report/sas.ts";
import { SaStatistics } from "../replay/sa_statistics.ts";
import type { Config } from "../config/schema.ts";
import { nearest } from "../config/nearest.ts";
import { readerCpusOf } from "../config/reader_cpus.ts";
import { UsageError } from "./errors.ts";
import { makeFolder, OutputFile } from "./outputs.ts";

/** Traces that are written on request only: they have a row per packet, event or SA. */
const TRACES = ["packets", "events", "sas"] as const;

/** Rows of series.csv at most: a long gap in the stamps makes more of a short interval than anybody reads. */
const SERIES_ROWS_MAX = 1_000_000;

/** A trace by name. */
export type TraceName = typeof TRACES[number];

/** What `--trace` said. */
export function tracesFrom(list: string | undefined, folder: string | undefined): readonly TraceName[] {
  if (list === undefined) return [];
  if (folder === undefined) throw new UsageError("Cannot use --trace without -o: the traces need a folder");
  return list.split(",").map((name) => {
    const found = TRACES.find((trace) => trace === name);
    if (found !== undefined) return found;
    const near = nearest(name, TRACES);
    throw new UsageError(
      `Cannot use --trace ${name}: it takes ${TRACES.join(", ")}${near === undefined ? "" : ` (nearest: ${near})`}`,
    );
  });
}

/** Folds that write files in one folder while a run goes on. */
export class RunTraces {
  /** The folds to hand to the run. */
  readonly folds: Fold[] = [];
  /** Counts for each SA; null where nobody wants them. */
  readonly statistics: SaStatistics | null;
  readonly #series: Series;
  readonly #packets: Packets | null = null;
  readonly #streams: { flush(): void; file: OutputFile }[] = [];

  constructor(readonly folder: string, traces: readonly TraceName[], readonly style: CsvStyle, config: Config) {
    const { interval_us, net_cpus, crypto_cpus } = config;
    const intervalUs = interval_us === "auto" ? undefined : Number(interval_us);
    const roles = { netCpus: net_cpus, cryptoCpus: crypto_cpus, readerCpus: readerCpusOf(config) };
    this.#series = new Series(intervalUs, roles);
    this.folds.push(this.#series);
    this.statistics = traces.includes("sas") ? new SaStatistics() : null;
    if (traces.length > 0) makeFolder(folder);
    if (traces.includes("packets")) {
      const stream = this.#stream("packets.csv", PACKET_COLUMNS);
      this.#packets = new Packets((record) => stream.write(record));
      this.folds.push(this.#packets);
    }
    if (traces.includes("events")) this.folds.push(eventWriter(this.#stream("events.csv", EVENTS_COLUMNS)));
  }

  /** The run is over: adds series.csv to `files`, and the others get their names. */
  finish(run: Run, files: Map<string, string>): void {
    this.#packets?.finish();
    const { intervalUs = Infinity } = this.#series;
    const endNs = this.#series.endNs(run.elapsedNs);
    if (endNs / (intervalUs * NS_PER_US) > SERIES_ROWS_MAX) {
      const seconds = Math.ceil(endNs / (1000 * NS_PER_MS));
      throw new UsageError(
        `Cannot write series.csv: interval_us=${intervalUs} makes more than ${SERIES_ROWS_MAX} rows of a run of ${seconds} s`,
      );
    }
    files.set(
      `${this.folder}/series.csv`,
      renderCsv(SERIES_COLUMNS, this.#series.intervals(run.elapsedNs), this.style),
    );
    if (this.statistics !== null) {
      files.set(`${this.folder}/sas.csv`, renderCsv(SA_COLUMNS, saRecords(run, this.statistics), this.style));
    }
    for (const { file, flush } of this.#streams) {
      flush();
      file.commit();
    }
  }

  #stream<Row>(name: string, columns: ConstructorParameters<typeof CsvStream<Row>>[0]): CsvStream<Row> {
    const file = new OutputFile(`${this.folder}/${name}`);
    const stream = new CsvStream(columns, this.style, (bytes) => file.write(bytes));
    this.#streams.push({ file, flush: () => stream.flush() });
    return stream;
  }
}

function eventWriter(stream: CsvStream<{ block: EventBlock; row: number }>): Fold {
  return {
    add(block) {
      for (let row = 0; row < block.rows; row++) stream.write({ block, row });
    },
  };
}
