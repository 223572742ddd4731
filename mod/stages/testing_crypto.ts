/**
 * A host for crypto engines alone: requests are submitted from softirqs of its CPUs, a cipher takes as long as it is told, and who
 * called back what, where and when, is kept. Not part of the library.
 *
 * @module
 */

import { resolveConfig } from "../config/resolve.ts";
import { Ledger } from "../ledger/ledger.ts";
import { EVENT, REASON } from "../ledger/schema.ts";
import { Recorder } from "../replay/testing.ts";
import { SOFTIRQ } from "../sim/cpu.ts";
import { Engine } from "../sim/engine.ts";
import type { CryptoRunner } from "./crypto_engine.ts";
import { BY_CPU, type CryptoWork } from "./crypto_request.ts";
import { cryptoOf } from "./crypto_runner.ts";
import { Host } from "./host.ts";
import { IngressGate } from "./ingress_gate.ts";

/** A callback. */
export interface CalledBack {
  /** Number of the packet. */
  readonly packet: number;
  readonly cpu: number;
  readonly tNs: number;
}

/** One host with an engine. */
export class CryptoFixture {
  readonly events = new Recorder();
  readonly engine = new Engine();
  readonly host: Host;
  readonly runner: CryptoRunner;
  readonly done: CalledBack[] = [];
  /** Packets that were refused. */
  readonly refused: number[] = [];
  /** Called with each packet that is called back. */
  onDone: (packet: number) => void = () => {};
  readonly #ledger: Ledger;
  /** What each CPU is to submit: packets, and bytes of their requests. */
  readonly #waiting: [packet: number, bytes: number][][] = [];

  /** `sets` are settings on top of preset nocopy; the cipher of a packet of n bytes takes n ns of its CPU, nothing else costs. */
  constructor(sets: readonly string[]) {
    const price = (event: number, _stage: number, _reason: number, bytes: number): number =>
      event === EVENT.seal ? bytes * 1000 : 0;
    this.#ledger = new Ledger(price, [this.events]);
    const { config } = resolveConfig({ preset: "nocopy", sets });
    const { engine } = this;
    this.host = new Host({ config, engine, ledger: this.#ledger, gate: new IngressGate(Infinity), poison: true });
    this.runner = cryptoOf(this.host).runner!;
    this.host.cpus.all.forEach((cpu, i) => {
      this.#waiting.push([]);
      cpu.onSoftirq(SOFTIRQ.netRx, { step: () => this.#submitNext(this.#waiting[i]!) });
    });
  }

  /** Has CPU `cpu` submit a request of `bytes` bytes for each of `packets` at `tNs`, in one softirq of a step each. */
  submit(tNs: number, cpu: number, packets: readonly number[], bytes = 100): void {
    const own = this.host.cpus.all[cpu]!;
    this.engine.schedule(tNs, {
      wake: (nowNs) => {
        for (const packet of packets) this.#waiting[cpu]!.push([packet, bytes]);
        own.raise(SOFTIRQ.netRx, nowNs);
      },
    });
  }

  /** Runs to the end; every row is in `events` from here on. */
  run(): this {
    this.engine.run();
    this.#ledger.finish();
    return this;
  }

  readonly #work: CryptoWork = {
    cipher: ({ skb, ciphertextBytes }, deviceNs) => {
      const { ledger } = this.host;
      if (deviceNs === BY_CPU) ledger.note(EVENT.seal, REASON.aesGcm, skb, ciphertextBytes);
      else ledger.deviceRequest(deviceNs, ledger.stage, EVENT.seal, REASON.aesGcm, skb, ciphertextBytes, 1, 0);
    },
    done: ({ skb }) => {
      const { skbs, ledger, cpu } = this.host;
      this.done.push({ packet: skb.packet, cpu: cpu.index, tNs: ledger.nowNs });
      skbs.free(skb, REASON.consumed);
      this.onDone(skb.packet);
    },
  };

  #submitNext(waiting: [packet: number, bytes: number][]): boolean {
    const next = waiting.shift();
    if (next !== undefined) this.#submitOne(...next);
    return waiting.length > 0;
  }

  #submitOne(packet: number, bytes: number): void {
    const { skbs } = this.host;
    const skb = skbs.allocSkb(64);
    skb.packet = packet;
    const request = this.runner.requests.take(skb, this.#work);
    request.ciphertextBytes = bytes;
    if (this.runner.submit(request)) return;
    this.runner.requests.giveBack(request);
    this.refused.push(packet);
    skbs.free(skb, REASON.dropped);
  }
}
