/**
 * Captured packets become frames in receive buffers.
 *
 * What the capture lacks is made up here, and counted for the warnings: bytes cut off by the snap length are filled in, and
 * a checksum that covers them, or that was left to a NIC (only the pseudo-header's sum is there), is completed. What was
 * captured with another link layer than plain Ethernet arrives re-framed (`reframe.ts`).
 *
 * ```ts
 * const frames = new RxFrames(memory, true, new Oddities());
 * facts.read(packet.bytes, packet.offset, packet.capturedBytes, packet.originalBytes, packet.linkType);
 * ring.arrive(frames.whole(packet, facts, flow, hash), nowNs);
 * ```
 *
 * @module
 */

import type { CapturePacket } from "../capture/mod.ts";
import { NONE } from "../ledger/schema.ts";
import { readRxFrame, releaseFrame, RX_BUFFER_BYTES, RxFrame, writeFrame } from "../skb/dma.ts";
import { DEFAULT_MAX_SKB_FRAGS, PAGE_SIZE } from "../skb/geometry.ts";
import type { Memory } from "../skb/memory.ts";
import { get16, set16 } from "../wire/bytes.ts";
import { combine, finish, partialSum, pseudoHeaderSum } from "../wire/checksum.ts";
import type { FrameFacts } from "../wire/frame_facts.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import { Scratch } from "../wire/scratch.ts";
import { OFFSET_CHECKSUM as TCP_OFFSET_CHECKSUM } from "../wire/tcp.ts";
import { holdsOnlyPseudoHeaderSum } from "../wire/transport_checksum.ts";
import { OFFSET_CHECKSUM as UDP_OFFSET_CHECKSUM } from "../wire/udp.ts";
import type { Oddities } from "./oddities.ts";
import { Reframer } from "./reframe.ts";

/** Longest frame that the small receive buffers hold without running out of fragments. */
const SMALL_BUFFERS_BYTES = DEFAULT_MAX_SKB_FRAGS * RX_BUFFER_BYTES;

/** Makes frames, which belong to the caller. */
export class RxFrames {
  readonly #reframer = new Reframer();

  constructor(
    readonly memory: Memory,
    /** The NIC verifies checksums, and somebody wants to know. */
    readonly verifyChecksums: boolean,
    readonly oddities: Oddities,
  ) {}

  /** The frame of `packet`, which `facts` have just been read from; `flow` is NONE where it is no IP packet. */
  whole(packet: CapturePacket, facts: FrameFacts, flow: number, hash: number): RxFrame {
    const frame = new RxFrame();
    frame.packet = packet.index;
    frame.bufferBytes = facts.frameBytes > SMALL_BUFFERS_BYTES ? PAGE_SIZE : RX_BUFFER_BYTES;
    this.#write(frame, packet, facts);
    if (!facts.isIp) return frame;
    frame.payloadBytes = facts.payloadBytes;
    frame.flow = flow;
    frame.hash = hash;
    this.#judgeChecksum(frame, facts);
    return frame;
  }

  /** The aggregate of a TCP super-packet, to be cut into segments of `gsoSize` payload bytes. */
  superPacket(packet: CapturePacket, facts: FrameFacts, flow: number, hash: number, gsoSize: number): RxFrame {
    const frame = new RxFrame();
    frame.packet = packet.index;
    frame.bufferBytes = PAGE_SIZE;
    this.#write(frame, packet, facts);
    frame.payloadBytes = facts.payloadBytes;
    frame.flow = flow;
    frame.hash = hash;
    frame.gsoSize = gsoSize;
    frame.gsoSegs = Math.ceil(facts.payloadBytes / gsoSize);
    frame.transportOffset = facts.transportAt - facts.frameAt;
    if (facts.capturedFrameBytes < facts.frameBytes) this.oddities.cut += 1;
    const { u8 } = this.memory;
    const ipAt = placeOf(frame, facts.ipAt - facts.frameAt);
    const pseudo = pseudoHeaderSum(u8, ipAt, PROTOCOL_TCP, facts.transportBytes);
    set16(u8, placeOf(frame, frame.transportOffset + TCP_OFFSET_CHECKSUM), pseudo);
    return frame;
  }

