/**
 * What every capture reader can do, and what a capture format must bring along.
 *
 * Reading is asynchronous per window and synchronous per packet:
 *
 * ```ts
 * import { CapturePacket } from "./packet.ts";
 * import type { CaptureReader } from "./reader.ts";
 *
 * async function countBytes(reader: CaptureReader): Promise<number> {
 *   const packet = new CapturePacket();
 *   let bytes = 0;
 *   while (await reader.fill()) while (reader.next(packet)) bytes += packet.originalBytes;
 *   return bytes;
 * }
 * ```
 *
 * @module
 */

import type { CapturePacket } from "./packet.ts";
import type { SlidingWindow } from "./window.ts";

/** How many packets of one link type were read. */
export interface LinkTypeCount {
  /** LINKTYPE_ number, see `link_types.ts`. */
  readonly linkType: number;
  /** Packets read so far. */
  readonly packets: number;
}

/** An interface that a capture describes. Text is as it was stored: show it with care. */
export interface CaptureInterface {
  /** LINKTYPE_ number, see `link_types.ts`. */
  readonly linkType: number;
  /** Longest packet that was captured, in bytes; 0 without limit. */
  readonly snaplenBytes: number;
  /** Name of the device, for example `eth0`; empty where the capture does not say. */
  readonly name: string;
}

/** A capture, read once from front to back. Packets are never split over two windows. */
export interface CaptureReader {
  /** Name of the file format, for example `pcap`. */
  readonly format: string;
  /** Stamp of the first packet that has one, in ns since 1970-01-01 UTC; undefined before `next()` has given it. */
  readonly t0EpochNs: bigint | undefined;
  /** At most one for a damaged end: what is wrong and where. Complete when `fill()` has returned false. */
  readonly warnings: readonly string[];
  /** Link types of the packets read so far, in order of first appearance. A snapshot, made when it is asked for. */
  readonly linkTypes: readonly LinkTypeCount[];
  /** Interfaces described so far, in the order of the file; those of pcap have no description. */
  readonly interfaces: readonly CaptureInterface[];

  /**
   * Once per window: reads on, unless a whole packet is still waiting. All earlier packet bytes become invalid.
   *
   * @returns False when no further packet can come: the capture has ended or is damaged from here on.
   * @throws {CaptureError} When the source itself fails.
   */
  fill(): Promise<boolean>;

  /**
   * Once per packet: fills in `packet`.
   *
   * @returns False when the window is used up; then `fill()` has to be called.
   */
  next(packet: CapturePacket): boolean;
}

/** One file format: how to recognise it and how to read it. Registered in `open.ts`. */
export interface CaptureFormat {
  /** Name of the format, for example `pcap`. */
  readonly name: string;
  /** Whether a file that begins with `head` (at most `HEAD_BYTES` of it, fewer in a short file) is of this format. */
  matches(head: Uint8Array): boolean;
  /**
   * Makes the reader. The window holds at least the head, unless the file is shorter, and nothing of it is used up.
   *
   * @throws {CaptureError} When the file header is cut short or says something that cannot be read.
   */
  open(window: SlidingWindow): Promise<CaptureReader>;
}
