/**
 * What stands in front of a device that sends, as the configuration has it: a queue discipline, or none (`qdisc`).
 *
 * ```ts
 * const nic = new TxNic(host, new NetTxOfHost(host), null);
 * const queue = egressQueue(host, nic, new ValidatePlain(host, new Gso(host, 0)));
 * ```
 *
 * @module
 */

import type { Host } from "./host.ts";
import { FqCodel } from "./qdisc_fq_codel.ts";
import { type EgressQueue, Qdisc } from "./qdisc.ts";
import { NoQueue } from "./qdisc_none.ts";
import { Pfifo } from "./qdisc_pfifo.ts";
import { PfifoFast } from "./qdisc_pfifo_fast.ts";
import type { TransmitValidator } from "./transmit_list.ts";
import type { TxNic } from "./tx_nic.ts";

/** Builds what `qdisc` names, in front of `nic`. */
export function egressQueue(host: Host, nic: TxNic, validate: TransmitValidator): EgressQueue {
  const { qdisc, qdisc_limit } = host.config;
  switch (qdisc) {
    case "pfifo":
      return new Qdisc(host, nic, new Pfifo(host, qdisc_limit), validate);
    case "pfifo_fast":
      return new Qdisc(host, nic, new PfifoFast(host, qdisc_limit), validate);
    case "fq_codel":
      return new Qdisc(host, nic, new FqCodel(host, qdisc_limit), validate);
    case "noqueue":
      return new NoQueue(host, nic, validate);
  }
}
