/**
 * Reads and writes packet captures, streaming: asynchronous per window of 4 MiB, synchronous per packet.
 *
 * {@link openCapture} looks at the first bytes and picks the format; {@link PcapWriter} writes. Any link type is read:
 * whether a path can play it is decided later.
 *
 * @example
 * ```ts
 * import { CapturePacket, openCapture } from "./mod.ts";
 * using file = await Deno.open("trace.pcap");
 * const reader = await openCapture(file, "trace.pcap");
 * const packet = new CapturePacket();
 * while (await reader.fill()) while (reader.next(packet)) packet.timeNs;
 * for (const warning of reader.warnings) console.error(warning);
 * ```
 *
 * @module
 */

export { type ByteSource, sourceOfBytes } from "./byte_source.ts";
export { CaptureError } from "./errors.ts";
export * from "../wire/link_types.ts";
export type { BusyHost, Hosts } from "./host_census.ts";
export { CAPTURE_FORMATS, HEAD_BYTES, openCapture } from "./open.ts";
export { CapturePacket } from "./packet.ts";
export { MAXIMUM_SNAPLEN } from "./pcap_reader.ts";
export { PcapWriter } from "./pcap_writer.ts";
export { PcapngWriter } from "./pcapng_writer.ts";
export type { CaptureFormat, CaptureInterface, CaptureReader, LinkTypeCount } from "./reader.ts";
export { SlidingWindow, WINDOW_BYTES } from "./window.ts";