  /** A frame that was built, its checksums right: the first `bytes` bytes of `built`, which is not kept. */
  built(built: Uint8Array, bytes: number, flow: number, hash: number): RxFrame {
    const frame = new RxFrame();
    frame.bufferBytes = bytes > SMALL_BUFFERS_BYTES ? PAGE_SIZE : RX_BUFFER_BYTES;
    writeFrame(this.memory, frame, built, 0, bytes, bytes);
    frame.flow = flow;
    frame.hash = hash;
    frame.checksumGood = this.verifyChecksums;
    return frame;
  }

  #write(frame: RxFrame, packet: CapturePacket, facts: FrameFacts): void {
    const { memory } = this;
    if (facts.isReframed) {
      this.#reframer.write(packet, facts);
      writeFrame(memory, frame, this.#reframer.bytes, 0, facts.capturedFrameBytes, facts.frameBytes);
    } else {
      writeFrame(memory, frame, packet.bytes, packet.offset, packet.capturedBytes, facts.frameBytes);
    }
  }

  /** Completes a checksum that the capture cannot have right, and verifies the others where the NIC does. */
  #judgeChecksum(frame: RxFrame, facts: FrameFacts): void {
    const cut = facts.capturedFrameBytes < facts.frameBytes;
    if (cut) this.oddities.cut += 1;
    const field = checksumField(facts);
    if (field < 0) return;
    const { u8 } = this.memory;
    const { protocol, transportBytes } = facts;
    const offset = facts.transportAt - facts.frameAt;
    const ipAt = placeOf(frame, facts.ipAt - facts.frameAt);
    const fieldAt = placeOf(frame, offset + field);
    const pseudo = pseudoHeaderSum(u8, ipAt, protocol, transportBytes);
    // One in 65536 right checksums looks as if it had been left.
    const left = !cut && holdsOnlyPseudoHeaderSum(u8, ipAt, protocol, placeOf(frame, offset), transportBytes) &&
      transportSum(u8, frame, offset, transportBytes, pseudo) !== 0xffff;
    if (left) this.oddities.checksumLeft += 1;
    if (cut || left) {
      set16(u8, fieldAt, 0);
      const checksum = finish(transportSum(u8, frame, offset, transportBytes, pseudo));
      // A UDP checksum of 0 would say that there is none (RFC 768).
      set16(u8, fieldAt, checksum === 0 && protocol === PROTOCOL_UDP ? 0xffff : checksum);
    }
    if (!this.verifyChecksums) return;
    const none = protocol === PROTOCOL_UDP && facts.isIpv4 && get16(u8, fieldAt) === 0;
    frame.checksumGood = none || transportSum(u8, frame, offset, transportBytes, pseudo) === 0xffff;
  }
}

/** Takes a frame apart: its bytes are put into `scratch`, and returned; its buffers are given back. */
export function takeApart(memory: Memory, frame: RxFrame, scratch: Scratch): Uint8Array {
  const into = scratch.room(frame.bytes);
  readRxFrame(memory, frame, into);
  releaseFrame(memory, frame);
  return into.subarray(0, frame.bytes);
}

/** Offset in the arena of the frame's byte at `offset`. */
function placeOf(frame: RxFrame, offset: number): number {
  const inBuffer = offset % frame.bufferBytes;
  return frame.buffers[(offset - inBuffer) / frame.bufferBytes]!.at + inBuffer;
}

/** Offset of the checksum of an unfragmented TCP or UDP packet behind its IP headers; NONE where none can be judged. */
function checksumField(facts: FrameFacts): number {
  // With segments left to go the checksum covers a destination that only the routing header says.
  if (facts.isFragment || facts.hasSegmentsLeft) return NONE;
  if (facts.protocol === PROTOCOL_TCP && facts.transportBytes >= TCP_OFFSET_CHECKSUM + 2) return TCP_OFFSET_CHECKSUM;
  if (facts.protocol === PROTOCOL_UDP && facts.transportBytes >= UDP_OFFSET_CHECKSUM + 2) return UDP_OFFSET_CHECKSUM;
  return NONE;
}

/** Sum over `pseudo` and transport bytes, which begin at `offset` in the frame and go on from buffer to buffer. */
function transportSum(u8: Uint8Array, frame: RxFrame, offset: number, transportBytes: number, pseudo: number): number {
  let sum = pseudo;
  for (let done = 0; done < transportBytes;) {
    const at = offset + done;
    const bytes = Math.min(frame.bufferBytes - at % frame.bufferBytes, transportBytes - done);
    sum = combine(sum, partialSum(u8, placeOf(frame, at), bytes), done);
    done += bytes;
  }
  return sum;
}
