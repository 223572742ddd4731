/**
 * A process of our host that sends: it writes what the captured host sent, in the order of the capture, into one socket for
 * each flow, and waits where a socket is full.
 *
 * What it does runs when no softirq is pending, one buffer a step. TCP payload is one stream for each flow: bytes that were
 * retransmitted are sent again, not written twice, and bytes that the capture lacks are left out. Segments without payload go
 * out at their place in the capture. Everything else is a datagram.
 *
 * Where the other end answers (`path=host-to-host`), what the captured host sent again is left out, since the socket itself sends
 * again what is lost, and a connection that begins anew waits until everything of the one before is acknowledged.
 *
 * Departures: one process for all sockets of a CPU, and what it waits for in one holds up the others. Nothing is lost at a full
 * queue discipline: sockets wait while as many frames are on their way as it holds (`ingress_gate.ts`).
 *
 * ```ts
 * process.put(packet, nowNs); // for each packet, and at the end
 * process.end(nowNs);
 * ```
 *
 * @module
 */

import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { type Cpu, SOFTIRQ, type Task } from "../sim/cpu.ts";
import { RemoteSoftirq } from "../sim/remote_softirq.ts";
import type { Skb } from "../skb/skb.ts";
import * as tcp from "../wire/tcp.ts";
import { maximumSegmentSize } from "../wire/tcp_options.ts";
import { type DatagramSender, DatagramSocket } from "./datagram_send.ts";
import type { Host } from "./host.ts";
import type { OutgoingPacket } from "./outgoing.ts";
import { distance } from "./tcp_buffer.ts";
import { type SocketParts, TcpSocket } from "./tcp_send.ts";

/** Payload that waits for the process, above which it takes no more. */
const WAITING_BYTES_MAX = 128 * 1024;
/** The same in packets. */
const WAITING_PACKETS_MAX = 256;

/** What a process sends with. */
export interface ProcessParts {
  /** What its TCP sockets share. */
  readonly sockets: Omit<SocketParts, "onWritable">;
  readonly datagrams: DatagramSender;
  /** A write ends where the capture says so. */
  readonly endsWrites: boolean;
}

/** One process, which stays on its CPU. */
export class SendingProcess implements Task {
  /** Called when it can take another packet, with the time. */
  onRoom: (nowNs: number) => void = () => {};
  /** Places where the capture lacks bytes of a stream. */
  gaps = 0;

  readonly #waiting: OutgoingPacket[] = [];
  #waitingBytes = 0;
  /** Payload bytes of the first packet that have been dealt with; NONE before it is looked at. */
  #done: number = NONE;
  /** How many of them had been written before, and whether the packet ends in the stream of its socket. */
  #again = 0;
  #endsInStream = false;
  readonly #tcpSockets = new Map<number, TcpSocket>();
  readonly #datagramSockets = new Map<number, DatagramSocket>();
  readonly #peerMss = new Map<number, number>();
  /** All TCP sockets there were, and how many of them have been closed at the end. */
  readonly #all: TcpSocket[] = [];
  #closed = 0;
  #isEnding = false;
  readonly #socketParts: SocketParts;
  readonly #softirq: RemoteSoftirq<Skb>;

  constructor(readonly host: Host, readonly cpu: Cpu<Skb>, readonly parts: ProcessParts) {
    this.#socketParts = { ...parts.sockets, onWritable: () => this.#goOn() };
    this.#softirq = new RemoteSoftirq(host.cpus, cpu, SOFTIRQ.process);
    cpu.onSoftirq(SOFTIRQ.process, this);
  }

  /** Packets that wait to be sent. */
  get length(): number {
    return this.#waiting.length;
  }

  get hasRoom(): boolean {
    return this.#waitingBytes < WAITING_BYTES_MAX && this.#waiting.length < WAITING_PACKETS_MAX;
  }

  /** Takes `packet` over, at `nowNs`. */
  put(packet: OutgoingPacket, nowNs: number): void {
    this.#waiting.push(packet);
    this.#waitingBytes += packet.payloadBytes;
    this.cpu.raise(SOFTIRQ.process, nowNs);
  }

