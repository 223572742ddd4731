/**
 * What devices do to memory: write received frames into pages, read frames to be sent. No CPU copies, so no events.
 *
 * @module
 */

import type { Block, Memory } from "./memory.ts";
import { NONE } from "../ledger/schema.ts";
import type { Skb } from "./skb.ts";
import type { SkbMemory } from "./skb_memory.ts";
import { addFrag } from "./paged_ops.ts";
import { gather } from "./scatterlist.ts";

/** Receive buffer of drivers that split a page in two (ixgbe, igb for MTU 1500). */
export const RX_BUFFER_BYTES = 2048;
/** What stands for bytes that the capture's snap length cut off. */
export const MISSING_BYTE = 0x5a;

/** A frame in receive buffers, with what the hardware knows about it. */
export class RxFrame {
  /** Captured packets that it carries, as in `Skb`, here and in the next five fields. */
  packet = NONE;
  members: number[] | null = null;
  memberEnds: number[] | null = null;
  isContinued = false;
  isKept = false;
  payloadBytes = 0;
  /** Frame length, Ethernet header included. */
  bytes = 0;
  /** Number of the L4 flow. */
  flow = NONE;
  /** Receive hash. */
  hash = 0;
  /** The NIC found the transport checksum good. */
  checksumGood = false;
  /** Its ESP was left in the clear, as in `Skb`. */
  leftClear = false;
  /** What the NIC has done of its ESP, as in `Skb`. */
  rxEsp = 0;
  /** Payload bytes per segment of a super-packet, as the device says in front of it (virtio_net_hdr); 0 of any other. */
  gsoSize = 0;
  /** Segments of a super-packet; 0 of any other frame. */
  gsoSegs = 0;
  /** Offset of the transport header of a super-packet in the frame (csum_start). */
  transportOffset = 0;
  /** Size of its receive buffers. */
  bufferBytes: number = RX_BUFFER_BYTES;
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
  const { bufferBytes } = frame;
  frame.bytes = bytes;
  for (let done = 0; done < bytes; done += bufferBytes) {
    const block = memory.allocate(bufferBytes);
    frame.buffers.push(block);
    const size = Math.min(bufferBytes, bytes - done);
    const there = Math.max(0, Math.min(size, captured - done));
    memory.u8.set(from.subarray(offset + done, offset + done + there), block.at);
    if (there < size) memory.u8.fill(MISSING_BYTE, block.at + there, block.at + size);
    memory.watch?.filled(block.at, size);
  }
}

/** Reads a frame in receive buffers, which stay as they are, to the start of `into`. */
export function readRxFrame(memory: Memory, { buffers, bufferBytes, bytes }: RxFrame, into: Uint8Array): void {
  buffers.forEach(({ at }, i) => {
    const offset = i * bufferBytes;
    into.set(memory.u8.subarray(at, at + Math.min(bufferBytes, bytes - offset)), offset);
  });
}

/** Gives the receive buffers of a frame back that nobody received. */
export function releaseFrame(memory: Memory, frame: RxFrame): void {
  for (const buffer of frame.buffers) memory.put(buffer);
  frame.buffers.length = 0;
}

/**
 * Puts the frame behind the linear data of `skb`, as a NIC does that was given the head to write to: no CPU copies, so
 * nothing is written into the ledger. Gives the receive buffers back.
 */
export function placeInHead(memory: Memory, frame: RxFrame, skb: Skb): void {
  let at = skb.head.at + skb.tail;
  frame.buffers.forEach((buffer, i) => {
    const bytes = Math.min(frame.bufferBytes, frame.bytes - i * frame.bufferBytes);
    memory.move(buffer.at, at, bytes);
    memory.put(buffer);
    at += bytes;
  });
  skb.tail += frame.bytes;
  skb.len += frame.bytes;
}

const NO_PIECES: readonly number[] = [];

/**
 * Puts the first `headBytes` bytes of the frame behind the linear data of `skb`, and the others into page fragments of
 * `pieceBytes` bytes, the last one shorter, each in a page of its own: what a NIC does that was given pages to write to. The
 * first fragments may have other sizes, `firstPieces`, each above 0. No CPU copies, as above. Gives the receive buffers back.
 */
export function placeInPages(
  memory: Memory,
  frame: RxFrame,
  skb: Skb,
  headBytes: number,
  pieceBytes: number,
  firstPieces: readonly number[] = NO_PIECES,
): void {
  copyOfFrame(memory, frame, 0, headBytes, skb.head.at + skb.tail);
  skb.tail += headBytes;
  skb.len += headBytes;
  for (let at = headBytes, piece = 0; at < frame.bytes; piece++) {
    const bytes = Math.min(firstPieces[piece] ?? pieceBytes, frame.bytes - at);
    const page = memory.allocate(bytes);
    copyOfFrame(memory, frame, at, bytes, page.at);
    addFrag(skb, page, 0, bytes);
    at += bytes;
  }
  for (const buffer of frame.buffers) memory.put(buffer);
}

/** Writes `bytes` bytes of the frame from its byte `from` on to `to` in the arena. */
function copyOfFrame(memory: Memory, frame: RxFrame, from: number, bytes: number, to: number): void {
  for (let done = 0; done < bytes;) {
    const inBuffer = (from + done) % frame.bufferBytes;
    const size = Math.min(frame.bufferBytes - inBuffer, bytes - done);
    const buffer = frame.buffers[(from + done - inBuffer) / frame.bufferBytes]!;
    memory.move(buffer.at + inBuffer, to + done, size);
    done += size;
  }
}

/** A device moves what lies from `from` to `end` in a frame in its own memory, to `to`: no event. */
export function moveInFrame(frame: Uint8Array, to: number, from: number, end: number): void {
  frame.copyWithin(to, from, end);
}

/** Reads the whole packet of `skb` to the start of `into`; returns its length. */
export function readFrame(skbs: SkbMemory, skb: Skb, into: Uint8Array): number {
  gather(skbs, skb, 0, skb.len, into);
  return skb.len;
}
