/**
 * The sending half of a TCP socket: what is written is gathered into buffers, and these are sent as soon as they may.
 *
 * linux-datapath 1.10, 1.11 and 3.7 (net/ipv4/tcp.c: tcp_sendmsg, tcp_push, tcp_should_autocork; net/ipv4/tcp_output.c:
 * tcp_write_xmit, tcp_nagle_test, tcp_small_queue_check, tcp_transmit_skb; 4.4 and 6.1). Every buffer with data, SYN or FIN
 * stays in the queue until it is acknowledged, and a clone of it is sent. Segments that carry nothing but an acknowledgment
 * are sent themselves.
 *
 * A buffer goes out when it is full, or a write ends behind it, unless Nagle's algorithm holds it (`nodelay=off`), or there
 * is much of the socket on its way already: TCP small queues. The limit is that of Linux for a flow that is paced at the speed
 * of the link: what that sends in 1/1024 s, but two buffers at least, and 256 KiB (4.4) or 1 MiB (6.1) at most. A short last
 * buffer also waits while anything is on its way (auto-corking).
 *
 * Departures: congestion window, receive window and pacing hold nothing back. Acknowledgments come as the capture has them,
 * but not before the bytes were sent; where it has none for a flow, what was sent counts as acknowledged, and so does what
 * more than 4 MiB were sent behind.
 *
 * ```ts
 * for (let at = 0; at < packet.payloadBytes;) at += socket.write(packet, at, packet.payloadBytes - at);
 * socket.endWrite();
 * ```
 *
 * @module
 */

import { NONE, STAGE } from "../ledger/schema.ts";
import { headerRelease } from "../skb/clone_ops.ts";
import type { Skb } from "../skb/skb.ts";
import * as ip from "../wire/ip.ts";
import * as tcp from "../wire/tcp.ts";
import type { Host, Stage } from "./host.ts";
import type { OutgoingPacket } from "./outgoing.ts";
import type { SocketTurns, TurnTaker } from "./socket_turns.ts";
import { TcpBuilder } from "./tcp_build.ts";
import { distance, type SendMemory, TcpBuffer } from "./tcp_buffer.ts";
import { keepHeaders, keptBytes } from "./tcp_headers.ts";
import { addBytes, nameBytes } from "./tcp_members.ts";
import { TcpQueue } from "./tcp_queue.ts";
import { smallQueueLimit } from "./tcp_small_queue.ts";
import { TcpTransmitter } from "./tcp_transmit.ts";
import type { InnerMtu } from "./xfrm_output.ts";

/** Payload that waits to be sent in one socket, above which its process waits too (as with TCP_NOTSENT_LOWAT). */
const NOT_SENT_LOWAT = 128 * 1024;
/** Payload that waits to be acknowledged in one socket at most (tcp_wmem[2]). */
const UNACKNOWLEDGED_MAX = 4 * 1024 * 1024;

/** What sockets share. */
export interface SocketParts {
  readonly host: Host;
  /** Takes what is sent, headers in front. */
  readonly output: Stage;
  /** The MTUs inside the SA. */
  readonly innerMtu: InnerMtu;
  /** Lets sockets go on later. */
  readonly turns: SocketTurns;
  /** Sockets build buffers larger than a segment. */
  readonly gso: boolean;
  /** Segments of one buffer, at most. */
  readonly maxSegments: number;
  /** Bytes of one write of the process, at most. */
  readonly writeBytes: number;
  /** A process that waited for a socket may write again. */
  onWritable(): void;
}

/** One socket. */
export class TcpSocket implements SendMemory, TurnTaker {
  /** It waits for its turn already. */
  hasTurn = false;
  /** Number of the byte that is written next; NONE before the first. */
  nextSequence: number = NONE;

  readonly #builder: TcpBuilder;
  readonly #transmitter: TcpTransmitter;
  readonly #queue: TcpQueue;
  /** Memory on its way to the wire. */
  #heldBytes = 0;
  /** Bytes that the write that goes on may still bring; 0 between two writes. */
  #writeLeft = 0;
  /** As much is on its way as may be. */
  #isThrottled = false;
  /** The short last buffer waits until something on its way has left. */
  #isCorked = false;
  #isClosing = false;
  #processWaits = false;
  /** Highest number that the capture shows to be acknowledged; NONE where it shows none. */
  #acknowledged: number = NONE;
  /** Number behind the last segment that was shorter than the MSS (snd_sml). */
  #shortEnd = 0;
  /** Largest segment that both sides take, options included (mss_clamp). */
  #mssLimit = Infinity;

