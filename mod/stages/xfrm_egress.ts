/**
 * The way out of packets that ESP protects, from xfrm output to the NIC: who encrypts them, where, and what stands in front of the
 * driver (`crypto`, `async`, `busy`, `gso`, `qdisc`).
 *
 * Without asynchronous crypto ESP encrypts in its call: at layer 3 (`esp_output.ts`), or on the way from the queue to the driver
 * (`esp_xmit.ts`). With it, what layer 3 encrypts always goes on to IP output and the queue (7.2 of linux-datapath). What layer 2
 * encrypts goes on as `busy` says: `requeue` into the queue again, at its end; `softirq-queue` to the driver at once, or into the
 * backlog of the CPU (`xfrm_resume.ts`). `async=encap-then-crypto` puts a queue in front of crypto (`encap_queue.ts`),
 * `async=crypto-qdisc` is both queues in one (`crypto_qdisc.ts`).
 *
 * With `offload` a NIC encrypts (`xfrm_device.ts`), behind the same queue: of crypto offload it gets what leaves `esp_xmit.ts`, of packet
 * offload clear packets, which the queue treats as any others (`validate_plain.ts`).
 *
 * ```ts
 * const { queue, ipOutput, espOutput } = buildXfrmEgress({ host, nic, gso, encap, transform, mtu });
 * const xfrm = new XfrmOutput(host, { gso, encap, espOutput, ipOutput, ... });
 * ```
 *
 * @module
 */

import type { Skb } from "../skb/skb.ts";
import type { CryptoRunner } from "./crypto_engine.ts";
import { CryptoEntries, CryptoQdisc } from "./crypto_qdisc.ts";
import { cryptoOf } from "./crypto_runner.ts";
import { egressQueue } from "./egress.ts";
import { EncapQueue } from "./encap_queue.ts";
import type { EspEncap } from "./esp_encap.ts";
import { EspOutput } from "./esp_output.ts";
import { EspSeal } from "./esp_seal.ts";
import type { EspTransform } from "./esp_transform.ts";
import { EspXmit } from "./esp_xmit.ts";
import type { Gso } from "./gso.ts";
import type { Host, Stage } from "./host.ts";
import { IpOutput } from "./ip_output.ts";
import type { KernelWorkers } from "./kernel_workers.ts";
import type { EgressQueue } from "./qdisc.ts";
import type { TxNic } from "./tx_nic.ts";
import { ValidatePlain } from "./validate_plain.ts";
import { type EspOrder, ValidateXmit } from "./validate_xmit.ts";
import type { XfrmDevice } from "./xfrm_device.ts";
import { XfrmResume } from "./xfrm_resume.ts";

/** What the way out is built from. */
export interface XfrmEgressParts {
  readonly host: Host;
  readonly nic: TxNic;
  readonly gso: Gso;
  readonly encap: EspEncap;
  readonly transform: EspTransform;
  /** The MTU of the egress device. */
  readonly mtu: number;
  /** The NIC as the SA's device; null, or absent, when nothing is offloaded. */
  readonly device?: XfrmDevice | null;
}

/** The way out. */
export interface XfrmEgress {
  /** What stands in front of the driver. */
  readonly queue: EgressQueue;
  readonly ipOutput: Stage;
  readonly espOutput: EspOutput;
  /** Who runs crypto requests; null when the CPU encrypts at once. */
  readonly runner: CryptoRunner | null;
}

/** Chains the stages. */
export function buildXfrmEgress(parts: XfrmEgressParts): XfrmEgress {
  const { host, encap, transform, mtu } = parts;
  const { runner, workers } = cryptoOf(host);
  const queue = runner === null ? synchronousQueue(parts) : asynchronousQueue(parts, runner, workers);
  const ipOutput = new IpOutput(host, queue, mtu);
  const seals = runner === null ? null : new EspSeal(transform, runner, ipOutput);
  return { queue, ipOutput, espOutput: new EspOutput(host, ipOutput, encap, transform, seals), runner };
}

function synchronousQueue({ host, nic, gso, encap, transform, device = null }: XfrmEgressParts): EgressQueue {
  if (device !== null && device.encapsulates) {
    return egressQueue(host, nic, new ValidatePlain(host, gso, device.fillsChecksums));
  }
  return egressQueue(host, nic, new ValidateXmit(gso, new EspXmit(host, encap, transform, null, device)));
}

function asynchronousQueue(parts: XfrmEgressParts, runner: CryptoRunner, workers: KernelWorkers): EgressQueue {
  const { host, nic, gso, encap, transform } = parts;
  const { async, busy } = host.config;
  if (async === "crypto-qdisc") return cryptoQdisc(parts, runner);
  // Encrypted packets go on to a queue whose validator has them encrypted.
  const again: Stage = { process: (skb) => queue.process(skb) };
  const resume = busy === "softirq-queue" ? new XfrmResume(host, nic, nic.netTx) : null;
  const seals = new EspSeal(transform, runner, resume ?? again);
  const fifo = async === "encap-then-crypto" ? new EncapQueue(host, seals, workers.all[0]!, nic.netTx) : null;
  const order: EspOrder = {
    mustWait: (waiting) => resume?.mustWait(waiting) === true || fifo?.mustWait(waiting) === true,
  };
  const queue = egressQueue(
    host,
    nic,
    new ValidateXmit(gso, new EspXmit(host, encap, transform, fifo ?? seals), order),
  );
  return queue;
}

function cryptoQdisc(parts: XfrmEgressParts, runner: CryptoRunner): EgressQueue {
  const { host, nic, gso, encap, transform } = parts;
  const done: Stage = { process: (skb: Skb) => queue.complete(skb) };
  const entries = new CryptoEntries(new EspSeal(transform, runner, done));
  const validate = new ValidateXmit(gso, new EspXmit(host, encap, transform, entries));
  const queue = new CryptoQdisc(host, nic, validate, entries);
  return queue;
}
