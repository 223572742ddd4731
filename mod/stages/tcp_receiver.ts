/**
 * The receiving end of a TCP connection: bytes go to the process in order, and acknowledgments go back (`path=host-to-host`).
 *
 * net/ipv4/tcp_input.c: tcp_data_queue, tcp_data_queue_ofo, tcp_ofo_queue, tcp_measure_rcv_mss, __tcp_ack_snd_check;
 * net/ipv4/tcp.c: tcp_recvmsg, tcp_cleanup_rbuf; net/ipv4/tcp_timer.c: tcp_delack_timer (4.4 and 6.1). An acknowledgment goes out
 * at once when more than one full segment has come since the last, so one for each aggregate of GRO; when the process has read
 * a segment that is shorter than the others; for SYN and FIN; and while bytes are missing. Else it waits for 40 ms.
 *
 * With `reader_cpu=same` the process reads at once, in the softirq that brings the bytes. With `own` they count as received when
 * softirq takes them, and wait for the process (`reading_process.ts`), and the window is smaller by what is not read
 * (`receive_window.ts`). While that holds its right edge up, softirq leaves the acknowledgment to the process, which sends it
 * when it has read, or tells of a window that is at least twice as large as before.
 *
 * Departures: no quick acknowledgments at the beginning, no selective acknowledgments. What is kept out of order is not merged.
 *
 * ```ts
 * receiver.take(skb, tcp.dataOffsetBytes(u8, skb.dataAt)); // data begin at the TCP header
 * ```
 *
 * @module
 */

import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { NS_PER_MS } from "../ledger/units.ts";
import type { Skb } from "../skb/skb.ts";
import * as tcp from "../wire/tcp.ts";
import { drop, framesIn, type Host, type Stage } from "./host.ts";
import type { ReadingProcess, ReadSocket } from "./reading_process.ts";
import { ReceiveQueue } from "./receive_queue.ts";
import { ReceiveWindow } from "./receive_window.ts";
import type { SocketTurns, TurnTaker } from "./socket_turns.ts";
import { TcpAnswer } from "./tcp_answer.ts";
import { distance } from "./tcp_buffer.ts";
import type { StreamReceiver, TcpConnection } from "./tcp_connection.ts";
import { TcpTimer } from "./tcp_timer.ts";

/** How long an acknowledgment is delayed (TCP_DELACK_MIN). */
const DELAY_NS = 40 * NS_PER_MS;
/** Full segments are taken to be as long before one came (TCP_MSS_DEFAULT), and two as long as this at least (TCP_MIN_MSS). */
const FIRST_MSS = 536;
const LEAST_MSS = 88;
/** Numbers this far ahead are of another stream. */
const FARTHEST_AHEAD = 2 ** 30;
/** Flags without which a segment tells how long segments are (TCP_REMNANT). */
const FLAGS_REMNANT = tcp.FLAG_FIN | tcp.FLAG_SYN | tcp.FLAG_PSH | tcp.FLAG_URG;

/** What receiving ends of one host share. */
export interface ReceiverParts {
  readonly host: Host;
  /** Takes acknowledgments, headers in front. */
  readonly output: Stage;
  /** Lets a receiver go on whose timer has expired. */
  readonly turns: SocketTurns;
  readonly windowBytes: number;
  /** Reads what has come; null where that is read at once. */
  readonly reader: ReadingProcess | null;
}

/** A buffer that waits for bytes in front of it: its first number, and that behind its last. */
interface Waiting {
  readonly skb: Skb;
  readonly start: number;
  readonly end: number;
}

/** One end. */
export class TcpReceiver implements StreamReceiver, TurnTaker, ReadSocket {
  /** See {@linkcode TurnTaker}. */
  hasTurn = false;
  /** See {@linkcode ReadSocket}. */
  isReadable = false;
  /** See {@linkcode ReadSocket}. */
  readonly unread: ReceiveQueue = new ReceiveQueue();

  /** Everything in front of this number is there (rcv_nxt), and everything in front of this one acknowledged (rcv_wup). */
  #next: number = NONE;
  #acknowledged: number = NONE;
  /** Length of a full segment, as far as one has come, and of the last shorter one (rcv_mss, last_seg_size). */
  #mss = FIRST_MSS;
  #lastShort = 0;
  /** A short segment has come since the last acknowledgment (ICSK_ACK_PUSHED). */
  #isPushed = false;
  /** What came too early, in the order of its numbers (out_of_order_queue), and its bytes. */
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  readonly #window: ReceiveWindow;
  readonly #answer: TcpAnswer;
  readonly #timer: TcpTimer;
  /** Why the delayed acknowledgment goes out when its turn comes. */
  #delayedReason: number = REASON.delayedAck;
  /** The captured packet that acknowledgments count with: the last that came. */
  #packet: number = NONE;