  constructor(readonly parts: SocketParts) {
    const { host, gso, maxSegments, output } = parts;
    this.#builder = new TcpBuilder(host.skbs, host.config.sendfile, gso ? maxSegments : 1);
    this.#transmitter = new TcpTransmitter(host, output);
    this.#queue = new TcpQueue(host.skbs, gso);
  }

  /** Gives back what the socket holds itself. */
  release(): void {
    this.#builder.release();
  }

  /** A side has said how large segments may be, options included (option of its SYN, TCP_MAXSEG). */
  limitMss(bytes: number): void {
    this.#mssLimit = Math.min(this.#mssLimit, bytes);
  }

  /** Whether the process has to wait before it writes; then `onWritable` is called when it need not any more. */
  mustWait(): boolean {
    this.#processWaits = this.#queue.unsentBytes >= NOT_SENT_LOWAT;
    return this.#processWaits;
  }

  /**
   * Takes up to `most` payload bytes of `from`, from byte `at` on, as the next bytes of the stream; returns how many, which may
   * be 0. A FIN goes with the last of them. Ends where a buffer is full or a write is over, and sends what may be sent.
   */
  write(from: OutgoingPacket, at: number, most: number): number {
    if (this.#writeLeft === 0) this.#beginWrite(from);
    const buffer = this.#openBuffer(from);
    const { skb, mss } = buffer;
    const goal = this.#builder.sizeGoal(mss);
    const taken = this.#builder.append(skb, mss, from, at, Math.min(most, this.#writeLeft, goal - skb.len));
    if (taken > 0) this.#noteBytes(buffer, from, at, taken);
    if (taken === 0 || skb.len === goal) buffer.isOpen = false;
    if (this.#writeLeft === 0) this.#finishWrite();
    else if (!buffer.isOpen) this.push();
    return taken;
  }

  /** The write that goes on, if one does, is over. */
  endWrite(): void {
    if (this.#writeLeft > 0) this.#finishWrite();
  }

  /** Nothing more joins the last buffer: what comes next does not follow it. */
  interrupt(): void {
    this.endWrite();
    const last = this.#queue.lastUnsent;
    if (last !== undefined) last.isOpen = false;
    this.push();
  }

  /** Bytes in front of number `sequence` are missing: the next byte that is written has this number. */
  skipTo(sequence: number): void {
    this.interrupt();
    this.nextSequence = sequence;
  }

  /** Sends SYN, or FIN without payload: a buffer that waits to be acknowledged. */
  sendControl(from: OutgoingPacket, flags: number): void {
    this.interrupt();
    const skb = this.#bareBuffer(from);
    headerRelease(skb);
    const buffer = this.#addBuffer(skb, from, 1);
    this.#addControl(buffer, flags);
    this.push();
  }

  /** Sends a segment without payload that is not kept, at once: an acknowledgment, a reset, SYN with ACK. */
  sendBare(from: OutgoingPacket, flags: number = 0): void {
    this.#transmitter.sendBare(this.#bareBuffer(from), sequenceOf(this.parts.host, from), flags);
  }

  /**
   * Sends payload bytes of `from` again, from byte `at` on: `bytes` of them, all in front of `nextSequence`. Buffers of the
   * queue are cut where these bytes begin and end; bytes that it does not hold any more are written again.
   */
  sendAgain(from: OutgoingPacket, at: number, bytes: number): void {
    const first = sequenceOf(this.parts.host, from);
    this.#sendUpTo((first + at + bytes) >>> 0);
    for (let offset = at; offset < at + bytes;) {
      const left = at + bytes - offset;
      const sequence = (first + offset) >>> 0;
      const found = this.#queue.sentFrom(sequence);
      const gap = found === undefined ? left : Math.min(left, distance(sequence, found.sequence));
      const buffer = gap > 0 ? this.#rewrite(from, offset, gap) : this.#queue.cutSent(found!, sequence, left);
      nameBytes(buffer.skb, from, offset, buffer.skb.len, this.parts.gso);
      offset += buffer.skb.len;
      this.#transmitter.send(buffer, from);
    }
  }

  /** The capture shows that everything in front of `number` has been received. */
  acknowledge(number: number): void {
    if (this.nextSequence === NONE) return;
    if (this.#acknowledged !== NONE && distance(this.#acknowledged, number) <= 0) return;
    this.#acknowledged = number;
    if (this.#canClean()) this.parts.turns.add(this);
  }

  /** Nothing more is going to be written: everything goes out, and counts as acknowledged when it has. */
  close(): void {
    this.#isClosing = true;
    this.interrupt();
    this.#clean();
  }

  /** Looks again at what may be sent, after transmissions were completed or acknowledgments have come. */
  resume(): void {
    this.#isThrottled = false;
    this.#isCorked = false;
    this.#clean();
    this.push();
  }

  /** Sends what may be sent (tcp_write_xmit). */
  push(): void {
    const { host, turns, onWritable } = this.parts;
    for (let buffer = this.#queue.firstUnsent; buffer !== undefined; buffer = this.#queue.firstUnsent) {
      if (!this.#isDue(buffer)) break;
      this.#isThrottled = this.#heldBytes > smallQueueLimit(host.config, buffer.skb);
      if (this.#isThrottled) break;
      if (!host.gate.isOpen) {
        turns.addWhenOpen(this);
        break;
      }
      this.#sendFirst();
    }
    if (!this.#processWaits || this.#queue.unsentBytes >= NOT_SENT_LOWAT) return;
    this.#processWaits = false;
    onWritable();
  }

  /** See {@linkcode SendMemory}. */
  hold(bytes: number): void {
    this.#heldBytes += bytes;
  }

  /** See {@linkcode SendMemory}. */
  giveBack(bytes: number): void {
    this.#heldBytes -= bytes;
    if (this.#isThrottled || this.#isCorked || this.#canClean()) this.parts.turns.add(this);
  }

  #beginWrite(from: OutgoingPacket): void {
    this.#writeLeft = this.parts.writeBytes;
    this.parts.host.ledger.visit(STAGE.socket, from.packet, NONE, 0, 1);
  }

  /** tcp_push: the last buffer says that the write is over, and waits for others if there is much on its way. */
  #finishWrite(): void {
    this.#writeLeft = 0;
    const last = this.#queue.lastUnsent;
    if (last === undefined) return;
    last.flags |= tcp.FLAG_PSH;
    this.#isCorked = last.isOpen && this.#queue.firstSent !== undefined && this.#heldBytes > last.skb.truesize;
    this.push();
  }

  /** The buffer that takes the next bytes: the last one while headers stay as long, else a new one. */
  #openBuffer(from: OutgoingPacket): TcpBuffer {
    const last = this.#queue.lastUnsent;
    if (last !== undefined && last.isOpen && keptBytes(last.skb) === from.headerBytes) return last;
    if (last !== undefined) last.isOpen = false;
    const mss = this.#mssOf(from);
    return this.#addBuffer(this.#builder.newBuffer(mss), from, mss);
  }

  #addBuffer(skb: Skb, from: OutgoingPacket, mss: number): TcpBuffer {
    if (this.nextSequence === NONE) this.nextSequence = sequenceOf(this.parts.host, from);
    skb.flow = from.flow;
    skb.hash = from.hash;
    const buffer = new TcpBuffer(this, skb, this.nextSequence, mss);
    this.#queue.add(buffer);
    return buffer;
  }

  /** Path MTU and the other side's limit, less the headers that every segment has (tcp_current_mss). */
  #mssOf(from: OutgoingPacket): number {
    const { innerMtu, host } = this.parts;
    const mtu = ip.isIpv6(host.skbs.memory.u8, from.headers.at) ? innerMtu.ipv6 : innerMtu.ipv4;
    const optionBytes = from.headerBytes - from.networkBytes - tcp.HEADER_BYTES;
    return Math.max(1, Math.min(mtu - from.headerBytes, this.#mssLimit - optionBytes));
  }

  #noteBytes(buffer: TcpBuffer, from: OutgoingPacket, at: number, bytes: number): void {
    const { host, gso } = this.parts;
    addBytes(buffer.skb, from, at, bytes, gso);
    keepHeaders(host.skbs.memory, buffer.skb, from);
    this.nextSequence = (this.nextSequence + bytes) >>> 0;
    this.#queue.grow(bytes);
    this.#writeLeft -= bytes;
    if (at + bytes < from.payloadBytes || (flagsOf(host, from) & tcp.FLAG_FIN) === 0) return;
    this.#addControl(buffer, tcp.FLAG_FIN);
    this.#writeLeft = 0;
  }

  #addControl(buffer: TcpBuffer, flags: number): void {
    buffer.flags |= flags;
    buffer.controlNumbers = 1;
    buffer.isOpen = false;
    this.nextSequence = buffer.end;
  }

  #bareBuffer(from: OutgoingPacket): Skb {
    const skb = this.#builder.bareBuffer(0);
    nameBytes(skb, from, 0, 0, false);
    skb.flow = from.flow;
    skb.hash = from.hash;
    keepHeaders(this.parts.host.skbs.memory, skb, from);
    return skb;
  }

  /** Whether `buffer`, the first that waits, need not wait for more bytes. */
  #isDue(buffer: TcpBuffer): boolean {
    if (!buffer.isOpen) return true;
    if (this.#writeLeft > 0 || this.#isCorked) return false;
    if (!buffer.endsShort || !this.#isNagleHolding()) return true;
    const whole = (buffer.segments - 1) * buffer.mss;
    if (whole > 0) this.#queue.cutUnsent(whole);
    return whole > 0;
  }

  /** A short segment was sent and has not been acknowledged yet (tcp_nagle_check, tcp_minshall_check). */
  #isNagleHolding(): boolean {
    if (this.parts.host.config.nodelay === "on") return false;
    const first = this.#queue.firstSent;
    return first !== undefined && distance(first.sequence, this.#shortEnd) > 0;
  }

  #sendFirst(): void {
    const buffer = this.#queue.takeUnsent();
    if (buffer.skb.len > 0 && buffer.endsShort) this.#shortEnd = buffer.end;
    this.#transmitter.send(buffer, null);
  }

  /** What was written in front of number `sequence` goes out, whatever is on its way: the capture shows that it did. */
  #sendUpTo(sequence: number): void {
    for (let first = this.#queue.firstUnsent; first !== undefined; first = this.#queue.firstUnsent) {
      if (distance(first.sequence, sequence) <= 0) return;
      this.#sendFirst();
    }
  }

  /** Bytes that the queue does not hold any more: one buffer of them, as if they were written now. */
  #rewrite(from: OutgoingPacket, at: number, most: number): TcpBuffer {
    const mss = this.#mssOf(from);
    const skb = this.#builder.newBuffer(mss);
    skb.flow = from.flow;
    skb.hash = from.hash;
    const goal = Math.min(most, this.#builder.sizeGoal(mss));
    for (let taken = -1; taken !== 0 && skb.len < goal;) {
      taken = this.#builder.append(skb, mss, from, at + skb.len, goal - skb.len);
    }
    const buffer = new TcpBuffer(this, skb, (sequenceOf(this.parts.host, from) + at) >>> 0, mss);
    buffer.isOpen = false;
    this.#queue.addSent(buffer);
    return buffer;
  }

  #canClean(): boolean {
    const first = this.#queue.firstSent;
    if (first === undefined || first.live > 0) return false;
    if (this.#isClosing || this.#acknowledged === NONE || this.#queue.sentBytes > UNACKNOWLEDGED_MAX) return true;
    return distance(first.end, this.#acknowledged) >= 0;
  }

  /** Frees what has been acknowledged (tcp_clean_rtx_queue). */
  #clean(): void {
    while (this.#canClean()) this.#queue.dropSent();
  }
}

function sequenceOf({ skbs }: Host, from: OutgoingPacket): number {
  return tcp.sequence(skbs.memory.u8, from.headers.at + from.networkBytes);
}

function flagsOf({ skbs }: Host, from: OutgoingPacket): number {
  return tcp.flags(skbs.memory.u8, from.headers.at + from.networkBytes);
}
