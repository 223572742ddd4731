/**
 * Opens a capture: the first bytes decide which format reads it, never the name of the file.
 *
 * A new format is one file that exports a {@link CaptureFormat} and one line in {@link CAPTURE_FORMATS}. Whatever is packed
 * with gzip is unpacked on the way, once.
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
import { GunzipSource, isGzip } from "./gunzip.ts";
import { PCAP_FORMAT } from "./pcap_reader.ts";
import { PCAPNG_FORMAT } from "./pcapng_reader.ts";
import type { CaptureFormat, CaptureReader } from "./reader.ts";
import { SlidingWindow, WINDOW_BYTES } from "./window.ts";

/** How much of a file is looked at to recognise its format: every file header we know fits. */
export const HEAD_BYTES = 64;

/** The formats that can be read, asked in this order. */
export const CAPTURE_FORMATS: readonly CaptureFormat[] = [
  PCAP_FORMAT,
  PCAPNG_FORMAT,
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
  const window = await openWindow(source, name, windowBytes);
  if (!isGzip(headOf(window))) return await openFormat(window, "");
  const unpacked = await openWindow(new GunzipSource(window), name, windowBytes);
  return await openFormat(unpacked, "unpacked with gzip, ");
}

async function openWindow(source: ByteSource, name: string, windowBytes: number): Promise<SlidingWindow> {
  const window = new SlidingWindow(source, name, windowBytes);
  await window.fill(HEAD_BYTES);
  return window;
}

function headOf(window: SlidingWindow): Uint8Array {
  return window.bytes.subarray(0, Math.min(window.end, HEAD_BYTES));
}

async function openFormat(window: SlidingWindow, circumstance: string): Promise<CaptureReader> {
  const head = headOf(window);
  for (const format of CAPTURE_FORMATS) {
    if (format.matches(head)) return await format.open(window);
  }
  throw new CaptureError(window.name, window.damage ?? circumstance + explainForeign(head));
}
