/**
 * What tests of byte programs share. Not part of the library.
 *
 * @module
 */

import { ENGINES, fastestEngine } from "../crypto/engines.ts";
import type { CaptureInput, ReplayRequest } from "../replay/run.ts";
import { runOf, type TestRun } from "../replay/testing.ts";
import { ByteProgram } from "./byte_program.ts";
import { type PieceCipher, pieceCipher } from "./primitives.ts";
import { WorkRecorder } from "./work_recorder.ts";

/** A run, and the program of its byte work. */
export interface Recorded extends TestRun {
  readonly recorder: WorkRecorder;
  readonly program: ByteProgram;
}

/** Runs a capture, and records its byte work; memory is poisoned and every packet is opened again. */
export async function record(
  input: CaptureInput,
  preset: string,
  sets: readonly string[] = [],
  options: Partial<ReplayRequest> = {},
): Promise<Recorded> {
  const recorder = new WorkRecorder(1 << 28);
  const run = await runOf(input, preset, sets, { ...options, work: recorder });
  return { ...run, recorder, program: recorder.finish(1, 1) };
}

/** What runs the requests of a program. */
export function ciphersOf({ parts }: ByteProgram): PieceCipher[] {
  return parts.associations.map((sa) => pieceCipher(sa, ENGINES[fastestEngine()]));
}

/** Whether a pass over a program gives what it has to. */
export function isRight(program: ByteProgram, ciphers: readonly PieceCipher[] = ciphersOf(program)): boolean {
  const { digest, sums } = program.parts;
  return program.verify(ciphers) === digest && program.sums === sums && program.misjudged === 0;
}
