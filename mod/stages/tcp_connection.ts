/**
 * What both ends of a TCP connection know of its stream, before any packet says so (`path=host-to-host`).
 *
 * The sending socket says with which number the stream begins, where the captured packets end in it, and which numbers the
 * capture lacks. The receiving end looks that up as its stream goes on: so a captured packet ends when all bytes in front of
 * its end are there, whatever was lost, sent again, cut or merged on the way.
 *
 * Departures: connections are taken to be established: SYN and FIN are sent and acknowledged like data, and nothing waits for
 * them. Numbers that the capture lacks count as received.
 *
 * ```ts
 * const connection = connections.open(flow);
 * connection.begin(1000);
 * connection.addEnd(2448, packet, 1448); // the captured packet ends in front of number 2448
 * connection.takeEnd(2448); // { packet, payloadBytes: 1448 }
 * ```
 *
 * @module
 */

import { NONE } from "../ledger/schema.ts";
import { distance } from "./tcp_buffer.ts";

/** Where a captured packet ends. */
export interface StreamEnd {
  /** Number behind its last byte, modulo 2^32. */
  readonly number: number;
  /** The captured packet. */
  readonly packet: number;
  /** Its bytes of the stream. */
  readonly payloadBytes: number;
}

/** Numbers that the capture lacks. */
interface StreamGap {
  readonly from: number;
  readonly to: number;
}

/** The end that sends. */
export interface StreamSender {
  /** Everything in front of `number` has arrived, and the other side takes `windowBytes` bytes from there on. */
  acknowledge(number: number, windowBytes: number): void;
}

/** The end that receives. */
export interface StreamReceiver {
  /** Nothing more is going to be sent: an acknowledgment that waits for its timer goes out now. */
  finish(nowNs: number): void;
  /** Gives back what is held here. */
  release(): void;
}

/** Ends and gaps that are done with are cut off when there are so many. */
const COMPACT_AT = 1024;

/** One connection. */
export class TcpConnection {
  /** Number of its first byte, or of its SYN; NONE before the first is written. */
  first: number = NONE;
  /** Both ends, as soon as they are there. */
  sender: StreamSender | null = null;
  receiver: StreamReceiver | null = null;
  /** Nothing more is going to be written. */
  isEnding = false;

  readonly #ends: StreamEnd[] = [];
  #firstEnd = 0;
  readonly #gaps: StreamGap[] = [];

  /** Captured packets that have not ended yet. */
  get openPackets(): number {
    return this.#ends.length - this.#firstEnd;
  }

  /** The stream begins with `number`, unless it has begun. */
  begin(number: number): void {
    if (this.first === NONE) this.first = number;
  }

  /** A captured packet with `payloadBytes` bytes of the stream ends in front of `number`; packets come in order. */
  addEnd(number: number, packet: number, payloadBytes: number): void {
    this.#ends.push({ number, packet, payloadBytes });
  }

  /** The next captured packet that ends in front of `number` or before; undefined when there is none. */
  takeEnd(number: number): StreamEnd | undefined {
    const end = this.#ends[this.#firstEnd];
    if (end === undefined || distance(end.number, number) < 0) return undefined;
    return this.#shiftEnd();
  }

  /** The next captured packet, wherever it ends; undefined when there is none. */
  giveUpEnd(): StreamEnd | undefined {
    return this.#firstEnd < this.#ends.length ? this.#shiftEnd() : undefined;
  }

  /** The stream goes on with number `to` behind `from`. */
  addGap(from: number, to: number): void {
    this.#gaps.push({ from, to });
  }

  /** With which number the stream goes on, when everything in front of `number` is there. */
  behindGap(number: number): number {
    let next = number;
    while (this.#gaps.length > 0 && this.#gaps[0]!.from === next) next = this.#gaps.shift()!.to;
    return next;
  }

  #shiftEnd(): StreamEnd {
    const end = this.#ends[this.#firstEnd]!;
    this.#firstEnd += 1;
    if (this.#firstEnd >= COMPACT_AT) {
      this.#ends.splice(0, this.#firstEnd);
      this.#firstEnd = 0;
    }
    return end;
  }
}

/** All connections between two hosts, by the flow of what is sent. */
export class TcpConnections {
  /** Time during which at least one socket had something to send that the window did not take, in ns. */
  blockedNs = 0;

  readonly #byFlow = new Map<number, TcpConnection>();
  readonly #all: TcpConnection[] = [];
  #blocked = 0;
  #blockedSinceNs = 0;

  constructor(
    /** What the receiving socket takes at once, in bytes: no more than that is on its way. */
    readonly windowBytes: number,
  ) {}

  /** Captured packets that have not ended yet. */
  get openPackets(): number {
    return this.#all.reduce((sum, { openPackets }) => sum + openPackets, 0);
  }

  /** A new connection of `flow`; the one before, if any, is over. */
  open(flow: number): TcpConnection {
    const connection = new TcpConnection();
    this.#byFlow.set(flow, connection);
    this.#all.push(connection);
    return connection;
  }

  /** The connection of `flow`; undefined when nothing was written yet. */
  of(flow: number): TcpConnection | undefined {
    return this.#byFlow.get(flow);
  }

  /** A socket has met its window at `nowNs`, or the window of one has opened. */
  countBlocked(change: 1 | -1, nowNs: number): void {
    if (this.#blocked > 0) this.blockedNs += Math.max(0, nowNs - this.#blockedSinceNs);
    this.#blockedSinceNs = nowNs;
    this.#blocked += change;
  }

  /** Gives back what the receiving ends hold. */
  release(): void {
    for (const { receiver } of this.#all) receiver?.release();
  }
}
