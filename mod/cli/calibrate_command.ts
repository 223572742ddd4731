/**
 * `tailbits calibrate`: a cost profile, measured on this machine (`measure_command.ts`) or fitted to measured rows
 * (`fit_command.ts`).
 *
 * @module
 */

import type { Arguments, Command, Flag } from "./command.ts";
import { CSV_FLAGS } from "./csv_flags.ts";
import { UsageError } from "./errors.ts";
import { FIT_FLAGS, runFit } from "./fit_command.ts";
import { FORMAT_FLAG } from "./formats.ts";
import { MEASURE_FLAGS, runMeasure } from "./measure_command.ts";

/** The verb. */
export const calibrateCommand: Command = {
  name: "calibrate",
  operands: "[-o PROFILE.json] | CAPTURE --fit ROWS.csv [-o PROFILE.json]",
  summary: "Measure what work costs on this machine, or fit a cost profile to measured Gbps and CPU.",
  doc:
    "Without --fit: measures what copies, checksums and ciphers take on this machine, by the call and by the byte, with memory\n" +
    "cold and warm, and writes a profile for --set profile=FILE. It takes 5 to 30 s and 500 MB of memory.\n" +
    "It is the work as tailbits does it: copies and checksums in JavaScript (a kernel sums some five times as fast), ciphers of\n" +
    "OpenSSL where --allow-ffi is granted, else of noble, which is far slower; the call of the runtime is in each. What the\n" +
    "kernel does on each packet cannot be measured like this: it is that of --base, in the ratio of the clocks. So Gbps predicted\n" +
    "with the profile are those of a machine that does the work in this way. Work that is disturbed takes longer, never less:\n" +
    "the least of the runs counts, and the range reaches up to three quarters of them. Ciphers have their request in one piece,\n" +
    "and, of a full packet, in those of preset nocopy: what each piece adds is priced too. What a NIC has written is taken to be\n" +
    "in memory; --memory warm takes it to be in caches, as it is in bench: for a profile to compare with bench, and wrong after\n" +
    "DMA. Ranges reach from one to the other.\n" +
    "\n" +
    "With --fit: moves the coefficients of a cost profile inside their ranges until the simulation says what was measured, as far as\n" +
    "they let it, and reports what is left: errors of each row, which coefficients the rows pin down and which they leave to\n" +
    "their range. Rows of role predict are only predicted. The coefficients are printed for people; --coefficients writes them as\n" +
    "CSV, -o the fitted profile.",
  flags: [
    { name: "out", short: "o", value: "PROFILE.json", doc: "Write the profile there; of a measured one - is stdout." },
    { name: "name", value: "NAME", doc: "Name of the profile; without it that of the file." },
    { name: "description", value: "TEXT", doc: "Which machine it is of." },
    ...MEASURE_FLAGS,
    ...FIT_FLAGS,
    FORMAT_FLAG,
    ...CSV_FLAGS,
  ],
  examples: [
    "tailbits calibrate --format table",
    "tailbits calibrate -o mine.json --base published --clock-ghz 3.4",
    "deno run -R -W --allow-ffi cli.ts calibrate -o mine.json",
    "deno run -R -W --allow-ffi cli.ts calibrate --memory warm -o as-bench.json",
    "tailbits calibrate bulk.pcap --fit rows.csv --set profile=netdev11 -o mine.json",
    "tailbits calibrate bulk.pcap --fit rows.csv --tie 'seal aes-gcm cycles/byte=open aes-gcm cycles/byte'",
  ],
  run: runCalibrate,
};

async function runCalibrate(args: Arguments): Promise<number> {
  const fits = args.one("fit") !== undefined;
  refuse(args, fits ? MEASURE_FLAGS : FIT_FLAGS, fits ? "with --fit: it measures nothing" : "without --fit");
  return fits ? await runFit(args) : await runMeasure(args);
}

/** No flag of the other way to a profile is passed over in silence. */
function refuse(args: Arguments, flags: readonly Flag[], why: string): void {
  const given = flags.find(({ name }) => args.all(name).length > 0 || args.has(name));
  if (given !== undefined) throw new UsageError(`Cannot use --${given.name} ${why}`);
}
