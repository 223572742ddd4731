/**
 * `tailbits bench`: the byte work of configurations, done for real and timed on this machine.
 *
 * @module
 */

import type { ResolvedConfig } from "../config/resolve.ts";
import { bench, type Benched, type BenchJob, USUAL_PACKETS, usualPackets } from "../machine/bench.ts";
import { BENCH_COLUMNS, BENCH_TABLE_COLUMNS, benchRows } from "../machine/bench_rows.ts";
import { timesOpened } from "../replay/run.ts";
import type { Arguments, Command } from "./command.ts";
import { columnsFrom, CSV_FLAGS, csvStyleFrom } from "./csv_flags.ts";
import { EXIT, UsageError } from "./errors.ts";
import { FORMAT_FLAG, formatFrom, render } from "./formats.ts";
import { captureInputs, profileFrom } from "./inputs.ts";
import { configFlags, configsFrom } from "./named_configs.ts";
import { StatusLine } from "./progress.ts";
import { associationsFrom, SA_FLAG, withAssociations } from "./sa_input.ts";
import { say, sayWarnings, writeOut } from "./terminal.ts";

/** The verb's own default: what the slides started with, and what they wanted. */
const DEFAULT_CONFIGS = "baseline,nocopy";
const DEFAULT_RUNS = 9;
const MOST_RUNS = 10_000;

/** The verb. */
export const benchCommand: Command = {
  name: "bench",
  operands: "CAPTURE [-c A,B,...] [--set key=value]...",
  summary: "Do the byte work of configurations for real, and time it on this machine.",
  doc:
    "Does what configurations do to bytes for real (copies, segmentation, checksums, encryption) and times it on this\n" +
    "machine: nothing is priced, and no time is virtual. One row for each stage and kind of work, and a row all; what two\n" +
    "hosts do is in the same rows. Times are medians of runs; a run is the least of several passes, slice by slice, and\n" +
    "has memory of its own. spread_percent is the interquartile range of the runs, gbps the captured bits over the time\n" +
    "of the row. The configurations take turns; ratio compares each to the first, pair by pair, with the interval that\n" +
    "holds the median in 95 of 100 cases (empty below 6 runs). predicted_ns_per_packet is what the profile says of it.\n" +
    "What a NIC does (DMA, offloaded ESP) is done and not timed; several CPUs are one thread here. A copy is one call of\n" +
    "the runtime, which alone takes as long as 1 KiB: small copies cost more here than in a kernel. A row of short\n" +
    "operations is known to some 10 ns for each of them, and may come out as 0. With --allow-ffi OpenSSL encrypts, else\n" +
    "noble, a hundred times slower.",
  flags: [
    ...configFlags(DEFAULT_CONFIGS),
    { name: "runs", value: "N", doc: `Timed runs of each configuration; default ${DEFAULT_RUNS}.` },
    {
      name: "packets",
      value: "N",
      doc:
        `Take the first N packets of the capture at most; default ${USUAL_PACKETS.openssl}, with noble ${USUAL_PACKETS.noble}.`,
    },
    SA_FLAG,
    FORMAT_FLAG,
    ...CSV_FLAGS,
  ],
  examples: [
    "tailbits bench fixtures/bulk-tcp-ipv4.pcap",
    "tailbits bench trace.pcap -c baseline,nocopy,nocopy-gro-gso --set cipher=aes-gcm-128 --runs 21",
    "tailbits bench trace.pcap --set profile=my-machine.json --columns config,stage,kind,ns_per_packet,predicted_ns_per_packet",
  ],
  run: runBench,
};

async function runBench(args: Arguments): Promise<number> {
  const format = formatFrom(args.one("format"));
  const style = csvStyleFrom(args);
  const columns = columnsFrom(args, BENCH_COLUMNS);
  const runs = countFrom(args, "runs", MOST_RUNS) ?? DEFAULT_RUNS;
  const givenPackets = countFrom(args, "packets", Number.MAX_SAFE_INTEGER);
  if (args.operands.length > 1) {
    throw new UsageError(`Cannot bench ${args.operands.length} captures at once: name one`);
  }
  const associations = await associationsFrom(args);
  const configs = (await configsFrom(args, "bench", DEFAULT_CONFIGS)).map((resolved) =>
    withAssociations(resolved, associations)
  );
  const passes = configs.reduce((sum, { config }) => sum + timesOpened(config), 0);
  const [input] = await captureInputs(args.operands, passes);
  const jobs: BenchJob[] = [];
  for (const resolved of configs) {
    jobs.push({
      input: input!,
      resolved,
      profile: await profileFrom(resolved),
      associations: associations?.entries,
    });
  }
  const maxPackets = givenPackets ?? usualPackets(configs);
  const line = new StatusLine(args.has("quiet"));
  const show = (done: number, steps: number) => line.showAndWait(`bench: ${Math.floor(100 * done / steps)} %`);
  let benched: Benched[];
  try {
    benched = await bench(jobs, { runs, maxPackets, progress: show });
  } finally {
    line.clear();
  }
  if (!args.has("quiet")) sayNotes(benched, configs);
  writeOut(render(format, columns ?? BENCH_COLUMNS, columns ?? BENCH_TABLE_COLUMNS, benchRows(benched), style));
  return EXIT.ok;
}

/** A number of things, from 1 on; undefined where nobody says. */
function countFrom(args: Arguments, name: string, most: number): number | undefined {
  const text = args.one(name);
  if (text === undefined) return undefined;
  const count = Number(text);
  if (/^\d{1,15}$/.test(text) && count > 0 && count <= most) return count;
  throw new UsageError(`Cannot use --${name} ${text}: it takes a whole number from 1 to ${most}`);
}

/** Who encrypted, and what the user should know besides. */
function sayNotes(benched: readonly Benched[], configs: readonly ResolvedConfig[]): void {
  const isFallback = configs.some(({ config }) => config.engine === "auto");
  const engines = new Set(benched.flatMap(({ engine }) => engine ?? []));
  for (const engine of engines) {
    const faster = engine === "noble" && isFallback
      ? "; with --allow-ffi it would be OpenSSL, where that is installed"
      : "";
    say(`tailbits: Encrypted by ${engine}${faster}`);
  }
  sayWarnings(benched);
}