  /** The gate has opened: sockets and process go on. */
  openGate(): void {
    this.parts.sockets.turns.openGate();
    this.#goOn();
  }

  /** The capture shows that the other side of `flow` has received everything in front of `number`. */
  acknowledge(flow: number, number: number): void {
    this.#socketOf(flow).acknowledge(number);
  }

  /** The other side of `flow` says how large the segments may be that it gets. */
  limitMss(flow: number, bytes: number): void {
    this.#peerMss.set(flow, bytes);
    this.#tcpSockets.get(flow)?.limitMss(bytes);
  }

  /** There is nothing more to send: sockets are closed when everything is written. */
  end(nowNs: number): void {
    this.#isEnding = true;
    this.cpu.raise(SOFTIRQ.process, nowNs);
  }

  /** Gives back what the sockets hold themselves. */
  release(): void {
    for (const socket of this.#all) socket.release();
  }

  step(): boolean {
    const packet = this.#waiting[0];
    if (packet === undefined) {
      if (this.#isEnding && this.#closed < this.#all.length) this.#closeNext();
      return false;
    }
    const isReady = packet.isTcp ? this.#sendSegment(packet) : this.#sendDatagram(packet);
    if (isReady) this.#goOn();
    return false;
  }

  /** The process is to run, if it has something to do. */
  #goOn(): void {
    if (this.#waiting.length > 0 || this.#isEnding) this.#softirq.raise();
  }

  #closeNext(): void {
    this.#all[this.#closed]!.close();
    this.#closed += 1;
    this.#goOn();
  }

  /** The first packet has been dealt with. */
  #finishPacket(packet: OutgoingPacket): void {
    this.#waiting.shift();
    this.#waitingBytes -= packet.payloadBytes;
    this.#done = NONE;
    packet.release(this.host.skbs.memory);
    this.onRoom(this.host.ledger.nowNs);
  }

  /** False when the socket is full. */
  #sendDatagram(packet: OutgoingPacket): boolean {
    let socket = this.#datagramSockets.get(packet.flow);
    if (socket === undefined) {
      socket = new DatagramSocket(() => this.#goOn());
      this.#datagramSockets.set(packet.flow, socket);
    }
    if (socket.isFull || !this.host.gate.isOpen) return false;
    this.parts.datagrams.send(packet, socket);
    this.#finishPacket(packet);
    return true;
  }

