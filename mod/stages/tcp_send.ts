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
 * Departures: congestion window and pacing hold nothing back. Where the other end is part of the run (`path=host-to-host`), its
 * window and its acknowledgments decide (`tcp_loop.ts`). Else there is no receive window, and acknowledgments come as the capture
 * has them, but not before the bytes were sent; where it has none for a flow, what was sent counts as acknowledged, and so does
 * what more than 4 MiB were sent behind.
 *
 * ```ts
 * for (let at = 0; at < packet.payloadBytes;) at += socket.write(packet, at, packet.payloadBytes - at);
 * socket.endWrite();
 * ```
 *
 * @module
 */

import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import type { Host, Stage } from "./host.ts";
import type { OutgoingPacket } from "./outgoing.ts";
import type { SocketTurns, TurnTaker } from "./socket_turns.ts";
import { distance, type SendMemory, type TcpBuffer } from "./tcp_buffer.ts";
import type { TcpConnection, TcpConnections } from "./tcp_connection.ts";
import { TcpGather } from "./tcp_gather.ts";
import { TcpLoop } from "./tcp_loop.ts";
import { nameBytes } from "./tcp_members.ts";
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
  /** The connections, where the other ends are part of the run; null where the capture speaks for them. */
  readonly connections: TcpConnections | null;
  /** A process that waited for a socket may write again. */
  onWritable(): void;
}

/** One socket. */
export class TcpSocket implements SendMemory, TurnTaker {
  /** See {@linkcode TurnTaker}. */
  hasTurn = false;

  readonly #gather: TcpGather;
  readonly #transmitter: TcpTransmitter;
  readonly #queue: TcpQueue;
  /** Memory on its way to the wire. */
  #heldBytes = 0;
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
  /** The connection and the loop to its other end; null where there is none. */
  readonly #connection: TcpConnection | null;
  readonly #loop: TcpLoop | null;
  /** The process waits until everything is acknowledged. */
  #processWaitsForEnd = false;
  #isGivenUp = false;

