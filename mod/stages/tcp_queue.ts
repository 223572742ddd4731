/**
 * The queue of a TCP socket: buffers that wait to be sent, and behind them in time those that were sent and wait to be
 * acknowledged.
 *
 * The write queue and the retransmit queue of a socket (net/ipv4/tcp_output.c: tcp_event_new_data_sent, tcp_fragment,
 * tso_fragment; net/ipv4/tcp_input.c: tcp_clean_rtx_queue; 4.4 and 6.1).
 *
 * @module
 */

import { NONE, REASON } from "../ledger/schema.ts";
import { headerRelease } from "../skb/clone_ops.ts";
import type { SkbMemory } from "../skb/skb_memory.ts";
import { distance, TcpBuffer } from "./tcp_buffer.ts";
import { keptBytes } from "./tcp_headers.ts";
import { splitNamed } from "./tcp_members.ts";

/** Buffers that were sent are moved to the front of their array when so many in front of them are gone. */
const COMPACT_AT = 1024;

/** The queue of one socket. */
export class TcpQueue {
  /** Payload that waits to be sent. */
  unsentBytes = 0;
  /** Payload that waits to be acknowledged. */
  sentBytes = 0;

  readonly #unsent: TcpBuffer[] = [];
  readonly #sent: TcpBuffer[] = [];
  #firstSent = 0;

  /** `gso`: buffers may be larger than a segment. */
  constructor(readonly skbs: SkbMemory, readonly gso: boolean) {}

  /** Buffers that wait to be sent. */
  get unsentLength(): number {
    return this.#unsent.length;
  }

  /** The buffer that is sent next. */
  get firstUnsent(): TcpBuffer | undefined {
    return this.#unsent[0];
  }

  /** The buffer that was added last, if it has not been sent. */
  get lastUnsent(): TcpBuffer | undefined {
    return this.#unsent.at(-1);
  }

  /** Of the buffers that were sent, the one with the lowest numbers. */
  get firstSent(): TcpBuffer | undefined {
    return this.#sent[this.#firstSent];
  }

  /** Number behind the last byte that was sent, of which there is one. */
  get sentEnd(): number {
    return this.#sent.at(-1)!.end;
  }

  /** Of the buffers that were sent, the first that ends behind `number`; NONE for the first of all. */
  firstBehind(number: number): TcpBuffer | undefined {
    for (let i = this.#firstSent; i < this.#sent.length; i++) {
      const buffer = this.#sent[i]!;
      if (number === NONE || distance(number, buffer.end) > 0) return buffer;
    }
    return undefined;
  }

  /** Adds a buffer that waits to be sent; its payload counts as it is appended. */
  add(buffer: TcpBuffer): void {
    this.#unsent.push(buffer);
  }

  /** `bytes` bytes of payload were appended to the last buffer. */
  grow(bytes: number): void {
    this.unsentBytes += bytes;
  }

  /** The first buffer that waits, which there is, is sent now. */
  takeUnsent(): TcpBuffer {
    const buffer = this.#unsent.shift()!;
    buffer.isOpen = false;
    this.unsentBytes -= buffer.skb.len;
    this.addSent(buffer);
    return buffer;
  }

  /** The first buffer that waits is cut behind its first `bytes` bytes; only the rest may still grow. */
  cutUnsent(bytes: number): void {
    const buffer = this.#unsent[0]!;
    const rest = this.#split(buffer, bytes);
    rest.isOpen = buffer.isOpen;
    buffer.isOpen = false;
    this.#unsent.splice(1, 0, rest);
  }

  /** Adds a buffer of which a clone is sent now, at the place that its numbers have. */
  addSent(buffer: TcpBuffer): void {
    this.#insertSent(buffer);
    this.sentBytes += buffer.skb.len;
  }

  /** The first buffer that was sent and has a byte numbered `sequence` or higher. */
  sentFrom(sequence: number): TcpBuffer | undefined {
    for (let i = this.#firstSent; i < this.#sent.length; i++) {
      const { skb, sequence: first } = this.#sent[i]!;
      if (skb.len > 0 && distance(sequence, first) + skb.len > 0) return this.#sent[i]!;
    }
    return undefined;
  }

  /** Cuts a buffer out of `found`, which was sent: it begins with number `sequence` and has `most` bytes at most. */
  cutSent(found: TcpBuffer, sequence: number, most: number): TcpBuffer {
    const inFront = distance(found.sequence, sequence);
    const buffer = inFront > 0 ? this.#split(found, inFront) : found;
    if (inFront > 0) this.#insertSent(buffer);
    if (buffer.skb.len > most) this.#insertSent(this.#split(buffer, most));
    return buffer;
  }

  /** The first buffer that was sent, which there is, has been acknowledged. */
  dropSent(): void {
    const { skb } = this.#sent[this.#firstSent]!;
    this.#firstSent += 1;
    this.sentBytes -= skb.len;
    this.skbs.free(skb, REASON.acknowledged);
    if (this.#firstSent < COMPACT_AT) return;
    this.#sent.splice(0, this.#firstSent);
    this.#firstSent = 0;
  }

  /** Frees everything: the connection is given up. */
  abandon(): void {
    for (const { skb } of this.#unsent) this.skbs.free(skb, REASON.dropped);
    for (let i = this.#firstSent; i < this.#sent.length; i++) this.skbs.free(this.#sent[i]!.skb, REASON.dropped);
    this.#unsent.length = 0;
    this.#sent.length = 0;
    this.#firstSent = 0;
    this.unsentBytes = 0;
    this.sentBytes = 0;
  }

  #insertSent(buffer: TcpBuffer): void {
    const sent = this.#sent;
    let at = sent.length;
    while (at > this.#firstSent && distance(buffer.sequence, sent[at - 1]!.sequence) > 0) at -= 1;
    if (at === sent.length) sent.push(buffer);
    else sent.splice(at, 0, buffer);
  }

  /** Cuts `buffer` behind its first `bytes` bytes; what is said of its end goes with the rest, which is returned. */
  #split(buffer: TcpBuffer, bytes: number): TcpBuffer {
    const { skbs } = this;
    const kept = keptBytes(buffer.skb);
    const skb = splitNamed(skbs, buffer.skb, bytes, this.gso);
    headerRelease(skb);
    skbs.memory.move(buffer.skb.dataAt - kept, skb.dataAt - kept, kept);
    const rest = new TcpBuffer(buffer.memory, skb, (buffer.sequence + bytes) >>> 0, buffer.mss);
    rest.flags = buffer.flags;
    rest.controlNumbers = buffer.controlNumbers;
    rest.isOpen = false;
    buffer.flags = 0;
    buffer.controlNumbers = 0;
    return rest;
  }
}
