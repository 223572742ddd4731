/**
 * What a NIC makes of a buffer that it cuts itself (TSO): how many frames, of which lengths.
 *
 * The headers in front of the payload are repeated in each; all but the last carry gso_size bytes. Any other buffer is one
 * frame. Where the NIC does ESP as well (`nic_esp.ts`), each frame grows by what it adds.
 *
 * @module
 */

import { wireBytes } from "../ledger/units.ts";
import type { Skb } from "../skb/skb.ts";
import type { SkbMemory } from "../skb/skb_memory.ts";
import * as tcp from "../wire/tcp.ts";

/** Frames that leave because of `skb`, whose data begin at its Ethernet header. */
export function framesOnWire(skb: Skb): number {
  return skb.isGso ? Math.max(1, skb.head.gsoSegs) : 1;
}

/** Bytes of Ethernet, IP and TCP headers of a buffer that is to be cut. */
export function headerBytesOf(skbs: SkbMemory, skb: Skb): number {
  const { u8 } = skbs.memory;
  return skb.transportHeader - skb.data + tcp.dataOffsetBytes(u8, skb.head.at + skb.transportHeader);
}

/** Length of the `index`-th frame on the wire. */
export function frameBytesAt(skbs: SkbMemory, skb: Skb, index: number): number {
  const bytes = cutFrameBytes(skbs, skb, index);
  const { deviceEsp } = skb;
  return deviceEsp === null ? bytes : deviceEsp.wireFrameBytes(skbs.memory.u8, skb.dataAt, bytes);
}

/** Length of the `index`-th frame before ESP of the NIC. */
export function cutFrameBytes(skbs: SkbMemory, skb: Skb, index: number): number {
  if (!skb.isGso) return skb.len;
  const headerBytes = headerBytesOf(skbs, skb);
  return headerBytes + Math.min(skb.head.gsoSize, skb.len - headerBytes - index * skb.head.gsoSize);
}

/** What all frames take on the wire. */
export function wireBytesOf(skbs: SkbMemory, skb: Skb): number {
  const last = framesOnWire(skb) - 1;
  const lastBytes = wireBytes(frameBytesAt(skbs, skb, last));
  return last === 0 ? lastBytes : last * wireBytes(frameBytesAt(skbs, skb, 0)) + lastBytes;
}
