/**
 * What devices do to memory: write received frames into pages, read frames to be sent. No CPU copies, so no events.
 *
 * @module
 */

import type { Block, Memory } from "./memory.ts";
import { NONE } from "../ledger/schema.ts";
import type { Skb } from "./skb.ts";
import type { SkbMemory } from "./skb_memory.ts";
import { gather } from "./scatterlist.ts";

/** Receive buffer of drivers that split a page in two (ixgbe, igb for MTU 1500). */
export const RX_BUFFER_BYTES = 2048;
/** What stands for bytes that the capture's snap length cut off. */
export const MISSING_BYTE = 0x5a;

/** A frame in receive buffers, with what the hardware knows about it. */
export class RxFrame {
  /** Number of the captured packet. */
  packet = NONE;
  /** Frame length, Ethernet header included. */
  bytes = 0;
  payloadBytes = 0;
  /** Number of the L4 flow. */
  flow = NONE;
  /** Receive hash. */
  hash = 0;
  /** The NIC found the transport checksum good. */
  checksumGood = false;
  /** Receive buffers in order; all but the last are full. */
  readonly buffers: Block[] = [];
}

/** Writes a frame of `bytes` bytes, of which `captured` are at `offset` in `from`, into receive buffers of `frame`. */
export function writeFrame(
  memory: Memory,
  frame: RxFrame,
  from: Uint8Array,
  offset: number,
  captured: number,
  bytes: number,
): void {
  frame.bytes = bytes;
  for (let done = 0; done < bytes; done += RX_BUFFER_BYTES) {
    const block = memory.allocate(RX_BUFFER_BYTES);
    frame.buffers.push(block);
    const size = Math.min(RX_BUFFER_BYTES, bytes - done);
    const there = Math.max(0, Math.min(size, captured - done));
    memory.u8.set(from.subarray(offset + done, offset + done + there), block.at);
    if (there < size) memory.u8.fill(MISSING_BYTE, block.at + there, block.at + size);
  }
}

/**
 * Puts the frame behind the linear data of `skb`, as a NIC does that was given the head to write to: no CPU copies, so
 * nothing is written into the ledger. Gives the receive buffers back.
 */
export function placeInHead(memory: Memory, frame: RxFrame, skb: Skb): void {
  let at = skb.head.at + skb.tail;
  frame.buffers.forEach((buffer, i) => {
    const bytes = Math.min(RX_BUFFER_BYTES, frame.bytes - i * RX_BUFFER_BYTES);
    memory.move(buffer.at, at, bytes);
    memory.put(buffer);
    at += bytes;
  });
  skb.tail += frame.bytes;
  skb.len += frame.bytes;
}

/** Reads the whole packet of `skb` to the start of `into`; returns its length. */
export function readFrame(skbs: SkbMemory, skb: Skb, into: Uint8Array): number {
  gather(skbs, skb, 0, skb.len, into);
  return skb.len;
}
