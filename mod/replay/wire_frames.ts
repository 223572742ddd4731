/**
 * What a NIC puts on the wire of a buffer that it was handed: frames cut out of an aggregate (TSO), and checksums filled in.
 *
 * ```ts
 * const wire = new WireFrames();
 * wire.each(skbs, skb, bytes, length, (frame, frameBytes) => writer.write(tNs, frame, frameBytes));
 * ```
 *
 * @module
 */

import { CHECKSUM, type Skb } from "../skb/skb.ts";
import type { SkbMemory } from "../skb/skb_memory.ts";
import { segmentFlags } from "../stages/gso.ts";
import { framesOnWire, headerBytesOf } from "../stages/tso.ts";
import { set16 } from "../wire/bytes.ts";
import { finish, partialSum } from "../wire/checksum.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as tcp from "../wire/tcp.ts";
import { FrameBuilder } from "./recut_frame.ts";

/** Takes a frame: `bytes` holds it from 0 to `length`, and is used again. */
export type TakeFrame = (bytes: Uint8Array, length: number) => void;

/** Makes frames, one after the other. */
export class WireFrames {
  readonly #builder = new FrameBuilder();

  /** Calls `take` for each frame of `skb`, whose `length` bytes are at the start of `bytes` and may be changed. */
  each(skbs: SkbMemory, skb: Skb, bytes: Uint8Array, length: number, take: TakeFrame): void {
    if (skb.isGso) return this.#cut(skbs, skb, bytes, length, take);
    if (skb.ipSummed === CHECKSUM.partial) fillIn(skb, bytes, length);
    take(bytes, length);
  }

  #cut(skbs: SkbMemory, skb: Skb, bytes: Uint8Array, length: number, take: TakeFrame): void {
    const { gsoSize, gsoFixedId } = skb.head;
    const headerBytes = headerBytesOf(skbs, skb);
    const transportOffset = skb.transportHeader - skb.data;
    const sequence = tcp.sequence(bytes, transportOffset);
    const flags = tcp.flags(bytes, transportOffset);
    const id = ip.isIpv6(bytes, ETH_HLEN) ? 0 : ipv4.id(bytes, ETH_HLEN);
    const last = framesOnWire(skb) - 1;
    for (let index = 0; index <= last; index++) {
      const offset = headerBytes + index * gsoSize;
      this.#builder.beginAgain(bytes, headerBytes, transportOffset);
      this.#builder.append(bytes, offset, Math.min(gsoSize, length - offset));
      const ownId = (id + (gsoFixedId ? 0 : index)) & 0xffff;
      this.#builder.finish(
        (sequence + index * gsoSize) >>> 0,
        ownId,
        segmentFlags(flags, index, index === last),
      );
      take(this.#builder.bytes, this.#builder.length);
    }
  }
}

/** The field holds the sum of the pseudo-header. */
function fillIn(skb: Skb, bytes: Uint8Array, length: number): void {
  const start = skb.transportHeader - skb.data;
  const checksum = finish(partialSum(bytes, start, length - start));
  // 0 would say that there is none (RFC 768; CSUM_MANGLED_0).
  set16(bytes, start + skb.checksumOffset, checksum === 0 ? 0xffff : checksum);
}
