/**
 * Where a capture comes from: a file or stdin, which is opened once for each time that a run reads it.
 *
 * ```ts
 * const { reader, close } = await reopenCapture(input);
 * ```
 *
 * @module
 */

import { type ByteSource, openCapture } from "../capture/mod.ts";
import type { Reopened } from "./repeat.ts";

/** A byte source that holds something open. */
export interface OpenInput extends ByteSource {
  /** Lets go of it. */
  close(): void;
}

/** A capture that can be opened; more than once where a run needs that. */
export interface CaptureInput {
  /** File name without folders, or `stdin`. */
  readonly name: string;
  /** Opens it from its start; throws CaptureError when that fails. */
  open(): Promise<OpenInput>;
}

/**
 * A reader of its own, from the start of the capture; `windowBytes` is the size of the window through which it reads.
 *
 * @throws {CaptureError} when the capture cannot be read; it is closed then.
 */
export async function reopenCapture(input: CaptureInput, windowBytes?: number): Promise<Reopened> {
  const opened = await input.open();
  const close = (): void => opened.close();
  try {
    return { reader: await openCapture(opened, input.name, windowBytes), close };
  } catch (error) {
    close();
    throw error;
  }
}
