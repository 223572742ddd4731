/**
 * The loop of a sending TCP socket whose other end answers: what the window takes, what acknowledgments free, and what is sent
 * again (`path=host-to-host`).
 *
 * net/ipv4/tcp_output.c: tcp_snd_wnd_test, tcp_mss_split_point, tcp_tso_should_defer, tcp_retransmit_skb; net/ipv4/tcp_input.c:
 * tcp_ack, tcp_fastretrans_alert, tcp_rtt_estimator; net/ipv4/tcp_timer.c: tcp_retransmit_timer (4.4 and 6.1). Bytes that were
 * sent and not acknowledged are never more than the window. Three duplicate acknowledgments, or a timer, send the first of them
 * again; until all that was on its way then is acknowledged, each further acknowledgment that leaves a hole sends the next one
 * (NewReno, RFC 6582). After 15 timeouts in a row the connection is given up.
 *
 * A loss halves what may be on its way, a timeout leaves one segment of it; then it grows again, as in Reno (RFC 5681). Where the
 * window takes nothing and nothing is on its way, a timer asks for it (tcp_ack_update_window, tcp_send_probe0), since the word
 * that it has opened may be lost.
 *
 * Departures: the timer of probes does not become slower while they are answered. No slow start at the beginning: until something is lost, the window of the receiver is all that limits. Reno, not
 * CUBIC; no selective acknowledgments.
 *
 * ```ts
 * const bytes = loop.sendable(buffer); // as many bytes of it may go now
 * loop.noteSent(buffer, nowNs);
 * loop.acknowledge(number, windowBytes); // from the other end
 * ```
 *
 * @module
 */

import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { NS_PER_MS, NS_PER_US } from "../ledger/units.ts";
import { packetAt } from "../skb/members.ts";
import type { Skb } from "../skb/skb.ts";
import type { Host } from "./host.ts";
import type { SocketTurns, TurnTaker } from "./socket_turns.ts";
import { distance, type TcpBuffer } from "./tcp_buffer.ts";
import type { StreamSender, TcpConnection, TcpConnections } from "./tcp_connection.ts";
import type { PacketHeaders } from "./tcp_headers.ts";
import type { TcpQueue } from "./tcp_queue.ts";
import { TcpTimer } from "./tcp_timer.ts";
import type { TcpTransmitter } from "./tcp_transmit.ts";

/** Duplicate acknowledgments that say that something was lost (RFC 5681; tcp_reordering). */
const DUPLICATES_FOR_LOSS = 3;
/** Timer before a round trip was measured, at least beside one, and at most (TCP_TIMEOUT_INIT, TCP_RTO_MIN, TCP_RTO_MAX). */
const FIRST_TIMEOUT_NS = 1000 * NS_PER_MS;
const LEAST_TIMEOUT_NS = 200 * NS_PER_MS;
const MOST_TIMEOUT_NS = 120_000 * NS_PER_MS;
/** Timeouts in a row after which a connection is given up (net.ipv4.tcp_retries2). */
const RETRIES_MAX = 15;
/** Part of the window that an aggregate waits for (net.ipv4.tcp_tso_win_divisor). */
const WINDOW_DIVISOR = 3;

/** What the loop of a socket is part of. */
export interface LoopParts {
  readonly host: Host;
  readonly queue: TcpQueue;
  readonly transmitter: TcpTransmitter;
  readonly turns: SocketTurns;
  readonly connections: TcpConnections;
  readonly connection: TcpConnection;
  /** The socket, which looks again at what it may send. */
  readonly socket: TurnTaker;
  /** Headers for a buffer that is sent again. */
  headersFor(skb: Skb): PacketHeaders | null;
  /** A segment without payload, with headers as those of `skb` (tcp_xmit_probe_skb). */
  probeLike(skb: Skb): Skb;
}

/** The loop of one socket. */
export class TcpLoop implements StreamSender {
  /** Everything in front of this number is acknowledged; NONE before the first is sent. */
  acknowledged: number = NONE;

  readonly #timer: TcpTimer;
  /** The timer before a round trip was measured: what the handshake would have measured counts in it. */
  readonly #firstTimeoutNs: number;
  #hasExpired = false;
  /** The timer that runs is to ask for the window. */
  #isProbing = false;
  #windowBytes: number;
  #isBlocked = false;
  #duplicates = 0;
  /** What had been sent when a loss was noticed, all of which has to be acknowledged before the next; NONE: no loss. */
  #recoverEnd: number = NONE;
  #timeouts = 0;
  /** What may be on its way since the last loss, and up to where it grows fast (snd_cwnd, snd_ssthresh); Infinity: no loss. */
  #congestionBytes = Infinity;
  #thresholdBytes = Infinity;
  /** The end of what is being timed, and when it was sent; NONE when nothing is. */
  #timedEnd: number = NONE;
  #timedNs = 0;
  /** Smoothed round trip and its variation (RFC 6298); 0 before the first. */
  #roundTripNs = 0;
  #variationNs = 0;

