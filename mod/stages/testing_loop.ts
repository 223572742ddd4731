/**
 * What the tests of TCP over two hosts share: sockets of one host alone, whose packets end in the hands of the test. Not part of
 * the library.
 *
 * @module
 */

import { SOFTIRQ } from "../sim/cpu.ts";
import { Frag, type Skb } from "../skb/skb.ts";
import { REASON } from "../ledger/schema.ts";
import * as tcp from "../wire/tcp.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { tcpFrame } from "../replay/testing.ts";
import { OutgoingPacket } from "./outgoing.ts";
import { SocketTurns } from "./socket_turns.ts";
import { TcpConnections } from "./tcp_connection.ts";
import { TcpSocket } from "./tcp_send.ts";
import { StageFixture } from "./testing.ts";

const HEADER_BYTES = 40;

/** A segment that left its socket. */
export interface LeftSegment {
  readonly tNs: number;
  readonly sequence: number;
  readonly bytes: number;
  readonly sourcePort: number;
}

/** A sending socket whose window is `windowKib`, with Linux 4.4's buffers of one segment of 1000 bytes. */
export class LoopFixture extends StageFixture {
  readonly segments: LeftSegment[] = [];
  readonly connections: TcpConnections;
  readonly socket: TcpSocket;
  readonly turns: SocketTurns;
  #packets = 0;

  constructor(windowKib: number) {
    super();
    const { host } = this;
    this.connections = new TcpConnections(windowKib * 1024);
    this.turns = new SocketTurns(host, host.cpu);
    this.socket = new TcpSocket({
      host,
      output: { process: (skb) => this.#leave(skb) },
      innerMtu: { ipv4: 1040, ipv6: 1040 },
      gso: false,
      maxSegments: 1,
      writeBytes: 65536,
      turns: this.turns,
      connections: this.connections,
      onWritable: () => {},
    }, 0);
  }

  /** Does something in a step of the CPU, at `tNs`, when `run()` is called. */
  at(tNs: number, act: () => void): void {
    this.engine.schedule(tNs, {
      wake: (nowNs) => {
        const { cpu } = this.host;
        cpu.onSoftirq(SOFTIRQ.netTx, { step: () => (this.#once(act), false) });
        cpu.raise(SOFTIRQ.netTx, nowNs);
      },
    });
  }

  /** Writes `segments` segments of 1000 bytes. */
  write(segments: number): void {
    for (let i = 0; i < segments; i++) {
      const packet = this.#packet();
      for (let at = 0; at < packet.payloadBytes;) {
        at += this.socket.write(packet, at, packet.payloadBytes - at);
      }
      this.socket.notePacketEnd(packet.packet, packet.payloadBytes);
      packet.release(this.host.skbs.memory);
    }
    this.socket.endWrite();
  }

  /** The other end has everything in front of `number`, and takes `windowBytes` bytes from there on. */
  acknowledge(number: number, windowBytes: number = this.connections.windowBytes): void {
    this.connections.of(0)!.sender!.acknowledge(number, windowBytes);
  }

  #done = new Set<() => void>();

  #once(act: () => void): void {
    if (this.#done.has(act)) return;
    this.#done.add(act);
    act();
  }

  #packet(): OutgoingPacket {
    const { memory } = this.host.skbs;
    const index = this.#packets++;
    const frame = tcpFrame({ payloadBytes: 1000, sequence: 1000 + 1000 * index, pattern: index });
    const headers = memory.allocate(HEADER_BYTES);
    memory.u8.set(frame.subarray(ETH_HLEN, ETH_HLEN + HEADER_BYTES), headers.at);
    const payload = memory.allocate(1000);
    memory.u8.set(frame.subarray(ETH_HLEN + HEADER_BYTES), payload.at);
    const packet = new OutgoingPacket(index, headers);
    Object.assign(packet, { flow: 0, isTcp: true, networkBytes: 20, headerBytes: HEADER_BYTES, payloadBytes: 1000 });
    packet.pieces.push(new Frag(payload, 0, 1000));
    return packet;
  }

  #leave(skb: Skb): void {
    const { ledger, gate, skbs } = this.host;
    const tcpAt = skb.head.at + skb.transportHeader;
    this.segments.push({
      tNs: ledger.nowNs,
      sequence: tcp.sequence(skbs.memory.u8, tcpAt),
      bytes: skb.len - HEADER_BYTES,
      sourcePort: tcp.sourcePort(skbs.memory.u8, tcpAt),
    });
    // As ESP in transport mode does: the headers that clone and buffer share are written over.
    skbs.memory.u8.fill(0xee, skb.dataAt, skb.dataAt + HEADER_BYTES);
    gate.leave(1);
    skbs.free(skb, REASON.sent);
  }
}
