/**
 * The process that reads sockets, on a CPU of its own (`reader_cpu=own`, `path=host-to-host`).
 *
 * net/ipv4/tcp.c: tcp_recvmsg; net/core/sock.c: sock_def_readable (4.4 and 6.1). A scheduler with idle CPUs does not run a
 * process where softirqs take all the time: what one CPU delivers, a process on another reads and frees. It reads as long as
 * something is there, 64 KiB in one call at most, then its other sockets have their turn. One buffer is one step.
 *
 * Departures: waking it, its system calls and the caches that do not have what another CPU wrote cost nothing and take no time.
 * No socket is ever locked: what comes while the process reads is taken by softirq all the same (no sk_backlog). One process
 * for all sockets of a CPU.
 *
 * ```ts
 * socket.unread.put(skb, end, bytes, nowNs); // in softirq
 * process.notify(socket);
 * ```
 *
 * @module
 */

import { type Cpu, SOFTIRQ, type Task } from "../sim/cpu.ts";
import type { Actor } from "../sim/engine.ts";
import { RemoteSoftirq } from "../sim/remote_softirq.ts";
import type { Skb } from "../skb/skb.ts";
import type { Host } from "./host.ts";
import type { ReceiveQueue } from "./receive_queue.ts";

/** Bytes of one read at most: as many as a sending process writes at once. */
const READ_BYTES = 65536;

/** A socket that such a process reads. */
export interface ReadSocket {
  /** It has its place among the sockets that are to be read. */
  isReadable: boolean;
  /** What waits in it. */
  readonly unread: ReceiveQueue;
  /** The process reads the first buffer of `unread`, which there is, and frees it; returns how many bytes it read. */
  readFirst(): number;
  /** The process has read as much as it wanted, or all (tcp_cleanup_rbuf). */
  endRead(): void;
}

/** One process, which stays on its CPU. */
export class ReadingProcess implements Task, Actor {
  readonly #sockets: ReadSocket[] = [];
  /** Bytes of the read that goes on. */
  #readBytes = 0;
  readonly #softirq: RemoteSoftirq<Skb>;

  constructor(host: Host, readonly cpu: Cpu<Skb>) {
    this.#softirq = new RemoteSoftirq(host.cpus, cpu, SOFTIRQ.process);
    cpu.onSoftirq(SOFTIRQ.process, this);
  }

  /** Something has come to `socket` (sk_data_ready). */
  notify(socket: ReadSocket): void {
    if (socket.isReadable) return;
    socket.isReadable = true;
    this.#sockets.push(socket);
    this.#softirq.raise();
  }

  /** What the CPU that delivers was ahead with has come. */
  wake(nowNs: number): void {
    this.cpu.raise(SOFTIRQ.process, nowNs);
  }

  step(): boolean {
    const { cpu } = this;
    const socket = this.#sockets[0];
    const first = socket?.unread.first ?? null;
    if (socket === undefined || first === null) return false;
    if (first.sinceNs > cpu.nowNs) {
      cpu.engine.schedule(first.sinceNs, this);
      return false;
    }
    this.#readBytes += socket.readFirst();
    if (this.#readBytes >= READ_BYTES || !this.#isThere(socket)) this.#endRead(socket);
    if (this.#sockets.length > 0) cpu.raise(SOFTIRQ.process, cpu.nowNs);
    return false;
  }

  /** Whether something can be read now: the CPU that delivers may be ahead by less than a step. */
  #isThere({ unread: { first } }: ReadSocket): boolean {
    return first !== null && first.sinceNs <= this.cpu.nowNs;
  }

  #endRead(socket: ReadSocket): void {
    this.#readBytes = 0;
    this.#sockets.shift();
    socket.isReadable = socket.unread.first !== null;
    if (socket.isReadable) this.#sockets.push(socket);
    socket.endRead();
  }
}

/** The reading processes of one host. */
export class ReadingProcesses {
  readonly #all: readonly ReadingProcess[];

  /** One on each of `cpus`, which are of `host`: the first reads what the first CPU of the host delivers, and so on. */
  constructor(readonly host: Host, cpus: readonly Cpu<Skb>[]) {
    this.#all = cpus.map((cpu) => new ReadingProcess(host, cpu));
  }

  /** The one that reads what the CPU that runs delivers; CPUs of crypto that deliver (callback_cpu) share them. */
  get current(): ReadingProcess {
    return this.#all[this.host.cpuSlot % this.#all.length]!;
  }
}
