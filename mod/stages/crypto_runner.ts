/**
 * The registry of crypto engines: what `crypto` names.
 *
 * `crypto=cpu` has none: ESP encrypts in its own call. A machine has one engine, whoever on it submits requests.
 *
 * ```ts
 * const { runner, workers } = cryptoOf(host); // runner is null with crypto=cpu
 * ```
 *
 * @module
 */

import type { Cpus } from "../sim/cpus.ts";
import type { Skb } from "../skb/skb.ts";
import { Accel } from "./crypto_accel.ts";
import { Cryptd } from "./crypto_cryptd.ts";
import type { CryptoRunner } from "./crypto_engine.ts";
import { Pcrypt } from "./crypto_pcrypt.ts";
import type { Host } from "./host.ts";
import { KernelWorkers } from "./kernel_workers.ts";

/** What a machine has for asynchronous crypto. */
export interface HostCrypto {
  /** The engine that `crypto` names; null for the CPU itself. */
  readonly runner: CryptoRunner | null;
  readonly workers: KernelWorkers;
}

const OF_CPUS = new WeakMap<Cpus<Skb>, HostCrypto>();

/** The engine of `host` and the workers of its CPUs, made when they are first asked for. */
export function cryptoOf(host: Host): HostCrypto {
  const known = OF_CPUS.get(host.cpus);
  if (known !== undefined) return known;
  const workers = new KernelWorkers(host);
  const made = { runner: runnerFor(host, workers), workers };
  OF_CPUS.set(host.cpus, made);
  return made;
}

function runnerFor(host: Host, workers: KernelWorkers): CryptoRunner | null {
  switch (host.config.crypto) {
    case "cpu":
      return null;
    case "cryptd":
      return new Cryptd(host, workers);
    case "pcrypt":
      return new Pcrypt(host, workers);
    case "accel":
      return new Accel(host);
  }
}
