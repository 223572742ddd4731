/**
 * What follows asynchronous encryption at layer 2, as merged in 4.16 (`busy=softirq-queue`): the driver at once, else a queue of
 * the CPU that runs the callback.
 *
 * linux-datapath 7.4 (net/xfrm/xfrm_device.c: xfrm_dev_resume, xfrm_dev_backlog, validate_xmit_xfrm; 6.1). An encrypted packet
 * passes the queue discipline by. What the driver does not take waits in the backlog of the CPU, which NET_TX tries again, from
 * the first packet to the last; those still refused go to its end. It has no limit. While it is not empty, no ESP packet
 * leaves a queue discipline on that CPU; that is all there is of back-pressure, and it says nothing on any other CPU.
 *
 * While the driver's queue is stopped, Linux tries again all the time. Here the CPU does so too: when it has nothing else to
 * do, all attempts up to the next event of the run are one `busy` row with a count; when its threads wait, with whom softirqs
 * share the time, those of 20 us are; when other softirqs wait, one pass is. Where the NIC interrupts this CPU, a stopped
 * queue is woken between two passes; where it interrupts another, in the middle of one, so that those before it go last.
 *
 * Departures: callbacks of cryptd run with softirqs enabled, as recorded: what they leave over is ksoftirqd's, which runs when
 * the worker has nothing more to do.
 *
 * Identity: enqueued = dequeued + waiting.
 *
 * ```ts
 * const resume = new XfrmResume(host, nic, netTx);
 * resume.process(skb); // on the CPU that is called back
 * ```
 *
 * @module
 */

import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { PS_PER_NS } from "../ledger/units.ts";
import { SOFTIRQ, type Task } from "../sim/cpu.ts";
import type { Skb } from "../skb/skb.ts";
import { framesIn, type Host, type Stage } from "./host.ts";
import type { NetTx, NetTxBacklog, NetTxOfHost, NetTxWork } from "./net_tx.ts";
import { SkbFifo } from "./skb_fifo.ts";
import type { TxNic } from "./tx_nic.ts";

/** How long NET_TX tries a stopped queue in one go while threads of its CPU wait, with whom it shares the time. */
const SPIN_NS = 20_000;

/** Goes on with encrypted packets of layer 2. */
export class XfrmResume implements Stage {
  /** The backlog of each CPU. */
  readonly backlogs: readonly XfrmBacklog[];

  constructor(readonly host: Host, readonly nic: TxNic, readonly netTx: NetTxOfHost) {
    this.backlogs = netTx.all.map((own) => new XfrmBacklog(host, nic, own));
  }

  /** xfrm_dev_resume. */
  process(skb: Skb): void {
    const { host } = this;
    const backlog = this.backlogs[host.cpuSlot]!;
    // No queue with a limit lies ahead: nothing that traffic would have to wait for.
    host.gate.leave(framesIn(skb));
    if (!backlog.transmit(skb)) backlog.put(skb);
  }

  /** Whether ESP packets must wait in `queue` for the backlog of the CPU that runs; if so it is taken up when that is empty. */
  mustWait(queue: NetTxWork): boolean {
    if (this.backlogs[this.host.cpuSlot]!.length === 0) return false;
    this.netTx.current.scheduleBehindBacklog(queue);
    return true;
  }
}

/** Encrypted packets of one CPU that the driver did not take (softnet_data.xfrm_backlog). */
export class XfrmBacklog implements NetTxBacklog, Task {
  readonly #waiting = new SkbFifo();
  /** Packets of the pass that runs that have not had their turn. */
  #passLeft = 0;
  /** The next pass is ksoftirqd's: NET_TX that runs before that leaves it alone (ksoftirqd_running). */
  #isLeftToKsoftirqd = false;
  /** Attempts on a stopped queue, each of which put the first packet to the end. */
  #attempts = 0;

