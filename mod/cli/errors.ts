/**
 * From what went wrong to one line and an exit code.
 *
 * 0 ok; 1 a check failed; 2 usage or configuration error; 3 input cannot be read as a capture; 4 output could not be
 * written.
 *
 * @module
 */

import { CaptureError } from "../capture/mod.ts";
import { ConfigError } from "../config/errors.ts";
import { ProfileError } from "../cost/profile.ts";
import { SaFileError } from "../esp/sa_entry.ts";
import { FitError } from "../fit/errors.ts";
import { PacketNumberError } from "../replay/explain.ts";
import { UnplayableError } from "../replay/run.ts";

/** Exit codes. */
export const EXIT = { ok: 0, checkFailed: 1, usage: 2, input: 3, output: 4, interrupted: 130 } as const;

/** The command line asks for something that is not there. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** Output could not be written. */
export class OutputError extends Error {
  override name = "OutputError";
}

/** The reader of our output has gone: not an error. */
export class ClosedPipe extends Error {
  override name = "ClosedPipe";
}

/** Exit code for a thrown value; undefined for a defect of the program. */
export function exitCodeOf(error: unknown): number | undefined {
  if (error instanceof ClosedPipe) return EXIT.ok;
  if (error instanceof UsageError || error instanceof ConfigError || error instanceof ProfileError) return EXIT.usage;
  if (error instanceof PacketNumberError || error instanceof SaFileError || error instanceof FitError) {
    return EXIT.usage;
  }
  if (error instanceof CaptureError || error instanceof UnplayableError) return EXIT.input;
  if (error instanceof OutputError) return EXIT.output;
  return undefined;
}

/** What a system error means, in two or three words. */
export function systemReason(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file or folder";
  if (error instanceof Deno.errors.NotCapable) {
    // Some folders of the system, such as /proc, need more.
    const needsAll = error.message.startsWith("Requires all access");
    return needsAll ? "Deno lets nobody in without -A" : "Deno was not given the permission (-R reads, -W writes)";
  }
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.IsADirectory) return "it is a folder";
  if (error instanceof Deno.errors.NotADirectory) return "a part of its path is not a folder";
  if (error instanceof Deno.errors.AlreadyExists) return "there is something else of that name";
  if (error instanceof Error) return error.message.replace(/ \(os error \d+\).*$/s, "").split("\n")[0]!;
  return String(error);
}
