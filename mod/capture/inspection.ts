/**
 * What is in a capture, and which paths can play it: one pass over the packets, memory per flow.
 *
 * Lengths and stamps are those of the records, for any link type. What the packets hold is looked into where the link type
 * is understood (`ethernet_census.ts`).
 *
 * @example
 * ```ts
 * import { inspectCapture } from "./inspection.ts";
 * using file = await Deno.open("trace.pcap");
 * const inspection = await inspectCapture(file, "trace.pcap");
 * inspection.packets; // 4770
 * inspection.paths[0]?.playable; // true
 * ```
 *
 * @module
 */

import { LONGEST_MTU_FRAME_BYTES } from "../wire/frame_facts.ts";
import { isLinkTypeFollowed } from "../wire/link_layer.ts";
import type { ByteSource } from "./byte_source.ts";
import { EthernetCensus, type EthernetContents } from "./ethernet_census.ts";
import { openCapture } from "./open.ts";
import { CapturePacket } from "./packet.ts";
import { judgePaths, type PathVerdict } from "./path_verdicts.ts";
import type { CaptureInterface, LinkTypeCount } from "./reader.ts";

/** Above this length a frame counts in {@link RecordCounts.framesAboveMtu}. */
export { LONGEST_MTU_FRAME_BYTES };
export type { PathVerdict } from "./path_verdicts.ts";

/** Sums over the records of a capture, of any link type. Unknown is null, never 0. */
export interface RecordCounts {
  /** Packets that could be read. */
  readonly packets: number;
  /** Sum of the lengths on the wire, as the records say: the "data size" of capinfos. */
  readonly bytes: number;
  /** Sum of the bytes that the capture holds. */
  readonly capturedBytes: number;
  /** Largest stamp minus smallest in ns, whatever the order of the packets; null without stamps. */
  readonly durationNs: number | null;
  /** Length of the longest frame; null without packets. */
  readonly longestFrameBytes: number | null;
  /** Frames that are longer than {@link LONGEST_MTU_FRAME_BYTES}: super-packets or jumbo frames. */
  readonly framesAboveMtu: number;
  /** Packets of which the capture lacks bytes. */
  readonly cutPackets: number;
}

/** What a capture holds. Unknown is null, never 0. */
export interface Inspection extends RecordCounts {
  /** What the user called the input. */
  readonly name: string;
  /** Name of the file format, for example `pcap`. */
  readonly format: string;
  /** Stamp of the first packet in ns since 1970-01-01 UTC; null without stamps. */
  readonly t0EpochNs: bigint | null;
  /** Packets per link type, in order of first appearance. */
  readonly linkTypes: readonly LinkTypeCount[];
  /** The interfaces that the capture describes, in its order; none in formats that do not. */
  readonly interfaces: readonly CaptureInterface[];
  /** What the frames hold; null where there are packets, but all of link types that are not understood. */
  readonly ethernet: EthernetContents | null;
  /** Which paths can play it, one entry for each path that is built. */
  readonly paths: readonly PathVerdict[];
  /** What was wrong while reading (`CaptureReader.warnings`). */
  readonly warnings: readonly string[];
}

/**
 * Reads a capture from front to back and counts what is in it.
 *
 * @param source Read from its current position to its end; stays open and belongs to the caller.
 * @param name What the user called the input.
 * @throws {CaptureError} When the source fails, or holds no capture that can be read. Damage further in is a warning.
 */
export async function inspectCapture(source: ByteSource, name: string): Promise<Inspection> {
  const reader = await openCapture(source, name);
  const packet = new CapturePacket();
  const records = new RecordCensus();
  const census = new EthernetCensus();
  while (await reader.fill()) {
    while (reader.next(packet)) {
      records.add(packet);
      if (isLinkTypeFollowed(packet.linkType)) census.add(packet);
    }
  }
  const { linkTypes, warnings, interfaces, t0EpochNs } = reader;
  const counts = records.counts();
  const contents = census.contents(t0EpochNs !== undefined);
  return {
    name,
    format: reader.format,
    ...counts,
    durationNs: t0EpochNs === undefined ? null : counts.durationNs,
    t0EpochNs: t0EpochNs ?? null,
    linkTypes,
    interfaces,
    ethernet: linkTypes.length > 0 && !hasFrames(linkTypes) ? null : contents,
    paths: judgePaths(linkTypes, contents),
    warnings,
  };
}

/** Whether there are packets that the census has looked into. */
function hasFrames(linkTypes: readonly LinkTypeCount[]): boolean {
  return linkTypes.some(({ linkType }) => isLinkTypeFollowed(linkType));
}

/** Sums over what the records say, without a look into the packets. */
class RecordCensus {
  #packets = 0;
  #bytes = 0;
  #capturedBytes = 0;
  #earliestNs = Infinity;
  #latestNs = -Infinity;
  #longestFrameBytes = 0;
  #framesAboveMtu = 0;
  #cutPackets = 0;

  add({ capturedBytes, originalBytes, timeNs }: CapturePacket): void {
    // Odd files claim less than they hold.
    const frameBytes = Math.max(capturedBytes, originalBytes);
    this.#packets++;
    this.#bytes += originalBytes;
    this.#capturedBytes += capturedBytes;
    this.#earliestNs = Math.min(this.#earliestNs, timeNs);
    this.#latestNs = Math.max(this.#latestNs, timeNs);
    this.#longestFrameBytes = Math.max(this.#longestFrameBytes, frameBytes);
    if (frameBytes > LONGEST_MTU_FRAME_BYTES) this.#framesAboveMtu++;
    if (capturedBytes < originalBytes) this.#cutPackets++;
  }

  counts(): RecordCounts {
    const empty = this.#packets === 0;
    return {
      packets: this.#packets,
      bytes: this.#bytes,
      capturedBytes: this.#capturedBytes,
      durationNs: empty ? null : this.#latestNs - this.#earliestNs,
      longestFrameBytes: empty ? null : this.#longestFrameBytes,
      framesAboveMtu: this.#framesAboveMtu,
      cutPackets: this.#cutPackets,
    };
  }
}
