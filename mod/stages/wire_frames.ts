/**
 * What a NIC puts on the wire of a buffer that it was handed: frames cut out of an aggregate (TSO), checksums filled in, and ESP
 * that was left to it (`nic_esp.ts`).
 *
 * Departure: the frames of an aggregate are shown all at once, when the last bit of the last has left.
 *
 * ```ts
 * const wire = new WireFrames();
 * wire.each(skbs, skb, (frame, frameBytes, index) => writer.write(tNs, frame, frameBytes));
 * ```
 *
 * @module
 */

import { readFrame } from "../skb/dma.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import type { SkbMemory } from "../skb/skb_memory.ts";
import { set16 } from "../wire/bytes.ts";
import { finish, partialSum, pseudoHeaderSum } from "../wire/checksum.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { Scratch } from "../wire/scratch.ts";
import * as tcp from "../wire/tcp.ts";
import { segmentFlags } from "./gso.ts";
import { framesOnWire, headerBytesOf } from "./tso.ts";

/** What ESP adds to a frame, at most. */
const ESP_BYTES_MAX = 256;

/** Takes the `index`-th frame of a buffer: `bytes` holds it from 0 to `length`, and is used again. */
export type TakeFrame = (bytes: Uint8Array, length: number, index: number) => void;

/** Makes frames, one after the other. */
export class WireFrames {
  readonly #buffer = new Scratch();
  readonly #frame = new Scratch();

  /** Calls `take` for each frame of `skb`, whose data begin at its Ethernet header; `skb` stays as it is. Call it once. */
  each(skbs: SkbMemory, skb: Skb, take: TakeFrame): void {
    const buffer = this.#buffer.room(skb.len + ESP_BYTES_MAX);
    const length = readFrame(skbs, skb, buffer);
    if (skb.isGso) return this.#cut(skbs, skb, buffer, length, take);
    if (skb.ipSummed === CHECKSUM.partial) fillIn(skb, buffer, length);
    take(buffer, finished(skb, buffer, length, 0), 0);
  }

  #cut(skbs: SkbMemory, skb: Skb, buffer: Uint8Array, length: number, take: TakeFrame): void {
    const { gsoSize } = skb.head;
    const headerBytes = headerBytesOf(skbs, skb);
    const frame = this.#frame.room(headerBytes + gsoSize + ESP_BYTES_MAX);
    const ipOffset = skb.deviceEsp?.ipOffset(buffer) ?? ETH_HLEN;
    const last = framesOnWire(skb) - 1;
    for (let index = 0; index <= last; index++) {
      const offset = headerBytes + index * gsoSize;
      const bytes = Math.min(gsoSize, length - offset);
      frame.set(buffer.subarray(0, headerBytes));
      frame.set(buffer.subarray(offset, offset + bytes), headerBytes);
      writeSegment(skb, frame, ipOffset, headerBytes + bytes, index, index === last);
      take(frame, finished(skb, frame, headerBytes + bytes, index), index);
    }
  }
}

function finished(skb: Skb, bytes: Uint8Array, length: number, index: number): number {
  return skb.deviceEsp === null ? length : skb.deviceEsp.finish(skb, bytes, length, index);
}

/** What differs from frame to frame, and the checksums; the IP header that counts is at `ipOffset`. */
function writeSegment(
  skb: Skb,
  frame: Uint8Array,
  ipOffset: number,
  length: number,
  index: number,
  isLast: boolean,
): void {
  const { gsoSize, gsoFixedId } = skb.head;
  const at = skb.transportHeader - skb.data;
  ip.setTotalBytes(frame, ipOffset, length - ipOffset);
  if (!ip.isIpv6(frame, ipOffset)) {
    ipv4.setId(frame, ipOffset, (ipv4.id(frame, ipOffset) + (gsoFixedId ? 0 : index)) & 0xffff);
    ipv4.writeHeaderChecksum(frame, ipOffset);
  }
  tcp.setSequence(frame, at, (tcp.sequence(frame, at) + index * gsoSize) >>> 0);
  tcp.setFlags(frame, at, segmentFlags(tcp.flags(frame, at), index, isLast));
  tcp.setChecksum(frame, at, 0);
  const pseudo = pseudoHeaderSum(frame, ipOffset, PROTOCOL_TCP, length - at);
  tcp.setChecksum(frame, at, finish(partialSum(frame, at, length - at, pseudo)));
}

/** The field holds the sum of the pseudo-header. */
function fillIn(skb: Skb, bytes: Uint8Array, length: number): void {
  const start = skb.transportHeader - skb.data;
  const end = skb.deviceEsp?.clearEnd(bytes, length) ?? length;
  const checksum = finish(partialSum(bytes, start, end - start));
  // 0 would say that there is none (RFC 768; CSUM_MANGLED_0).
  set16(bytes, start + skb.checksumOffset, checksum === 0 ? 0xffff : checksum);
}
