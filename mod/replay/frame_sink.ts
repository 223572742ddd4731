/**
 * Where sent frames are looked at: written to a capture, and opened again by `--check`.
 *
 * @module
 */

import { NONE } from "../ledger/schema.ts";
import type { Skb } from "../skb/skb.ts";
import { framesOnWire } from "../stages/tso.ts";
import type { SkbMemory } from "../skb/skb_memory.ts";
import { WireFrames } from "../stages/wire_frames.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import type { Judge } from "./frame_judge.ts";

/** Takes frames in the order in which their last bits left. */
export interface FrameWriter {
  /** Called once, before the first frame. */
  begin(t0EpochNs: bigint): void;
  /** `bytes` holds the frame from 0 to `length` and is used again; `note` is, too. */
  write(tNs: number, bytes: Uint8Array, length: number, note: FrameNote): void;
}

/** What is known of a frame besides its bytes. */
export interface FrameNote {
  /** Number of the captured packet in it, from 0; NONE where it carries parts of several, or an answer. */
  readonly packet: number;
  /** How many frames the NIC made of the buffer; 1 where it did not cut. */
  readonly frames: number;
  /** Number of this one of them, from 0. */
  readonly index: number;
  /** It went over the link between two hosts. */
  readonly isOnLink: boolean;
}

const LINK_NOTE: FrameNote = { packet: NONE, frames: 1, index: 0, isOnLink: true };

/** Hands frames on and judges them. */
export class FrameSink {
  readonly #wire = new WireFrames();
  readonly #refused = new Map<string, number>();
  #begun = false;

  constructor(
    /** Time of the first captured packet in ns since 1970; asked for with the first frame. */
    readonly t0EpochNs: () => bigint,
    readonly writer: FrameWriter | null,
    /** Open what was sealed, one for each SA, or look at clear frames; none when nothing is to be judged. */
    readonly judges: readonly Judge[],
  ) {}

  /** A frame has been sent at `tNs`. */
  take(skbs: SkbMemory, skb: Skb, tNs: number): void {
    this.#begin();
    const { packet } = skb;
    const frames = framesOnWire(skb);
    this.#wire.each(skbs, skb, (bytes, length, index) => {
      this.#takeFrame(bytes, length, tNs, { packet, frames, index, isOnLink: false });
    });
  }

  /** A frame has been sent at `tNs`: `bytes` holds it from 0 to `length`. */
  takeFrame(bytes: Uint8Array, length: number, tNs: number): void {
    this.#begin();
    this.#takeFrame(bytes, length, tNs, LINK_NOTE);
  }

  #takeFrame(bytes: Uint8Array, length: number, tNs: number, note: FrameNote): void {
    this.writer?.write(tNs, bytes, length, note);
    const complaint = this.#refusal(bytes.subarray(ETH_HLEN, length));
    if (complaint !== undefined) this.#refused.set(complaint, (this.#refused.get(complaint) ?? 0) + 1);
  }

  /** Why no judge can open a packet: that of the SA which has its SPI says so. */
  #refusal(packet: Uint8Array): string | undefined {
    let complaint: string | undefined;
    for (const judge of this.judges) {
      const refusal = judge.refusal(packet);
      complaint = refusal === undefined ? undefined : `${judge.complaint}: ${refusal}`;
      if (refusal !== "spi") return complaint;
    }
    return complaint;
  }

  /** After the last frame; a capture without frames still gets its header. */
  finish(): void {
    this.#begin();
  }

  /** One sentence for each reason why frames could not be opened, or are not well-formed. */
  get failures(): string[] {
    return [...this.#refused].map(([complaint, frames]) => `${frames} ${complaint}`);
  }

  #begin(): void {
    if (!this.#begun) this.writer?.begin(this.t0EpochNs());
    this.#begun = true;
  }
}