  constructor(readonly host: Host, readonly nic: TxNic, readonly netTx: NetTx) {
    netTx.backlog = this;
    netTx.cpu.onSoftirq(SOFTIRQ.ksoftirqd, { step: () => this.#runKsoftirqd() });
  }

  /** Packets that wait. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Hands `skb` to the driver unless its queue is stopped; false when it does not take it. */
  transmit(skb: Skb): boolean {
    const { nic, host: { ledger } } = this;
    nic.advance(ledger.nowNs);
    if (!nic.isStopped) return nic.transmit(skb);
    this.#noteStopped(skb, 1);
    return false;
  }

  /** What the driver did not take waits. */
  put(skb: Skb): void {
    const { ledger, config } = this.host;
    this.#applyAttempts();
    this.#waiting.push(skb);
    ledger.stage = STAGE["xfrm-backlog"];
    ledger.note(EVENT.enqueue, REASON.none, skb, skb.len, this.length);
    if (config.crypto === "cryptd") this.#leaveToKsoftirqd();
    else this.netTx.raise(ledger.nowNs);
  }

  /** xfrm_dev_backlog: a pass over what waits. */
  runFromNetTx(): void {
    if (this.#isLeftToKsoftirqd) return;
    this.#passLeft = this.length;
    this.host.cpu.begin(this);
  }

  /** One packet of a pass, or all that are left when the queue is stopped. */
  step(): boolean {
    const { nic, host: { ledger, cpu } } = this;
    nic.advance(ledger.nowNs);
    if (!nic.isStopped) this.#tryNext();
    else this.#tryInVain(cpu.isThreadPending && !cpu.isSoftirqPending ? SPIN_NS : 0);
    if (this.#passLeft > 0) return true;
    if (this.length > 0) this.#tryAgain();
    return false;
  }

  /** The rest of a pass, or as many attempts as last `forNs`, if that is more. */
  #tryInVain(forNs: number): void {
    const attempts = this.#attemptsWithin(forNs);
    this.#noteStopped(this.#waiting.first!, Math.max(this.#passLeft, attempts));
    this.#attempts += Math.max(this.#passLeft, attempts);
    this.#passLeft = 0;
  }

  /** What is left over raises NET_TX again; when the CPU has nothing else to do, that comes to ksoftirqd. */
  #tryAgain(): void {
    const { cpu, ledger } = this.host;
    if (cpu.isThreadPending || cpu.isSoftirqPending) this.netTx.raise(ledger.nowNs);
    else this.#leaveToKsoftirqd();
  }

  #tryNext(): void {
    const { ledger } = this.host;
    this.#applyAttempts();
    const skb = this.#waiting.shift()!;
    const { packet, id, len } = skb;
    this.#passLeft -= 1;
    if (!this.nic.transmit(skb)) return this.#waiting.push(skb);
    ledger.stage = STAGE["xfrm-backlog"];
    ledger.write(EVENT.dequeue, REASON.none, packet, id, NONE, len, this.length, 0);
  }

  /** ksoftirqd runs: with a stopped queue and nothing else to do, all attempts up to the next event are in vain. */
  #runKsoftirqd(): boolean {
    const { nic, host: { cpu, engine, ledger } } = this;
    this.#isLeftToKsoftirqd = false;
    if (this.length === 0) return false;
    ledger.stage = STAGE["xfrm-backlog"];
    nic.advance(ledger.nowNs);
    if (!nic.isStopped || !cpu.isAlone) this.netTx.raise(ledger.nowNs);
    else if (!this.#tryUntil(engine.nextEventNs)) nic.whenWoken(this.netTx);
    else this.#leaveToKsoftirqd();
    return false;
  }

  /** Tries a stopped queue again and again; false when that takes no time, or has no end. */
  #tryUntil(untilNs: number): boolean {
    if (untilNs === Infinity) return false;
    const attempts = this.#attemptsWithin(Math.max(1, untilNs - this.host.ledger.nowNs));
    if (attempts === 0) return false;
    this.#noteStopped(this.#waiting.first!, attempts);
    this.#attempts += attempts;
    return true;
  }

  /** Attempts that last `ns`, in whole passes where the NIC interrupts this CPU; 0 when they cost nothing. */
  #attemptsWithin(ns: number): number {
    const { host: { cpu, ledger }, length } = this;
    ledger.stage = STAGE["xfrm-backlog"];
    const priceOf = (count: number): number => ledger.priceOf(EVENT.busy, REASON.resumeStopped, 0, count);
    const passPs = priceOf(2 * length) - priceOf(length);
    if (passPs <= 0) return 0;
    const attempts = Math.ceil(ns * PS_PER_NS * length / passPs);
    return this.nic.irqCpu === cpu ? Math.ceil(attempts / length) * length : attempts;
  }

  /** Packets that were tried in vain went to the end, one behind the other. */
  #applyAttempts(): void {
    for (let moved = this.#attempts % Math.max(1, this.length); moved > 0; moved--) {
      this.#waiting.push(this.#waiting.shift()!);
    }
    this.#attempts = 0;
  }

  #noteStopped({ packet, id }: Skb, count: number): void {
    const { ledger } = this.host;
    ledger.stage = STAGE["xfrm-backlog"];
    ledger.write(EVENT.busy, REASON.resumeStopped, packet, id, NONE, 0, count, 0);
  }

  #leaveToKsoftirqd(): void {
    this.#isLeftToKsoftirqd = true;
    this.netTx.cpu.raise(SOFTIRQ.ksoftirqd, this.host.ledger.nowNs);
  }
}
