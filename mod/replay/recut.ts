/**
 * TCP payload re-cut to the MSS that path MTU discovery would have reached (`oversize=mss`).
 *
 * The MSS is what the tunnel leaves of the MTU behind a packet's own headers. Payload of a flow that follows without a gap,
 * under headers that say the same, is gathered and cut into frames of that size. What remains waits for the next packet of
 * the flow, and goes out alone before a packet that does not continue it, or that has SYN, FIN, RST, PSH, URG, CWR or no
 * payload, and at the end. A frame has the headers of the packet that its last byte comes from; sequence numbers, lengths
 * and checksums are new, and IPv4 ids count on where those of the flow count.
 *
 * Departures: a sender that knew the smaller MSS would have set PSH, timestamps and acknowledgments for its own frames;
 * payload may wait longer here than it would there.
 *
 * ```ts
 * const recutter = new Recutter({ ipv4: 1446, ipv6: 1446 }, rxFrames, oddities);
 * recutter.take(packet, facts, flow, hash, frames); // appends 0 or more frames
 * recutter.finish(frames);
 * ```
 *
 * @module
 */

import type { CapturePacket } from "../capture/mod.ts";
import { NONE } from "../ledger/schema.ts";
import type { RxFrame } from "../skb/dma.ts";
import { type Carrier, joinMembers, MemberShare } from "../skb/members.ts";
import type { InnerMtu } from "../stages/xfrm_output.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import type { FrameFacts } from "../wire/frame_facts.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as tcp from "../wire/tcp.ts";
import { isNoId, moveId } from "./moved_headers.ts";
import type { Oddities } from "./oddities.ts";
import { Carry } from "./recut_carry.ts";
import { FrameBuilder, headerBytesOf } from "./recut_frame.ts";
import type { RxFrames } from "./rx_frames.ts";

/** Flags of packets whose payload is joined with that of others. */
const FLAGS_GATHERED = tcp.FLAG_ACK | tcp.FLAG_ECE;
/** Flags that only the first frame of a packet keeps, and those that only the last one does. */
const FIRST_FRAME_FLAGS = tcp.FLAG_SYN | tcp.FLAG_URG | tcp.FLAG_CWR;
const LAST_FRAME_FLAGS = tcp.FLAG_FIN | tcp.FLAG_RST | tcp.FLAG_PSH;

/** What is known about one flow. */
class Stream {
  /** Payload that waits; null when there is none. */
  carry: Carry | null = null;
  /** IPv4 id of the next frame. */
  id: number = NONE;
  /** Id of the packet that was captured last. */
  capturedId: number = NONE;
  /** The ids of the flow count: the last two captured ones differed. */
  counts = true;
  /** The packet at hand has no id. */
  hasNoId = false;
}

/** Re-cuts the flows of one capture. */
export class Recutter {
  readonly #streams = new Map<number, Stream>();
  readonly #builder = new FrameBuilder();
  readonly #spares: Carry[] = [];

  constructor(readonly mtu: InnerMtu, readonly frames: RxFrames, readonly oddities: Oddities) {}

  /**
   * Takes a packet of which `isWholeTcp()` is true and appends the frames that leave now to the empty list `out`. The id of
   * the packet may be changed in its bytes. Returns how many of the frames hold nothing of it.
   */
  take(packet: CapturePacket, facts: FrameFacts, flow: number, hash: number, out: RxFrame[]): number {
    const stream = this.#streamOf(flow);
    const flags = tcp.flags(packet.bytes, facts.transportAt);
    const gathers = facts.payloadBytes > 0 && (flags & ~FLAGS_GATHERED) === 0;
    if (stream.carry !== null && !(gathers && stream.carry.isContinuedBy(packet, facts))) {
      this.#flush(stream, stream.carry, out);
    }
    const flushed = out.length;
    if (facts.isIpv4) lookAtId(stream, ipv4.id(packet.bytes, facts.ipAt));
    const mss = this.#mssOf(packet, facts);
    const { payloadBytes } = facts;
    if (payloadBytes > mss) this.oddities.recut += 1;
    const isWhole = stream.carry === null && (gathers ? payloadBytes === mss : payloadBytes <= mss);
    if (isWhole) {
      if (facts.isIpv4) moveId(packet.bytes, facts.ipAt, nextId(stream));
      out.push(this.frames.whole(packet, facts, flow, hash));
      return flushed;
    }
    if (facts.capturedFrameBytes < facts.frameBytes) this.oddities.cut += 1;
    if (gathers) this.#gather(stream, packet, facts, flow, hash, mss, out);
    else this.#cutAlone(stream, packet, facts, flow, hash, mss, out);
    return flushed;
  }

  /** The capture is over: what waits goes out, in the order in which the flows were seen first. */
  finish(out: RxFrame[]): void {
    for (const stream of this.#streams.values()) {
      if (stream.carry !== null) this.#flush(stream, stream.carry, out);
    }
  }

