/**
 * `tailbits replay`: one configuration over one or more captures.
 *
 * @module
 */

import { saTable } from "../esp/sa_table.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { outboundAssociation } from "../esp/sa_directory.ts";
import type { Config } from "../config/schema.ts";
import { reverseAssociation, testAssociation } from "../replay/associations.ts";
import { type CaptureInput, timesOpened } from "../replay/run.ts";
import type { Arguments, Command } from "./command.ts";
import { UsageError } from "./errors.ts";
import { captureInputs, configFrom, profileFrom } from "./inputs.ts";
import { frameOutput } from "./pcap_output.ts";
import { type AssociationFile, associationsFrom, withAssociations } from "./sa_input.ts";
import { concludeJobs, JOB_FLAGS, jobOptionsFrom, runJobs } from "./run_jobs.ts";

/** The verb. */
export const replayCommand: Command = {
  name: "replay",
  operands: "CAPTURE... [-c CONFIG] [--set key=value]... [-o DIR]",
  summary: "Replay captures through one configuration.",
  doc: "Replays captures through one configuration of the ESP data path and prints one row of summary.csv for each.\n" +
    "A capture is a file, or - for stdin. On a terminal a table is printed, into a pipe CSV. Of several captures,\n" +
    "each gets a folder DIR/NUMBER-NAME of its own.",
  flags: [
    {
      name: "config",
      short: "c",
      value: "CONFIG",
      doc: "A preset (see tailbits configs) or a JSONC file; default nocopy.",
    },
    { name: "set", value: "KEY=VALUE", repeats: true, doc: "Change one key; may be repeated." },
    ...JOB_FLAGS,
    {
      name: "write-pcap",
      value: "FILE",
      doc:
        "Write what NIC 1 sends (host-to-host: both NICs), encrypted, with virtual stamps (- is stdout); as pcapng with comments if FILE ends so.",
    },
    { name: "write-sa", value: "FILE", doc: "Write the SAs as a table for Wireshark (file esp_sa). Test keys only." },
  ],
  examples: [
    "tailbits replay fixtures/bulk-tcp-ipv4.pcap -c baseline -o out",
    "tailbits replay trace.pcap -c nocopy --set tx_dst=new-page --format json",
    "tailbits replay trace.pcap -o out --trace packets,events",
    "tailbits replay esp.pcap --sa esp_sa --set path=receive -o out --trace sas",
    "tailbits replay trace.pcap --write-pcap esp.pcap --write-sa esp_sa",
  ],
  run: runReplay,
};

async function runReplay(args: Arguments): Promise<number> {
  const options = jobOptionsFrom("replay", args);
  const associations = await associationsFrom(args);
  const resolved = withAssociations(await configFrom(args.one("config"), args.all("set")), associations);
  const profile = await profileFrom(resolved);
  const inputs = await captureInputs(args.operands, timesOpened(resolved.config));
  const jobs = inputs.map((input, i) => ({
    input,
    resolved,
    profile,
    associations: associations?.entries,
    label: input.name,
    folder: inputs.length === 1 ? "" : `${i + 1}-${input.name}`,
  }));
  const pcapPath = args.one("write-pcap");
  if (pcapPath !== undefined) refusePcap(pcapPath, inputs, resolved.config, args);
  const frames = pcapPath === undefined ? undefined : frameOutput(pcapPath);
  const saPath = args.one("write-sa");
  const table = saPath === undefined ? "" : saTable(sealingAssociations(resolved.config, associations));
  const runs = await runJobs(jobs, options, {
    ...(frames === undefined ? {} : { frames }),
    ...(saPath === undefined ? {} : { files: new Map([[saPath, table]]) }),
  });
  frames?.commit();
  return concludeJobs(jobs, runs, options, pcapPath === "-");
}

/** What `--write-sa` writes: the SAs that this run seals under. */
function sealingAssociations(config: Config, file: AssociationFile | undefined): SecurityAssociation[] {
  const { mode, seed } = config;
  if (mode === "none") throw new UsageError("Cannot use --write-sa with mode=none: without IPsec there is no SA");
  if (file !== undefined) return [outboundAssociation(file.entries, seed, mode)];
  return [testAssociation(config), reverseAssociation(config)].filter((sa) => sa !== undefined);
}

function refusePcap(path: string, inputs: readonly CaptureInput[], config: Config, args: Arguments): void {
  if (config.engine === "skip" && config.mode !== "none") {
    throw new UsageError("Cannot use --write-pcap with engine=skip: its packets are not encrypted (use auto or noble)");
  }
  if (inputs.length > 1) {
    throw new UsageError(`Cannot use --write-pcap with ${inputs.length} captures: their packets would mix in one file`);
  }
  if (path === "-" && args.one("format") !== undefined) {
    throw new UsageError("Cannot use --format with --write-pcap -: stdout takes the frames");
  }
}
