/**
 * `tailbits inspect`: what is in a capture, how well it would aggregate, and which paths can play it.
 *
 * @module
 */

import { inspectCapture } from "../capture/inspection.ts";
import { inspectionJson, renderInspection } from "../report/inspection.ts";
import type { Arguments, Command } from "./command.ts";
import { EXIT, UsageError } from "./errors.ts";
import { chooseFormat } from "./formats.ts";
import { captureInputs } from "./inputs.ts";
import { withProgress } from "./progress.ts";
import { say, writeOut } from "./terminal.ts";

/** The verb. */
export const inspectCommand: Command = {
  name: "inspect",
  operands: "CAPTURE",
  summary: "Say what is in a capture.",
  doc:
    "Says what is in a capture: counts, link types, protocols, flows, ESP SAs, checksums, how well TCP would aggregate (GRO) " +
    "and why it would not, and which paths can play it.",
  flags: [{ name: "format", value: "FORMAT", doc: "text (default) or json." }],
  examples: ["tailbits inspect trace.pcap", "tailbits inspect - --format json < trace.pcap"],
  run: runInspect,
};

async function runInspect(args: Arguments): Promise<number> {
  const format = chooseFormat(args.one("format") ?? "text", ["text", "json"]);
  if (args.operands.length > 1) {
    throw new UsageError(`Cannot inspect ${args.operands.length} captures at once: name one`);
  }
  const [input] = await captureInputs(args.operands, 1);
  const source = await (args.has("quiet") ? input! : withProgress(input!, "inspect")).open();
  try {
    const inspection = await inspectCapture(source, input!.name);
    if (!args.has("quiet")) { for (const warning of inspection.warnings) say(`tailbits: Warning: ${warning}`); }
    writeOut(format === "json" ? inspectionJson(inspection) : renderInspection(inspection));
    return EXIT.ok;
  } finally {
    source.close();
  }
}