  #streamOf(flow: number): Stream {
    let stream = this.#streams.get(flow);
    if (stream === undefined) {
      stream = new Stream();
      this.#streams.set(flow, stream);
    }
    return stream;
  }

  #mssOf(packet: CapturePacket, facts: FrameFacts): number {
    const headerBytes = headerBytesOf(packet, facts) - ETH_HLEN;
    return Math.max(1, (facts.isIpv6 ? this.mtu.ipv6 : this.mtu.ipv4) - headerBytes);
  }

  /** Payload joins what waits; frames of the MSS leave, and the rest waits. */
  #gather(
    stream: Stream,
    packet: CapturePacket,
    facts: FrameFacts,
    flow: number,
    hash: number,
    mss: number,
    out: RxFrame[],
  ): void {
    const { carry } = stream;
    const carried = carry?.length ?? 0;
    const total = carried + facts.payloadBytes;
    const sequence = carry?.sequence ?? tcp.sequence(packet.bytes, facts.transportAt);
    const flags = tcp.flags(packet.bytes, facts.transportAt);
    const joined = joinedWith(carry, packet, facts);
    const share = new MemberShare(joined, total);
    let offset = 0;
    for (; total - offset >= mss; offset += mss) {
      this.#builder.begin(packet, facts);
      const fromCarry = Math.max(0, carried - offset);
      if (carry !== null && fromCarry > 0) this.#builder.append(carry.payload, offset, fromCarry);
      this.#builder.appendPayload(packet, facts, offset + fromCarry - carried, mss - fromCarry);
      out.push(this.#finishFrame(stream, flow, hash, sequence + offset, flags, share, offset, mss));
    }
    if (offset === 0 && carry !== null) return carry.append(packet, facts, 0);
    stream.carry = null;
    if (total > offset) {
      const rest = this.#newCarry(flow, hash, (sequence + offset) >>> 0);
      rest.append(packet, facts, offset - carried);
      share.give(rest, offset, total - offset, false);
      stream.carry = rest;
    }
    if (carry !== null) this.#spares.push(carry);
  }

  /** A packet that is not joined with others goes out at once, in as many frames as it needs. */
  #cutAlone(
    stream: Stream,
    packet: CapturePacket,
    facts: FrameFacts,
    flow: number,
    hash: number,
    mss: number,
    out: RxFrame[],
  ): void {
    const flags = tcp.flags(packet.bytes, facts.transportAt);
    const share = new MemberShare(joinedWith(null, packet, facts), facts.payloadBytes);
    // A SYN takes a sequence number in front of the payload.
    const sequence = tcp.sequence(packet.bytes, facts.transportAt);
    const behindSyn = (flags & tcp.FLAG_SYN) === 0 ? 0 : 1;
    for (let offset = 0; offset < facts.payloadBytes; offset += mss) {
      const bytes = Math.min(mss, facts.payloadBytes - offset);
      const isLast = offset + bytes === facts.payloadBytes;
      const kept = (isLast ? flags : flags & ~LAST_FRAME_FLAGS) & (offset === 0 ? 0xff : ~FIRST_FRAME_FLAGS);
      this.#builder.begin(packet, facts);
      this.#builder.appendPayload(packet, facts, offset, bytes);
      const first = sequence + (offset === 0 ? 0 : offset + behindSyn);
      out.push(this.#finishFrame(stream, flow, hash, first, kept, share, offset, bytes));
    }
  }

  /** What waits goes out as it is. */
  #flush(stream: Stream, carry: Carry, out: RxFrame[]): void {
    this.#builder.beginAgain(carry.headers, carry.headerBytes, carry.transportOffset);
    this.#builder.append(carry.payload, 0, carry.length);
    const flags = tcp.flags(carry.headers, carry.transportOffset);
    const share = new MemberShare(carry, carry.length);
    out.push(this.#finishFrame(stream, carry.flow, carry.hash, carry.sequence, flags, share, 0, carry.length));
    stream.carry = null;
    this.#spares.push(carry);
  }

  #finishFrame(
    stream: Stream,
    flow: number,
    hash: number,
    sequence: number,
    flags: number,
    share: MemberShare,
    offset: number,
    bytes: number,
  ): RxFrame {
    this.#builder.finish(sequence, nextId(stream), flags);
    const frame = this.frames.built(this.#builder.bytes, this.#builder.length, flow, hash);
    share.give(frame, offset, bytes, false);
    return frame;
  }

  #newCarry(flow: number, hash: number, sequence: number): Carry {
    const carry = this.#spares.pop() ?? new Carry();
    carry.length = 0;
    carry.flow = flow;
    carry.hash = hash;
    carry.sequence = sequence;
    return carry;
  }
}

/** Whose payload it is that waits, if anything does, with that of the packet behind it. */
function joinedWith(carry: Carry | null, packet: CapturePacket, { payloadBytes }: FrameFacts): Carrier {
  const own = {
    packet: packet.index,
    members: null,
    memberEnds: null,
    isContinued: false,
    isKept: false,
    payloadBytes,
  };
  if (carry === null) return own;
  const first = carry.packet;
  joinMembers(carry, own, carry.length, payloadBytes);
  carry.packet = first;
  return carry;
}

function lookAtId(stream: Stream, id: number): void {
  stream.hasNoId = isNoId(id, stream.capturedId);
  stream.counts = id !== stream.capturedId;
  if (!stream.counts || (stream.id === NONE && !stream.hasNoId)) stream.id = id;
  stream.capturedId = id;
}

/** IPv4 id of the next frame. */
function nextId(stream: Stream): number {
  if (stream.hasNoId || stream.id === NONE) return 0;
  const { id } = stream;
  if (stream.counts) stream.id = (id + 1) & 0xffff;
  return id;
}
