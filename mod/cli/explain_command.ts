/**
 * `tailbits explain`: the life of one packet, stage by stage.
 *
 * @module
 */

import { explain } from "../replay/explain.ts";
import { timesOpened } from "../replay/run.ts";
import { explanationJson, renderExplanation } from "../report/explanation.ts";
import type { Arguments, Command } from "./command.ts";
import { EXIT, UsageError } from "./errors.ts";
import { chooseFormat } from "./formats.ts";
import { captureInputs, configFrom, profileFrom } from "./inputs.ts";
import { withProgress } from "./progress.ts";
import { associationsFrom, SA_FLAG, withAssociations } from "./sa_input.ts";
import { say, writeOut } from "./terminal.ts";

/** The verb. */
export const explainCommand: Command = {
  name: "explain",
  operands: "CAPTURE --packet N [-c CONFIG] [--set key=value]...",
  summary: "Tell the life of one packet.",
  doc:
    "Tells the life of one packet, stage by stage: what was decided, why, by which kernel function, what was copied,\n" +
    "what it cost, and the buffer where it changed. Packets are numbered from 1, as in packets.csv and in Wireshark.\n" +
    "The tail of a buffer is in parentheses while data is paged: the bytes are there, but skb_tailroom is 0.",
  flags: [
    { name: "packet", value: "N", doc: "Number of the packet." },
    {
      name: "config",
      short: "c",
      value: "CONFIG",
      doc: "A preset (see tailbits configs) or a JSONC file; default nocopy.",
    },
    { name: "set", value: "KEY=VALUE", repeats: true, doc: "Change one key; may be repeated." },
    SA_FLAG,
    { name: "format", value: "FORMAT", doc: "text (default) or json." },
  ],
  examples: [
    "tailbits explain fixtures/bulk-tcp-ipv4.pcap --packet 4 -c baseline",
    "tailbits explain trace.pcap --packet 4 -c nocopy --set tx_dst=new-page",
    "tailbits explain - --packet 17 -c nocopy-gro --format json < trace.pcap",
  ],
  run: runExplain,
};

async function runExplain(args: Arguments): Promise<number> {
  const format = chooseFormat(args.one("format") ?? "text", ["text", "json"]);
  const number = packetNumber(args.one("packet"));
  if (args.operands.length > 1) {
    throw new UsageError(`Cannot explain ${args.operands.length} captures at once: name one`);
  }
  const file = await associationsFrom(args);
  const resolved = withAssociations(await configFrom(args.one("config"), args.all("set")), file);
  const profile = await profileFrom(resolved);
  const [input] = await captureInputs(args.operands, timesOpened(resolved.config));
  const shown = args.has("quiet") ? input! : withProgress(input!, "explain");
  const life = await explain({ input: shown, resolved, profile, associations: file?.entries }, number);
  if (!args.has("quiet")) { for (const warning of life.run.warnings) say(`tailbits: Warning: ${warning}`); }
  writeOut(format === "json" ? explanationJson(life) : renderExplanation(life));
  return EXIT.ok;
}

/** The number behind `--packet`: digits, from 1. */
function packetNumber(text: string | undefined): number {
  if (text === undefined) throw new UsageError("Cannot explain: no packet is named (--packet N, counted from 1)");
  const number = Number(text);
  if (!/^\d{1,15}$/.test(text) || number === 0) {
    throw new UsageError(`Cannot explain packet ${text}: it is not a whole number from 1 on`);
  }
  return number;
}
