/**
 * Where sent frames are looked at: written to a capture, and opened again by `--check`.
 *
 * @module
 */

import type { Aead } from "../crypto/aead.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { openEspPacket } from "../esp/esp_packet.ts";
import { readFrame } from "../skb/dma.ts";
import type { Skb } from "../skb/skb.ts";
import type { SkbMemory } from "../skb/skb_memory.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { WireFrames } from "./wire_frames.ts";

/** Takes frames in the order in which their last bits left. */
export interface FrameWriter {
  /** Called once, before the first frame. */
  begin(t0EpochNs: bigint): void;
  /** `bytes` holds the frame from 0 to `length` and is used again. */
  write(tNs: number, bytes: Uint8Array, length: number): void;
}

const LONGEST_FRAME_BYTES = 1 << 17;

/** Hands frames on and judges them. */
export class FrameSink {
  readonly #bytes = new Uint8Array(LONGEST_FRAME_BYTES);
  readonly #wire = new WireFrames();
  readonly #refused = new Map<string, number>();
  #begun = false;

  constructor(
    /** Time of the first captured packet in ns since 1970; asked for with the first frame. */
    readonly t0EpochNs: () => bigint,
    readonly writer: FrameWriter | null,
    /** Opens what was sealed; null when nothing is to be judged. */
    readonly judge: Aead | null,
    readonly sa: SecurityAssociation,
  ) {}

  /** A frame has been sent at `tNs`. */
  take(skbs: SkbMemory, skb: Skb, tNs: number): void {
    const length = readFrame(skbs, skb, this.#bytes);
    this.#begin();
    this.#wire.each(skbs, skb, this.#bytes, length, (bytes, frameBytes) => this.#takeFrame(bytes, frameBytes, tNs));
  }

  #takeFrame(bytes: Uint8Array, length: number, tNs: number): void {
    this.writer?.write(tNs, bytes, length);
    if (this.judge === null) return;
    const result = openEspPacket(bytes.subarray(ETH_HLEN, length), this.sa, this.judge);
    if (result.opened || result.reason === "fragment") return;
    this.#refused.set(result.reason, (this.#refused.get(result.reason) ?? 0) + 1);
  }

  /** After the last frame; a capture without frames still gets its header. */
  finish(): void {
    this.#begin();
  }

  /** One sentence for each reason why frames could not be opened. */
  get failures(): string[] {
    return [...this.#refused].map(([reason, frames]) => `${frames} ESP packets cannot be opened again: ${reason}`);
  }

  #begin(): void {
    if (!this.#begun) this.writer?.begin(this.t0EpochNs());
    this.#begun = true;
  }
}