  constructor(readonly parts: LoopParts) {
    const { host, connections, connection, turns, socket } = parts;
    this.#windowBytes = connections.windowBytes;
    this.#firstTimeoutNs = FIRST_TIMEOUT_NS + 2 * Math.round(host.config.link_delay_us * NS_PER_US);
    this.#timer = new TcpTimer(host.engine, () => {
      this.#hasExpired = true;
      turns.add(socket);
    });
    connection.sender = this;
  }

  /** Payload on its way: sent and not acknowledged. */
  get flightBytes(): number {
    const { queue } = this.parts;
    const first = queue.firstSent;
    return first === undefined ? 0 : queue.sentBytes - this.#acknowledgedOf(first);
  }

  /**
   * How many bytes of `buffer`, the first that waits, may be sent now: all, or whole segments; 0 while the window takes none, or
   * so little that it is better to wait for more.
   */
  sendable(buffer: TcpBuffer): number {
    const { skb: { len }, mss } = buffer;
    // Linux counts segments, of any size: one may always go, though that of the loss was shorter.
    const windowBytes = Math.min(this.#windowBytes, Math.max(mss, this.#congestionBytes));
    const room = windowBytes - this.flightBytes;
    if (len <= room) return len;
    const whole = Math.floor(room / mss) * mss;
    const worthwhile = Math.min(len, Math.max(mss, Math.floor(windowBytes / WINDOW_DIVISOR)));
    return whole >= worthwhile || this.flightBytes === 0 ? Math.max(0, whole) : 0;
  }

  /** The socket has something to send that the window does not take, or has not any more. */
  set isBlocked(isBlocked: boolean) {
    if (isBlocked === this.#isBlocked) return;
    this.#isBlocked = isBlocked;
    this.parts.connections.countBlocked(isBlocked ? 1 : -1, this.parts.host.ledger.nowNs);
  }

  /** `buffer` has been sent for the first time. */
  noteSent(buffer: TcpBuffer): void {
    const { nowNs } = this.parts.host.ledger;
    if (this.acknowledged === NONE) this.acknowledged = buffer.sequence;
    if (this.#timedEnd === NONE) {
      this.#timedEnd = buffer.end;
      this.#timedNs = nowNs;
    }
    if (this.#timer.isRunning && !this.#isProbing) return;
    this.#isProbing = false;
    this.#startTimer();
  }

  /** See {@linkcode StreamSender}: one step of the CPU that received the acknowledgment (tcp_ack). */
  acknowledge(number: number, windowBytes: number): void {
    const { queue, socket } = this.parts;
    const ahead = distance(this.acknowledged, number);
    // Two CPUs of the other end may answer: what was said later offers more (tcp_may_update_window).
    const isUpdate = ahead > 0 || (ahead === 0 && windowBytes > this.#windowBytes);
    if (isUpdate) this.#windowBytes = windowBytes;
    if (ahead > 0) this.#advance(number);
    else if (ahead === 0 && !isUpdate && queue.firstSent !== undefined) this.#countDuplicate();
    socket.resume();
    if (queue.firstSent !== undefined) return;
    this.#timeouts = 0;
    this.#isProbing = this.#isBlocked;
    if (this.#isProbing) this.#startTimer();
    else this.#timer.stop();
  }

  /** The turn of the socket has come: its timer may have expired. False when the connection has to be given up. */
  checkTimer(): boolean {
    if (!this.#hasExpired) return true;
    this.#hasExpired = false;
    if (this.parts.queue.firstSent === undefined && !this.#isProbing) return true;
    this.#timeouts += 1;
    if (this.#timeouts > RETRIES_MAX) return false;
    if (this.#isProbing) this.#sendProbe();
    else this.#enterRecovery(REASON.retransmitTimeout);
    this.#startTimer();
    return true;
  }

  /** The connection is given up. */
  stop(): void {
    this.isBlocked = false;
    this.#timer.stop();
  }

  #advance(number: number): void {
    const { nowNs } = this.parts.host.ledger;
    if (this.#recoverEnd === NONE) this.#grow(distance(this.acknowledged, number));
    this.acknowledged = number;
    this.#duplicates = 0;
    this.#timeouts = 0;
    if (this.#timedEnd !== NONE && distance(this.#timedEnd, number) >= 0) {
      this.#measure(nowNs - this.#timedNs);
      this.#timedEnd = NONE;
    }
    this.#startTimer();
    if (this.#recoverEnd === NONE) return;
    if (distance(this.#recoverEnd, number) >= 0) this.#recoverEnd = NONE;
    else this.#sendFirstAgain(REASON.partialAck);
  }

  #countDuplicate(): void {
    this.#duplicates += 1;
    if (this.#duplicates === DUPLICATES_FOR_LOSS && this.#recoverEnd === NONE) {
      this.#enterRecovery(REASON.fastRetransmit);
    }
  }

  /** A number that has been acknowledged before: the other end answers with its window. */
  #sendProbe(): void {
    const { queue, transmitter } = this.parts;
    const skb = this.parts.probeLike(queue.firstUnsent!.skb);
    transmitter.sendBare(skb, (this.acknowledged - 1) >>> 0, 0);
  }

  #enterRecovery(reason: number): void {
    const { mss } = this.parts.queue.firstSent!;
    this.#thresholdBytes = Math.max(2 * mss, Math.floor(this.flightBytes / 2));
    this.#congestionBytes = reason === REASON.retransmitTimeout ? mss : this.#thresholdBytes;
    this.#recoverEnd = this.parts.queue.sentEnd;
    this.#timedEnd = NONE;
    this.#sendFirstAgain(reason);
  }

  /** `bytes` more are acknowledged: as much more may be on its way, or a segment more each round trip (tcp_reno_cong_avoid). */
  #grow(bytes: number): void {
    if (this.#congestionBytes === Infinity) return;
    const { mss } = this.parts.queue.firstSent!;
    const isSlowStart = this.#congestionBytes < this.#thresholdBytes;
    this.#congestionBytes += isSlowStart ? bytes : Math.ceil(mss * bytes / this.#congestionBytes);
    if (this.#congestionBytes < this.parts.connections.windowBytes) return;
    this.#congestionBytes = Infinity;
    this.#thresholdBytes = Infinity;
  }

  /** The first segment that is not acknowledged, unless it has not left this host yet (skb_still_in_host_queue). */
  #sendFirstAgain(reason: number): void {
    const { queue, transmitter, host: { ledger } } = this.parts;
    const found = this.#firstMissing();
    if (found === undefined || found.live > 0) return;
    const done = this.#acknowledgedOf(found);
    const buffer = found.skb.len === 0 ? found : queue.cutSent(found, (found.sequence + done) >>> 0, found.mss);
    ledger.stage = STAGE.socket;
    const packet = buffer.skb.packet === NONE ? packetAt(buffer.skb, 0) : buffer.skb.packet;
    ledger.write(EVENT.retransmit, reason, packet, buffer.skb.id, NONE, buffer.skb.len, 1, 0);
    transmitter.send(buffer, this.parts.headersFor(buffer.skb));
  }

  /** The first buffer that is not wholly acknowledged; those that are may wait to be freed. */
  #firstMissing(): TcpBuffer | undefined {
    return this.parts.queue.firstBehind(this.acknowledged);
  }

  /** Bytes at the start of `buffer` that are acknowledged. */
  #acknowledgedOf({ sequence, skb }: TcpBuffer): number {
    if (this.acknowledged === NONE) return 0;
    return Math.min(skb.len, Math.max(0, distance(sequence, this.acknowledged)));
  }

  /** RFC 6298, sections 2 and 3 (tcp_rtt_estimator). */
  #measure(sampleNs: number): void {
    if (this.#roundTripNs === 0) {
      this.#roundTripNs = sampleNs;
      this.#variationNs = Math.floor(sampleNs / 2);
      return;
    }
    const error = Math.abs(sampleNs - this.#roundTripNs);
    this.#variationNs += Math.floor((error - this.#variationNs) / 4);
    this.#roundTripNs += Math.floor((sampleNs - this.#roundTripNs) / 8);
  }

  #startTimer(): void {
    const { nowNs } = this.parts.host.ledger;
    const measured = this.#roundTripNs + Math.max(LEAST_TIMEOUT_NS, 4 * this.#variationNs);
    const timeoutNs = this.#roundTripNs === 0 ? this.#firstTimeoutNs : measured;
    this.#timer.start(nowNs + Math.min(MOST_TIMEOUT_NS, timeoutNs * 2 ** this.#timeouts));
  }
}
