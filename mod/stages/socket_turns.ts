/**
 * Sockets that have something to do outside of a write: because what they sent has left, because it was acknowledged, or
 * because the gate has opened.
 *
 * net/ipv4/tcp_output.c: tcp_tasklet_func, tcp_tsq_handler (4.4 and 6.1). One socket is one step.
 *
 * @module
 */

import { type Cpu, SOFTIRQ, type Task } from "../sim/cpu.ts";
import { RemoteSoftirq } from "../sim/remote_softirq.ts";
import type { Skb } from "../skb/skb.ts";
import type { Host } from "./host.ts";

/** Looks again at what it may send when it has its turn. */
export interface TurnTaker {
  /** It waits for its turn already. */
  hasTurn: boolean;
  /** Its turn has come. */
  resume(): void;
}

/** Lets sockets of one CPU go on. */
export class SocketTurns implements Task {
  readonly #turns: TurnTaker[] = [];
  readonly #atGate: TurnTaker[] = [];
  readonly #softirq: RemoteSoftirq<Skb>;

  constructor(host: Host, cpu: Cpu<Skb>) {
    this.#softirq = new RemoteSoftirq(host.cpus, cpu, SOFTIRQ.tasklet);
    cpu.onSoftirq(SOFTIRQ.tasklet, this);
  }

  /** `socket` has its turn as soon as the CPU comes to it. */
  add(socket: TurnTaker): void {
    if (socket.hasTurn) return;
    socket.hasTurn = true;
    this.#turns.push(socket);
    this.#softirq.raise();
  }

  /** `socket` has its turn when the gate has opened. */
  addWhenOpen(socket: TurnTaker): void {
    if (!this.#atGate.includes(socket)) this.#atGate.push(socket);
  }

  /** The gate has opened. */
  openGate(): void {
    for (const socket of this.#atGate.splice(0)) this.add(socket);
  }

  step(): boolean {
    const socket = this.#turns.shift();
    if (socket === undefined) return false;
    socket.hasTurn = false;
    socket.resume();
    return this.#turns.length > 0;
  }
}