  constructor(readonly parts: ReceiverParts, readonly connection: TcpConnection) {
    this.#window = new ReceiveWindow(parts.windowBytes);
    this.#answer = new TcpAnswer(parts.windowBytes);
    this.#timer = new TcpTimer(parts.host.engine, () => {
      this.#delayedReason = connection.isEnding ? REASON.endOfCapture : REASON.delayedAck;
      parts.turns.add(this);
    });
    connection.receiver = this;
  }

  /** Takes a segment or an aggregate over, whose data begin at its TCP header of `headerBytes` bytes. */
  take(skb: Skb, headerBytes: number): void {
    const { host } = this.parts;
    const { u8 } = host.skbs.memory;
    const flags = tcp.flags(u8, skb.dataAt);
    const start = tcp.sequence(u8, skb.dataAt);
    const payloadBytes = skb.len - headerBytes;
    const controls = Number((flags & tcp.FLAG_SYN) !== 0) + Number((flags & tcp.FLAG_FIN) !== 0);
    const end = (start + payloadBytes + controls) >>> 0;
    if (this.#next === NONE) this.#begin();
    this.#advance(this.#next);
    this.#packet = skb.members?.at(-1) ?? skb.packet;
    this.#answer.learn(skb, u8);
    if (this.#measure(skb.head.gsoSize > 0 ? skb.head.gsoSize : payloadBytes, flags)) this.#isPushed = true;
    if (distance(this.#next, end) <= 0) return this.#refuse(skb, REASON.oldData);
    if (distance(this.#next, start) > FARTHEST_AHEAD) return this.#refuse(skb, REASON.outOfWindow);
    if (distance(this.#next, start) > 0) return this.#keep({ skb, start, end });
    const wasWaiting = this.#waiting.length > 0;
    host.gate.leave(framesIn(skb));
    this.#accept(skb, end, payloadBytes);
    this.#acceptWaiting();
    this.#acknowledge(wasWaiting, controls > 0);
  }

  /** See {@linkcode ReadSocket}: one step of the process. */
  readFirst(): number {
    const { skb, end, bytes } = this.unread.take();
    this.parts.host.ledger.stage = STAGE["local-in"];
    this.#read(skb, end, bytes);
    return bytes;
  }

  /** See {@linkcode ReadSocket}: what softirq has not acknowledged is now, or the window has opened (tcp_cleanup_rbuf). */
  endRead(): void {
    const unacknowledged = distance(this.#acknowledged, this.#next);
    if (unacknowledged > this.#mss) this.#send(REASON.readSegments);
    else if (unacknowledged > 0 && this.#isPushed && this.#heldBytes === 0) this.#send(REASON.allRead);
    else if (this.#window.isUpdateDue(this.#next, this.#heldBytes, this.#mss)) this.#send(REASON.windowUpdate);
    else if (this.connection.isEnding) this.finish(this.parts.host.ledger.nowNs);
  }

  /** The delayed acknowledgment goes out (tcp_delack_timer). */
  resume(): void {
    if (this.#acknowledged !== this.#next) this.#send(this.#delayedReason);
  }

  /** See {@linkcode StreamReceiver}. */
  finish(nowNs: number): void {
    // Of what is not read the process is going to decide.
    if (this.#timer.isRunning && this.unread.first === null) {
      this.#timer.start(Math.max(nowNs, this.parts.host.engine.nowNs));
    }
  }

  /** See {@linkcode StreamReceiver}. */
  release(): void {
    const { skbs } = this.parts.host;
    for (const { skb } of this.#waiting) skbs.free(skb, REASON.dropped);
    this.#waiting.length = 0;
    while (this.unread.first !== null) skbs.free(this.unread.take().skb, REASON.dropped);
  }

  #begin(): void {
    this.#next = this.connection.first;
    this.#acknowledged = this.#next;
    this.#window.begin(this.#next);
  }

  /** Bytes that are here and not read (sk_rmem_alloc). */
  get #heldBytes(): number {
    return this.unread.bytes + this.#waitingBytes;
  }

  /** Everything in front of `number` is there. */
  #advance(number: number): void {
    this.#next = this.connection.behindGap(number);
    this.#window.skip(distance(number, this.#next));
  }

  /** Learns how long full segments are; true when this one is shorter, so that the process need not wait for more. */
  #measure(bytes: number, flags: number): boolean {
    if (bytes >= this.#mss) {
      this.#mss = bytes;
      return false;
    }
    if (bytes >= LEAST_MSS && (flags & FLAGS_REMNANT) === 0) {
      if (bytes === this.#lastShort) {
        this.#mss = bytes;
        return false;
      }
      this.#lastShort = bytes;
    }
    return bytes > 0;
  }

  /** A buffer of `payloadBytes` bytes is next in order: what is new of it is for the process (tcp_queue_rcv). */
  #accept(skb: Skb, end: number, payloadBytes: number): void {
    const { reader, host } = this.parts;
    const bytes = Math.min(payloadBytes, distance(this.#next, end));
    this.#advance(end);
    if (reader === null) return this.#read(skb, end, bytes);
    this.unread.put(skb, end, bytes, host.ledger.nowNs);
    reader.notify(this);
  }

  /** The process reads `bytes` bytes of a buffer, and the captured packets that end in it are there. */
  #read(skb: Skb, end: number, bytes: number): void {
    const { ledger, skbs } = this.parts.host;
    if (bytes > 0) {
      skbs.memory.watch?.readOut(skb, skb.len - bytes, bytes);
      ledger.note(EVENT["user-copy"], REASON.userRead, skb, bytes);
    }
    for (let ended = this.connection.takeEnd(end); ended !== undefined; ended = this.connection.takeEnd(end)) {
      const { packet, payloadBytes: payload } = ended;
      ledger.write(EVENT.deliver, REASON.toSocket, packet, skb.id, NONE, payload, 1, payload, skb.flow);
    }
    skbs.free(skb, REASON.consumed);
  }

  /** What waited follows, as far as nothing is missing (tcp_ofo_queue). */
  #acceptWaiting(): void {
    const { skbs, ledger } = this.parts.host;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (distance(this.#next, first.start) > 0) return;
      this.#waiting.shift();
      const { skb, end } = first;
      const payloadBytes = this.#payloadBytes(skb);
      this.#waitingBytes -= payloadBytes;
      if (distance(this.#next, end) > 0) {
        this.#accept(skb, end, payloadBytes);
      } else {
        ledger.note(EVENT.drop, REASON.oldData, skb, skb.len, 0);
        skbs.free(skb, REASON.dropped);
      }
    }
  }

  /** Bytes in front of it are missing: it waits, and the other end is told what is. */
  #keep(late: Waiting): void {
    const waiting = this.#waiting;
    const isThere = waiting.some(({ start, end }) => distance(start, late.start) >= 0 && distance(late.end, end) >= 0);
    if (isThere) return this.#refuse(late.skb, REASON.oldData);
    this.parts.host.gate.leave(framesIn(late.skb));
    let at = waiting.length;
    while (at > 0 && distance(late.start, waiting[at - 1]!.start) > 0) at -= 1;
    waiting.splice(at, 0, late);
    this.#waitingBytes += this.#payloadBytes(late.skb);
    this.#send(REASON.outOfOrder);
  }

  #payloadBytes(skb: Skb): number {
    return skb.len - tcp.dataOffsetBytes(this.parts.host.skbs.memory.u8, skb.dataAt);
  }

  /** It is dropped, and the other end is told what is there. */
  #refuse(skb: Skb, reason: number): void {
    drop(this.parts.host, skb, reason);
    this.#send(reason);
  }

  /** An acknowledgment goes out now, or is delayed, or is the process's to send (__tcp_ack_snd_check, tcp_cleanup_rbuf). */
  #acknowledge(wasWaiting: boolean, isControl: boolean): void {
    const isMoreThanOne = distance(this.#acknowledged, this.#next) > this.#mss;
    if (wasWaiting) this.#send(REASON.outOfOrder);
    else if (isControl) this.#send(REASON.synOrFin);
    else if (isMoreThanOne && this.#window.isAdvancing(this.#heldBytes, this.#mss)) this.#send(REASON.fullSegments);
    else if (this.#isPushed && this.parts.reader === null) this.#send(REASON.allRead);
    else if (!this.#timer.isRunning) this.#delay();
  }

  #delay(): void {
    const { nowNs } = this.parts.host.ledger;
    const isLast = this.connection.isEnding && this.unread.first === null;
    this.#timer.start(isLast ? nowNs : nowNs + DELAY_NS);
  }

  #send(reason: number): void {
    const { host, output } = this.parts;
    const { ledger } = host;
    this.#timer.stop();
    this.#isPushed = false;
    this.#acknowledged = this.#next;
    const windowBytes = this.#window.offer(this.#next, this.#heldBytes, this.#mss);
    ledger.stage = STAGE["local-out"];
    ledger.write(EVENT.acknowledge, reason, this.#packet, NONE, NONE, 0, 1, 0);
    this.#answer.send(host, output, this.#next, this.#packet, windowBytes);
  }
}
