/**
 * Where sent frames are looked at: written to a capture, and opened again by `--check`.
 *
 * @module
 */

import type { Skb } from "../skb/skb.ts";
import type { SkbMemory } from "../skb/skb_memory.ts";
import { WireFrames } from "../stages/wire_frames.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import type { FrameJudge } from "./frame_judge.ts";

/** Takes frames in the order in which their last bits left. */
export interface FrameWriter {
  /** Called once, before the first frame. */
  begin(t0EpochNs: bigint): void;
  /** `bytes` holds the frame from 0 to `length` and is used again. */
  write(tNs: number, bytes: Uint8Array, length: number): void;
}

/** Hands frames on and judges them. */
export class FrameSink {
  readonly #wire = new WireFrames();
  readonly #refused = new Map<string, number>();
  #begun = false;

  constructor(
    /** Time of the first captured packet in ns since 1970; asked for with the first frame. */
    readonly t0EpochNs: () => bigint,
    readonly writer: FrameWriter | null,
    /** Open what was sealed, one for each SA; none when nothing is to be judged. */
    readonly judges: readonly FrameJudge[],
  ) {}

  /** A frame has been sent at `tNs`. */
  take(skbs: SkbMemory, skb: Skb, tNs: number): void {
    this.#begin();
    this.#wire.each(skbs, skb, (bytes, length) => this.#takeFrame(bytes, length, tNs));
  }

  /** A frame has been sent at `tNs`: `bytes` holds it from 0 to `length`. */
  takeFrame(bytes: Uint8Array, length: number, tNs: number): void {
    this.#begin();
    this.#takeFrame(bytes, length, tNs);
  }

  #takeFrame(bytes: Uint8Array, length: number, tNs: number): void {
    this.writer?.write(tNs, bytes, length);
    const reason = this.#refusal(bytes.subarray(ETH_HLEN, length));
    if (reason !== undefined) this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
  }

  /** Why no judge can open a packet: that of the SA which has its SPI says so. */
  #refusal(packet: Uint8Array): string | undefined {
    let refusal: string | undefined;
    for (const judge of this.judges) {
      refusal = judge.refusal(packet);
      if (refusal !== "spi") return refusal;
    }
    return refusal;
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
