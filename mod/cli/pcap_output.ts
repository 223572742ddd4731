/**
 * The frames that were sent, as a capture: `--write-pcap`.
 *
 * @module
 */

import { LINKTYPE_ETHERNET, PcapWriter } from "../capture/mod.ts";
import type { FrameWriter } from "../replay/frame_sink.ts";
import { OutputFile } from "./outputs.ts";
import { writeOutBytes } from "./terminal.ts";

/** Frames into a pcap file, or to stdout. */
export class PcapOutput implements FrameWriter {
  readonly #file: OutputFile | null;
  #writer: PcapWriter | null = null;

  /** `path` is a file name, or `-` for stdout. */
  constructor(path: string) {
    this.#file = path === "-" ? null : new OutputFile(path);
  }

  begin(t0EpochNs: bigint): void {
    const sink = (bytes: Uint8Array) => this.#file === null ? writeOutBytes(bytes) : this.#file.write(bytes);
    this.#writer = new PcapWriter(sink, LINKTYPE_ETHERNET, t0EpochNs);
  }

  write(tNs: number, bytes: Uint8Array, length: number): void {
    this.#writer!.write(tNs, bytes, 0, length);
  }

  /** The run is over: the file gets its name. */
  commit(): void {
    this.#writer?.flush();
    this.#file?.commit();
  }
}