  /** A socket that sends what has number `flow`. */
  constructor(readonly parts: SocketParts, flow: number) {
    const { host, gso, output, turns, connections } = parts;
    const queue = new TcpQueue(host.skbs, gso);
    const transmitter = new TcpTransmitter(host, output);
    const connection = connections === null ? null : connections.open(flow);
    this.#queue = queue;
    this.#transmitter = transmitter;
    this.#connection = connection;
    this.#gather = new TcpGather(parts, queue, this, connection);
    this.#loop = connections === null || connection === null ? null : new TcpLoop({
      host,
      queue,
      transmitter,
      turns,
      connections,
      connection,
      socket: this,
      headersFor: (skb) => this.#gather.headersFor(skb),
      probeLike: (skb) => this.#gather.probeLike(skb),
    });
  }

  /** Its other end answers: it decides itself what it sends again. */
  get isLooped(): boolean {
    return this.#loop !== null;
  }

  /** Its other end did not answer any more: what is written now is lost. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** A captured packet, of which `payloadBytes` bytes have been written, ends with the byte that was written last. */
  notePacketEnd(packet: number, payloadBytes: number): void {
    this.#connection?.addEnd(this.nextSequence, packet, payloadBytes);
  }

  /** Whether the process has to wait until everything is acknowledged; then `onWritable` is called when it is. */
  mustDrain(): boolean {
    this.#processWaitsForEnd = this.#loop !== null && !this.#isEmpty;
    return this.#processWaitsForEnd;
  }

  /** Number of the byte that is written next; NONE before the first. */
  get nextSequence(): number {
    return this.#gather.nextSequence;
  }

  /** Gives back what the socket holds itself. */
  release(): void {
    this.#gather.release();
  }

  /** A side has said how large segments may be, options included (option of its SYN, TCP_MAXSEG). */
  limitMss(bytes: number): void {
    this.#gather.limitMss(bytes);
  }

  /** Whether the process has to wait before it writes; then `onWritable` is called when it need not any more. */
  mustWait(): boolean {
    this.#processWaits = this.#queue.unsentBytes >= NOT_SENT_LOWAT;
    return this.#processWaits;
  }

  /**
   * Takes up to `most` payload bytes of `from`, from byte `at` on, as the next bytes of the stream; returns how many, which may
   * be 0. Ends where a buffer is full or a write is over, and sends what may be sent.
   */
  write(from: OutgoingPacket, at: number, most: number): number {
    const taken = this.#gather.write(from, at, most);
    if (!this.#gather.isWriting) this.#finishWrite();
    else if (this.#queue.lastUnsent?.isOpen === false) this.push();
    return taken;
  }

  /** The write that goes on, if one does, is over. */
  endWrite(): void {
    if (!this.#gather.isWriting) return;
    this.#gather.endWrite();
    this.#finishWrite();
  }

  /** Nothing more joins the last buffer: what comes next does not follow it. */
  interrupt(): void {
    this.endWrite();
    const last = this.#queue.lastUnsent;
    if (last !== undefined) last.isOpen = false;
    this.push();
  }

  /** The next byte that is written has number `sequence`: those in front of it are missing, or a connection begins. */
  skipTo(sequence: number): void {
    this.interrupt();
    if (this.nextSequence !== NONE) this.#connection?.addGap(this.nextSequence, sequence);
    this.#gather.nextSequence = sequence;
  }

  /** Sends SYN, or FIN without payload: a buffer that waits to be acknowledged. */
  sendControl(from: OutgoingPacket, flags: number): void {
    this.interrupt();
    this.#gather.addControl(from, flags);
    this.push();
  }

  /** Sends a segment without payload that is not kept, at once: an acknowledgment, a reset, SYN with ACK. */
  sendBare(from: OutgoingPacket, flags: number = 0): void {
    this.#transmitter.sendBare(this.#gather.bareBuffer(from), this.#gather.sequenceOf(from), flags);
  }

  /**
   * Sends payload bytes of `from` again, from byte `at` on: `bytes` of them, all in front of `nextSequence`. Buffers of the
   * queue are cut where these bytes begin and end; bytes that it does not hold any more are written again.
   */
  sendAgain(from: OutgoingPacket, at: number, bytes: number): void {
    const first = this.#gather.sequenceOf(from);
    this.#sendUpTo((first + at + bytes) >>> 0);
    for (let offset = at; offset < at + bytes;) {
      const buffer = this.#bufferOf(from, offset, at + bytes - offset, (first + offset) >>> 0);
      nameBytes(buffer.skb, from, offset, buffer.skb.len, this.parts.gso);
      offset += buffer.skb.len;
      this.#transmitter.send(buffer, from);
    }
  }

  /** The capture shows that everything in front of `number` has been received. */
  acknowledge(number: number): void {
    if (this.#acknowledged !== NONE && distance(this.#acknowledged, number) <= 0) return;
    this.#acknowledged = number;
    if (this.#canClean()) this.parts.turns.add(this);
  }

  /** Nothing more is going to be written: everything goes out, and without another end counts as acknowledged when it has. */
  close(): void {
    this.#isClosing = true;
    this.interrupt();
    this.#clean();
    const connection = this.#connection;
    if (connection === null) return;
    connection.isEnding = true;
    connection.receiver?.finish(this.parts.host.ledger.nowNs);
  }

  /** Looks again at what may be sent, after transmissions were completed or acknowledgments have come. */
  resume(): void {
    this.#isThrottled = false;
    this.#isCorked = false;
    if (this.#loop?.checkTimer() === false) this.#giveUp();
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
      if (!this.#fitsWindow(buffer)) break;
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

  /** What was written may go, unless its short last buffer waits for others because there is much on its way. */
  #finishWrite(): void {
    const last = this.#queue.lastUnsent;
    if (last === undefined) return;
    this.#isCorked = last.isOpen && this.#queue.firstSent !== undefined && this.#heldBytes > last.skb.truesize;
    this.push();
  }

  /** Whether `buffer`, the first that waits, need not wait for more bytes. */
  #isDue(buffer: TcpBuffer): boolean {
    if (!buffer.isOpen) return true;
    if (this.#gather.isWriting || this.#isCorked) return false;
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

  /** Whether the window takes `buffer`, the first that waits, or at least the part of it that is left of it then. */
  #fitsWindow(buffer: TcpBuffer): boolean {
    const loop = this.#loop;
    if (loop === null) return true;
    const { len } = buffer.skb;
    const bytes = loop.sendable(buffer);
    loop.isBlocked = bytes === 0 && len > 0;
    if (bytes === 0 && len > 0) return false;
    if (bytes < len) this.#queue.cutUnsent(bytes);
    return true;
  }

  #sendFirst(): void {
    const buffer = this.#queue.takeUnsent();
    if (buffer.skb.len > 0 && buffer.endsShort) this.#shortEnd = buffer.end;
    this.#loop?.noteSent(buffer);
    this.#transmitter.send(buffer, null);
  }

  /** What was written in front of number `sequence` goes out, whatever is on its way: the capture shows that it did. */
  #sendUpTo(sequence: number): void {
    for (let first = this.#queue.firstUnsent; first !== undefined; first = this.#queue.firstUnsent) {
      if (distance(first.sequence, sequence) <= 0) return;
      this.#sendFirst();
    }
  }

  /** A buffer of the queue with the bytes from byte `at` of `from` on, which has number `sequence`: `most` at most. */
  #bufferOf(from: OutgoingPacket, at: number, most: number, sequence: number): TcpBuffer {
    const found = this.#queue.sentFrom(sequence);
    const gap = found === undefined ? most : Math.min(most, distance(sequence, found.sequence));
    if (gap <= 0) return this.#queue.cutSent(found!, sequence, most);
    const buffer = this.#gather.rewrite(from, at, gap);
    this.#queue.addSent(buffer);
    return buffer;
  }

  #canClean(): boolean {
    const first = this.#queue.firstSent;
    if (first === undefined) return false;
    if (this.#loop !== null) return distance(first.end, this.#loop.acknowledged) >= 0;
    if (first.live > 0) return false;
    if (this.#isClosing || this.#acknowledged === NONE || this.#queue.sentBytes > UNACKNOWLEDGED_MAX) return true;
    return distance(first.end, this.#acknowledged) >= 0;
  }

  /** Frees what has been acknowledged (tcp_clean_rtx_queue). */
  #clean(): void {
    this.parts.host.ledger.stage = STAGE.socket;
    while (this.#canClean()) this.#queue.dropSent();
    if (!this.#processWaitsForEnd || !this.#isEmpty) return;
    this.#processWaitsForEnd = false;
    this.parts.onWritable();
  }

  /** Nothing waits, neither to be sent nor to be acknowledged. */
  get #isEmpty(): boolean {
    return this.#queue.firstSent === undefined && this.#queue.firstUnsent === undefined;
  }

  /** Nothing has been acknowledged for too long: what has not arrived is lost (tcp_write_err). */
  #giveUp(): void {
    const { ledger } = this.parts.host;
    this.#isGivenUp = true;
    this.#loop?.stop();
    ledger.stage = STAGE.socket;
    for (let end = this.#connection?.giveUpEnd(); end !== undefined; end = this.#connection?.giveUpEnd()) {
      const { packet, payloadBytes } = end;
      ledger.write(EVENT.drop, REASON.retriesOver, packet, NONE, NONE, payloadBytes, 1, payloadBytes);
    }
    this.#queue.abandon();
  }
}
