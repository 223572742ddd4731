/**
 * The processes of our host that send, one on each networking CPU, and which of them has which flow.
 *
 * Flows are dealt out in turn, in the order of their first packet, and stay where they are: socket, process, and the turns
 * that a socket takes when what it sent has left.
 *
 * Departures: no process moves to another CPU. A socket's turn comes on its own CPU, whichever cleans the TX ring, as where
 * each CPU has a TX queue; Linux takes the CPU of the completion (tcp_wfree).
 *
 * ```ts
 * sender.put(packet, nowNs); // for each packet, and at the end
 * sender.end(nowNs);
 * ```
 *
 * @module
 */

import type { Cpu } from "../sim/cpu.ts";
import type { Skb } from "../skb/skb.ts";
import type { DatagramSender } from "./datagram_send.ts";
import type { Host } from "./host.ts";
import type { OutgoingPacket } from "./outgoing.ts";
import { SendingProcess } from "./sending_process.ts";
import { SocketTurns } from "./socket_turns.ts";
import type { SocketParts } from "./tcp_send.ts";

/** What processes send with. */
export interface SenderParts {
  /** What TCP sockets share. */
  readonly sockets: Omit<SocketParts, "onWritable" | "turns">;
  readonly datagrams: DatagramSender;
  /** A write ends where the capture says so. */
  readonly endsWrites: boolean;
}

/** All sending processes of one host. */
export class Sender {
  readonly #processes: readonly SendingProcess[];
  readonly #processOfFlow = new Map<number, SendingProcess>();

  constructor(readonly host: Host, parts: SenderParts) {
    const processOf = (cpu: Cpu<Skb>): SendingProcess => {
      return new SendingProcess(host, cpu, {
        ...parts,
        sockets: { ...parts.sockets, turns: new SocketTurns(host, cpu) },
      });
    };
    this.#processes = host.netCpus.map(processOf);
    host.gate.onOpen = () => {
      for (const process of this.#processes) process.openGate();
    };
  }

  /** Lets sockets of the first CPU go on. */
  get turns(): SocketTurns {
    return this.#processes[0]!.parts.sockets.turns;
  }

  /** Called when a process can take another packet, with the time. */
  set onRoom(onRoom: (nowNs: number) => void) {
    for (const process of this.#processes) process.onRoom = onRoom;
  }

  /** Places where the capture lacks bytes of a stream. */
  get gaps(): number {
    return this.#processes.reduce((sum, process) => sum + process.gaps, 0);
  }

  /** Packets that wait to be sent. */
  get length(): number {
    return this.#processes.reduce((sum, process) => sum + process.length, 0);
  }

  /** Whichever process the next packet is for, it can take it. */
  get hasRoom(): boolean {
    return this.#processes.every((process) => process.hasRoom);
  }

  /** Takes `packet` over, at `nowNs`. */
  put(packet: OutgoingPacket, nowNs: number): void {
    this.#processOf(packet.flow).put(packet, nowNs);
  }

  /** The capture shows that the other side of `flow` has received everything in front of `number`. */
  acknowledge(flow: number, number: number): void {
    this.#processOf(flow).acknowledge(flow, number);
  }

  /** The other side of `flow` says how large the segments may be that it gets. */
  limitMss(flow: number, bytes: number): void {
    this.#processOf(flow).limitMss(flow, bytes);
  }

  /** There is nothing more to send: sockets are closed when everything is written. */
  end(nowNs: number): void {
    for (const process of this.#processes) process.end(nowNs);
  }

  /** Gives back what the sockets hold themselves. */
  release(): void {
    for (const process of this.#processes) process.release();
  }

  #processOf(flow: number): SendingProcess {
    let process = this.#processOfFlow.get(flow);
    if (process === undefined) {
      process = this.#processes[this.#processOfFlow.size % this.#processes.length]!;
      this.#processOfFlow.set(flow, process);
    }
    return process;
  }
}
