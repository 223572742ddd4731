/**
 * What is written to a TCP socket becomes buffers of its queue, one after the other.
 *
 * net/ipv4/tcp.c: tcp_sendmsg, tcp_skb_entail, tcp_mark_push; net/ipv4/tcp_output.c: tcp_current_mss, tcp_send_fin,
 * tcp_send_ack, tcp_connect (4.4 and 6.1). The last buffer takes bytes until it is full, has been sent, or is closed because
 * what follows has headers of another length. How buffers are laid out is said in `tcp_build.ts`.
 *
 * @module
 */

import { NONE, STAGE } from "../ledger/schema.ts";
import { headerRelease } from "../skb/clone_ops.ts";
import { packetAt } from "../skb/members.ts";
import type { Skb } from "../skb/skb.ts";
import * as ip from "../wire/ip.ts";
import * as tcp from "../wire/tcp.ts";
import type { OutgoingPacket } from "./outgoing.ts";
import { TcpBuilder } from "./tcp_build.ts";
import { type SendMemory, TcpBuffer } from "./tcp_buffer.ts";
import type { TcpConnection } from "./tcp_connection.ts";
import { keepHeaders, keptBytes, type PacketHeaders, RememberedHeaders } from "./tcp_headers.ts";
import { addBytes, nameBytes } from "./tcp_members.ts";
import type { TcpQueue } from "./tcp_queue.ts";
import type { SocketParts } from "./tcp_send.ts";

/** Gathers what one socket is to send. */
export class TcpGather {
  /** Number of the byte that is written next; NONE before the first. */
  nextSequence: number = NONE;

  readonly #builder: TcpBuilder;
  /** Bytes that the write that goes on may still bring; 0 between two writes. */
  #writeLeft = 0;
  /** Headers for what is sent again; null where nothing is but what the capture has. */
  readonly #remembered: RememberedHeaders | null;
  /** Largest segment that both sides take, options included (mss_clamp). */
  #mssLimit = Infinity;

  /** `memory` counts what is on its way of the socket whose queue is `queue`; `connection` as in `SocketParts.connections`. */
  constructor(
    readonly parts: SocketParts,
    readonly queue: TcpQueue,
    readonly memory: SendMemory,
    readonly connection: TcpConnection | null,
  ) {
    const { host, gso, maxSegments } = parts;
    this.#builder = new TcpBuilder(host.skbs, host.config, gso ? maxSegments : 1);
    this.#remembered = connection === null ? null : new RememberedHeaders(host.skbs.memory);
  }

  /** A write has begun and is not over. */
  get isWriting(): boolean {
    return this.#writeLeft > 0;
  }

  /** Gives back what is held here. */
  release(): void {
    this.#builder.release();
    this.#remembered?.release();
  }

  /** Headers for `skb`, a buffer that is sent again. */
  headersFor(skb: Skb): PacketHeaders | null {
    return this.#remembered?.of(skb) ?? null;
  }

  /** A side has said how large segments may be, options included (option of its SYN, TCP_MAXSEG). */
  limitMss(bytes: number): void {
    this.#mssLimit = Math.min(this.#mssLimit, bytes);
  }

  /** Number of the first byte of `from`, or of what it says besides bytes. */
  sequenceOf(from: OutgoingPacket): number {
    return tcp.sequence(this.parts.host.skbs.memory.u8, from.headers.at + from.networkBytes);
  }

