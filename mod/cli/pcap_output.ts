/**
 * The frames that were sent, as a capture: `--write-pcap`; pcapng, with a comment for each, where the name ends so.
 *
 * @module
 */

import { LINKTYPE_ETHERNET, PcapngWriter, PcapWriter } from "../capture/mod.ts";
import { NONE } from "../ledger/schema.ts";
import type { FrameNote, FrameWriter } from "../replay/frame_sink.ts";
import { OutputFile } from "./outputs.ts";
import { writeOutBytes } from "./terminal.ts";

/** Interfaces of a pcapng file, by their numbers. */
const INTERFACES = ["nic1", "link"];

/** The file that `--write-pcap` names. */
export function frameOutput(path: string): PcapOutput | PcapngOutput {
  return path.endsWith(".pcapng") ? new PcapngOutput(path) : new PcapOutput(path);
}

/** Frames into a pcapng file. */
export class PcapngOutput implements FrameWriter {
  readonly #file: OutputFile;
  #writer: PcapngWriter | null = null;

  /** `path` is a file name. */
  constructor(path: string) {
    this.#file = new OutputFile(path);
  }

  begin(t0EpochNs: bigint): void {
    this.#writer = new PcapngWriter((bytes) => this.#file.write(bytes), LINKTYPE_ETHERNET, t0EpochNs, INTERFACES);
  }

  write(tNs: number, bytes: Uint8Array, length: number, note: FrameNote): void {
    this.#writer!.write(note.isOnLink ? 1 : 0, tNs, bytes, length, commentOf(note, tNs));
  }

  /** The run is over: the file gets its name. */
  commit(): void {
    this.#writer?.flush();
    this.#file.commit();
  }
}

/** Packet as in packets.csv, stage, and what happened there. */
function commentOf({ packet, frames, index, isOnLink }: FrameNote, tNs: number): string {
  if (isOnLink) return `link: sent by one of the hosts, last bit at ${tNs} ns`;
  const what = packet === NONE ? "of several packets" : `packet ${packet + 1}`;
  const cut = frames === 1 ? "" : `, frame ${index + 1} of ${frames} that the NIC cut the buffer into`;
  return `${what}, tx-nic: sent${cut}, last bit at ${tNs} ns`;
}

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
