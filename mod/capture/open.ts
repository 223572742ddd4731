/**
 * Opens a capture: the first bytes decide which format reads it, never the name of the file.
 *
 * A new format is one file that exports a {@link CaptureFormat} and one line in {@link CAPTURE_FORMATS}.
 *
 * @example
 * ```ts
 * import { openCapture } from "./open.ts";
 * import { CapturePacket } from "./packet.ts";
 * using file = await Deno.open("trace.pcap");
 * const reader = await openCapture(file, "trace.pcap");
 * const packet = new CapturePacket();
 * while (await reader.fill()) while (reader.next(packet)) packet.timeNs;
 * ```
 *
 * @module
 */

import type { ByteSource } from "./byte_source.ts";
import { CaptureError } from "./errors.ts";
import { explainForeign } from "./foreign.ts";
import { PCAP_FORMAT } from "./pcap_reader.ts";
import type { CaptureFormat, CaptureReader } from "./reader.ts";
import { SlidingWindow, WINDOW_BYTES } from "./window.ts";

/** How much of a file is looked at to recognise its format: every file header we know fits. */
export const HEAD_BYTES = 64;

/** The formats that can be read, asked in this order. */
export const CAPTURE_FORMATS: readonly CaptureFormat[] = [
  PCAP_FORMAT,
];

/**
 * Opens the capture that `source` holds.
 *
 * @param source Read from its current position; stays open and belongs to the caller.
 * @param name What the user called the input, for messages.
 * @param windowBytes Size of the window, which is also the limit of one packet record; small ones are for tests.
 * @throws {CaptureError} When the source is empty, fails, is no capture, or is one of a kind that cannot be read.
 */
export async function openCapture(
  source: ByteSource,
  name: string,
  windowBytes: number = WINDOW_BYTES,
): Promise<CaptureReader> {
  const window = new SlidingWindow(source, name, windowBytes);
  await window.fill(HEAD_BYTES);
  const head = window.bytes.subarray(0, Math.min(window.end, HEAD_BYTES));
  for (const format of CAPTURE_FORMATS) {
    if (format.matches(head)) return format.open(window);
  }
  throw new CaptureError(name, explainForeign(head));
}