  /**
   * Appends up to `most` payload bytes of `from`, from byte `at` on, to the last buffer; returns how many, which may be 0.
   * Ends where the buffer is full or the write is over; a FIN goes with the last byte, and ends the write.
   */
  write(from: OutgoingPacket, at: number, most: number): number {
    this.parts.host.ledger.stage = STAGE.socket;
    if (this.#writeLeft === 0) this.#beginWrite(from);
    const buffer = this.#openBuffer(from);
    const { skb, mss } = buffer;
    const goal = this.#builder.sizeGoal(mss);
    const taken = this.#builder.append(skb, mss, from, at, Math.min(most, this.#writeLeft, goal - skb.len));
    if (taken > 0) this.#noteBytes(buffer, from, at, taken);
    if (taken === 0 || skb.len === goal) buffer.isOpen = false;
    if (this.#writeLeft === 0) this.endWrite();
    return taken;
  }

  /** The write that goes on is over: the last buffer says so (tcp_mark_push). */
  endWrite(): void {
    this.#writeLeft = 0;
    const last = this.queue.lastUnsent;
    if (last !== undefined) last.flags |= tcp.FLAG_PSH;
  }

  /** Adds SYN, or FIN without payload: a buffer that waits to be acknowledged. */
  addControl(from: OutgoingPacket, flags: number): void {
    const skb = this.bareBuffer(from);
    headerRelease(skb);
    this.#keep(skb);
    this.#remembered?.remember(from);
    this.#setControl(this.#addBuffer(skb, from, 1), flags);
  }

  /** A buffer that has headers only, kept in front of it. */
  bareBuffer(from: OutgoingPacket): Skb {
    const skb = this.#builder.bareBuffer(0);
    nameBytes(skb, from, 0, 0, false);
    skb.flow = from.flow;
    skb.hash = from.hash;
    keepHeaders(this.parts.host.skbs.memory, skb, from);
    return skb;
  }

  /** A buffer that has headers only, the newest that are as long as those of `like`, of which the other end gets no packet. */
  probeLike(like: Skb): Skb {
    const skb = this.#builder.bareBuffer(0);
    skb.packet = packetAt(like, 0);
    skb.isKept = true;
    skb.flow = like.flow;
    skb.hash = like.hash;
    keepHeaders(this.parts.host.skbs.memory, skb, this.headersFor(like)!);
    return skb;
  }

  /** Bytes that the queue does not hold any more: a buffer of `most` of them at most, as if they were written now. */
  rewrite(from: OutgoingPacket, at: number, most: number): TcpBuffer {
    const mss = this.#mssOf(from);
    const skb = this.#builder.newBuffer(mss);
    skb.flow = from.flow;
    skb.hash = from.hash;
    const goal = Math.min(most, this.#builder.sizeGoal(mss));
    for (let taken = -1; taken !== 0 && skb.len < goal;) {
      taken = this.#builder.append(skb, mss, from, at + skb.len, goal - skb.len);
    }
    const buffer = new TcpBuffer(this.memory, skb, (this.sequenceOf(from) + at) >>> 0, mss);
    buffer.isOpen = false;
    return buffer;
  }

  #beginWrite(from: OutgoingPacket): void {
    this.#writeLeft = this.parts.writeBytes;
    this.parts.host.ledger.visit(STAGE.socket, from.packet, NONE, 0, 1);
  }

  /** The buffer that takes the next bytes: the last one while headers stay as long, else a new one. */
  #openBuffer(from: OutgoingPacket): TcpBuffer {
    const last = this.queue.lastUnsent;
    if (last !== undefined && last.isOpen && keptBytes(last.skb) === from.headerBytes) return last;
    if (last !== undefined) last.isOpen = false;
    const mss = this.#mssOf(from);
    return this.#addBuffer(this.#builder.newBuffer(mss), from, mss);
  }

  #addBuffer(skb: Skb, from: OutgoingPacket, mss: number): TcpBuffer {
    if (this.nextSequence === NONE) this.nextSequence = this.sequenceOf(from);
    this.connection?.begin(this.nextSequence);
    skb.flow = from.flow;
    skb.hash = from.hash;
    const buffer = new TcpBuffer(this.memory, skb, this.nextSequence, mss);
    this.queue.add(buffer);
    return buffer;
  }

  /** Path MTU and the limit of both sides, less the headers that every segment has (tcp_current_mss). */
  #mssOf(from: OutgoingPacket): number {
    const { innerMtu, host } = this.parts;
    const mtu = ip.isIpv6(host.skbs.memory.u8, from.headers.at) ? innerMtu.ipv6 : innerMtu.ipv4;
    const optionBytes = from.headerBytes - from.networkBytes - tcp.HEADER_BYTES;
    return Math.max(1, Math.min(mtu - from.headerBytes, this.#mssLimit - optionBytes, this.#halfWindow));
  }

  /** A segment takes half of the window at most (tcp_bound_to_half_wnd). */
  get #halfWindow(): number {
    const { connections } = this.parts;
    return connections === null ? Infinity : Math.floor(connections.windowBytes / 2);
  }

  /** Where the other end answers, captured packets end there. */
  #keep(skb: Skb): void {
    if (this.connection === null) return;
    skb.isKept = true;
    skb.payloadBytes = 0;
  }

  #noteBytes(buffer: TcpBuffer, from: OutgoingPacket, at: number, bytes: number): void {
    const { host, gso } = this.parts;
    const { memory } = host.skbs;
    addBytes(buffer.skb, from, at, bytes, gso);
    this.#keep(buffer.skb);
    this.#remembered?.remember(from);
    keepHeaders(memory, buffer.skb, from);
    this.nextSequence = (this.nextSequence + bytes) >>> 0;
    this.queue.grow(bytes);
    this.#writeLeft -= bytes;
    const isFinal = (tcp.flags(memory.u8, from.headers.at + from.networkBytes) & tcp.FLAG_FIN) !== 0;
    if (!isFinal || at + bytes < from.payloadBytes) return;
    this.#setControl(buffer, tcp.FLAG_FIN);
    this.#writeLeft = 0;
  }

  #setControl(buffer: TcpBuffer, flags: number): void {
    buffer.flags |= flags;
    buffer.controlNumbers = 1;
    buffer.isOpen = false;
    this.nextSequence = buffer.end;
  }
}
