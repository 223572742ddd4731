/**
 * `tailbits replay`: one configuration over one or more captures.
 *
 * @module
 */

import { saTable } from "../esp/sa_table.ts";
import { needsSurvey } from "../replay/locality.ts";
import { type CaptureInput, replay, type Run } from "../replay/run.ts";
import { renderCsv } from "../report/columns.ts";
import { type NumberedRun, SUMMARY_COLUMNS, TABLE_COLUMNS } from "../report/summary.ts";
import type { Arguments, Command } from "./command.ts";
import { EXIT, UsageError } from "./errors.ts";
import { formatFrom, render } from "./formats.ts";
import { baseName, captureInputs, configFrom, profileFrom } from "./inputs.ts";
import { writeFiles } from "./outputs.ts";
import { withProgress } from "./progress.ts";
import { addRunFiles, PcapOutput, sayFailures, sayWarnings } from "./run_files.ts";
import { writeOut } from "./terminal.ts";

/** The verb. */
export const replayCommand: Command = {
  name: "replay",
  operands: "CAPTURE... [-c CONFIG] [--set key=value]... [-o DIR]",
  summary: "Replay captures through one configuration.",
  doc: "Replays captures through one configuration of the ESP data path and prints one row of summary.csv for each.\n" +
    "A capture is a pcap file, or - for stdin. On a terminal a table is printed, into a pipe CSV.",
  flags: [
    {
      name: "config",
      short: "c",
      value: "CONFIG",
      doc: "A preset (see tailbits configs) or a JSONC file; default nocopy.",
    },
    { name: "set", value: "KEY=VALUE", repeats: true, doc: "Change one key; may be repeated." },
    { name: "out", short: "o", value: "DIR", doc: "Write summary.csv, copies.csv and run.json there." },
    { name: "format", value: "FORMAT", doc: "What to print: table, csv, json or md." },
    {
      name: "write-pcap",
      value: "FILE",
      doc: "Write what NIC 1 sends, encrypted, with virtual time stamps (- is stdout).",
    },
    { name: "write-sa", value: "FILE", doc: "Write the SA as a table for Wireshark (file esp_sa). Test keys only." },
    { name: "check", doc: "Encrypt, open every packet again, hold the laws against the ledger; exit 1 on a failure." },
  ],
  plannedFlags: ["trace", "columns", "delimiter", "bom", "sa"],
  examples: [
    "tailbits replay fixtures/bulk-tcp-ipv4.pcap -c baseline -o out",
    "tailbits replay trace.pcap -c nocopy --set tx_dst=new-page --format json",
    "tailbits replay trace.pcap --write-pcap esp.pcap --write-sa esp_sa",
  ],
  run: runReplay,
};

async function runReplay(args: Arguments): Promise<number> {
  const format = formatFrom(args.one("format"));
  const resolved = await configFrom(args.one("config"), args.all("set"));
  const profile = await profileFrom(resolved);
  const inputs = await captureInputs(args.operands, needsSurvey(resolved.config) ? 2 : 1);
  const pcapPath = args.one("write-pcap");
  if (pcapPath !== undefined) refusePcap(pcapPath, inputs, resolved.config.engine, args);
  const frames = pcapPath === undefined ? undefined : new PcapOutput(pcapPath);
  const runs: NumberedRun[] = [];
  for (const input of inputs) {
    const shown = args.has("quiet") ? input : withProgress(input, "replay");
    const looks = { check: args.has("check"), ...(frames === undefined ? {} : { frames }) };
    runs.push({ number: runs.length + 1, run: await replay({ input: shown, resolved, profile, ...looks }) });
  }
  frames?.commit();
  writeFiles(filesOf(args, runs));
  if (!args.has("quiet")) sayWarnings(runs.map(({ run }) => run), (run) => run.captureName);
  if (pcapPath !== "-") writeOut(render(format, SUMMARY_COLUMNS, tableColumns(inputs.length), runs));
  return sayFailures(runs.map(({ run }) => run), (run: Run) => run.captureName) ? EXIT.ok : EXIT.checkFailed;
}

function refusePcap(path: string, inputs: readonly CaptureInput[], engine: string, args: Arguments): void {
  if (engine === "skip") {
    throw new UsageError("Cannot use --write-pcap with engine=skip: its packets are not encrypted (use auto or noble)");
  }
  if (inputs.length > 1) {
    throw new UsageError(`Cannot use --write-pcap with ${inputs.length} captures: their packets would mix in one file`);
  }
  if (path === "-" && args.one("format") !== undefined) {
    throw new UsageError("Cannot use --format with --write-pcap -: stdout takes the frames");
  }
}

/** With several captures the table has to say which. */
function tableColumns(captures: number): typeof TABLE_COLUMNS {
  return captures === 1 ? TABLE_COLUMNS : [SUMMARY_COLUMNS[1]!, ...TABLE_COLUMNS];
}

/** One capture: its files lie in DIR. Several: DIR/summary.csv, and a folder DIR/NUMBER-NAME for each. */
function filesOf(args: Arguments, runs: readonly NumberedRun[]): Map<string, string> {
  const files = new Map<string, string>();
  const folder = args.one("out");
  if (folder !== undefined && runs.length === 1) addRunFiles(files, folder, runs[0]!, true);
  if (folder !== undefined && runs.length > 1) {
    files.set(`${folder}/summary.csv`, renderCsv(SUMMARY_COLUMNS, runs));
    for (const run of runs) addRunFiles(files, `${folder}/${run.number}-${baseName(run.run.captureName)}`, run, false);
  }
  const saPath = args.one("write-sa");
  if (saPath !== undefined) files.set(saPath, saTable([runs[0]!.run.sa]));
  return files;
}