  /** Sends what is to be sent next of a TCP segment; false when the socket is full. */
  #sendSegment(packet: OutgoingPacket): boolean {
    if (this.#done === NONE) {
      if (this.#mustDrain(packet)) return false;
      this.#endsInStream = false;
      this.#again = this.#beginSegment(packet);
      this.#done = this.#again;
      this.#endsInStream ||= this.#again < packet.payloadBytes;
    }
    const { payloadBytes } = packet;
    const socket = this.#socketOf(packet.flow);
    if (socket.isGivenUp) {
      if (this.#endsInStream) this.#lose(packet, payloadBytes - this.#again, 1, REASON.retriesOver);
      this.#endsInStream = false;
    } else if (this.#done < payloadBytes) {
      if (socket.mustWait()) return false;
      this.#done += socket.write(packet, this.#done, payloadBytes - this.#done);
      if (this.#done < payloadBytes) return true;
      if (packet.endsWrite && this.parts.endsWrites) socket.endWrite();
    }
    if (this.#endsInStream) socket.notePacketEnd(packet.packet, payloadBytes - this.#again);
    this.#finishPacket(packet);
    return true;
  }

  /** A connection that begins anew waits until everything of the one before is acknowledged, where somebody does that. */
  #mustDrain(packet: OutgoingPacket): boolean {
    const socket = this.#tcpSockets.get(packet.flow);
    if (socket === undefined || socket.nextSequence === NONE) return false;
    const { u8 } = this.host.skbs.memory;
    const transportAt = packet.headers.at + packet.networkBytes;
    if ((tcp.flags(u8, transportAt) & tcp.FLAG_SYN) === 0) return false;
    if (socket.nextSequence === (tcp.sequence(u8, transportAt) + 1) >>> 0) return false;
    socket.interrupt();
    return socket.mustDrain();
  }

  /** What a segment is besides new bytes of the stream; returns how many of its bytes are none. */
  #beginSegment(packet: OutgoingPacket): number {
    const { u8 } = this.host.skbs.memory;
    const transportAt = packet.headers.at + packet.networkBytes;
    const flags = tcp.flags(u8, transportAt);
    let sequence = tcp.sequence(u8, transportAt);
    if ((flags & tcp.FLAG_SYN) !== 0) sequence = this.#sendSyn(packet, flags, sequence);
    const socket = this.#socketOf(packet.flow);
    const endsStream = (flags & tcp.FLAG_FIN) !== 0;
    if (packet.payloadBytes === 0 && !endsStream) {
      if ((flags & tcp.FLAG_SYN) === 0) socket.sendBare(packet);
      return 0;
    }
    const missing = socket.nextSequence === NONE ? 0 : distance(socket.nextSequence, sequence);
    if (missing > 0) {
      this.gaps += 1;
      socket.skipTo(sequence);
    }
    const again = missing < 0 ? Math.min(-missing, packet.payloadBytes) : 0;
    if (again > 0 && socket.isLooped) {
      this.#lose(packet, again, Number(again === packet.payloadBytes), REASON.capturedAgain);
    } else if (again > 0) socket.sendAgain(packet, 0, again);
    if (packet.payloadBytes === 0) {
      if (missing < 0) socket.sendBare(packet, tcp.FLAG_FIN);
      else this.#sendControl(socket, packet, tcp.FLAG_FIN);
    }
    return again;
  }

  #sendControl(socket: TcpSocket, packet: OutgoingPacket, flags: number): void {
    this.#endsInStream = true;
    if (!socket.isGivenUp) socket.sendControl(packet, flags);
  }

  /** `bytes` payload bytes of `packet` are not sent; `count` is 1 where it ends with them. */
  #lose(packet: OutgoingPacket, bytes: number, count: number, reason: number): void {
    const { ledger } = this.host;
    ledger.stage = STAGE.socket;
    ledger.write(EVENT.drop, reason, packet.packet, NONE, NONE, bytes, count, bytes);
  }

  /** A connection begins, or says so again; returns the number of the first byte behind SYN. */
  #sendSyn(packet: OutgoingPacket, flags: number, sequence: number): number {
    const first = (sequence + 1) >>> 0;
    let socket = this.#socketOf(packet.flow);
    const isAgain = socket.nextSequence === first;
    if (socket.nextSequence !== NONE && !isAgain) {
      socket.interrupt();
      socket = this.#openSocket(packet.flow);
    }
    // The answer to a SYN is sent before there is a socket that could keep it (tcp_v4_send_synack).
    const { u8 } = this.host.skbs.memory;
    const transportAt = packet.headers.at + packet.networkBytes;
    const mss = maximumSegmentSize(u8, transportAt, packet.headerBytes - packet.networkBytes);
    // Hosts of the run announce what their MTU says.
    if (mss !== undefined && !socket.isLooped) socket.limitMss(mss);
    if (isAgain || (flags & tcp.FLAG_ACK) !== 0) socket.sendBare(packet, tcp.FLAG_SYN);
    else this.#sendControl(socket, packet, tcp.FLAG_SYN);
    if (socket.nextSequence !== first) socket.skipTo(first);
    return first;
  }

  #socketOf(flow: number): TcpSocket {
    return this.#tcpSockets.get(flow) ?? this.#openSocket(flow);
  }

  #openSocket(flow: number): TcpSocket {
    const socket = new TcpSocket(this.#socketParts, flow);
    socket.limitMss(this.#peerMss.get(flow) ?? Infinity);
    this.#tcpSockets.set(flow, socket);
    this.#all.push(socket);
    return socket;
  }
}
