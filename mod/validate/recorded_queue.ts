/**
 * The queue, the driver behind it and the crypto engine as a recording had them, in the words of the configuration.
 *
 * ```ts
 * queueSets(scenario); // ["qdisc=pfifo", "qdisc_limit=4", "tx_fault=stopped:100"]
 * ```
 *
 * @module
 */

import { RecordingError } from "./errors.ts";
import type { Scenario } from "./scenario.ts";

/** Packets that fq_codel holds, which the recorded kernel had in front of every device that was given nothing else. */
const FQ_CODEL_LIMIT = 10240;
/** Packets that a queue of an Ethernet device holds unless it says otherwise (DEFAULT_TX_QUEUE_LEN). */
const TX_QUEUE_LEN = 1000;
/** How long the queue of a driver was stopped: `sleep 0.1`. */
const SLEEP = /^sleep ([0-9]+(?:\.[0-9]+)?)$/;
const US_PER_S = 1_000_000;
const US_PER_MS = 1000;
/** A queue that is stopped for longer than that is not woken within a recording. */
const STOPPED_US_MAX = 100 * US_PER_S;

/**
 * Settings of `qdisc`, `qdisc_limit`, `tx_fault`, and of asynchronous crypto. Throws RecordingError where a stopped queue is not
 * woken.
 */
export function queueSets(scenario: Scenario): string[] {
  return [...deviceQueueSets(scenario), ...cryptoSets(scenario)];
}

/** Which engine had the recorded requests: what layer 2 has encrypted goes on as in 6.1, past the queue discipline. */
export function cryptoSets(
  { crypto = "cpu", cryptd_qlen, esp_module = false, net_cpus = 1, path }: Scenario,
): string[] {
  if (crypto === "cpu") return [];
  const isLayer2 = esp_module && path !== "receive";
  return [
    `crypto=${crypto}`,
    "async=callback",
    `busy=${isLayer2 ? "softirq-queue" : "requeue"}`,
    `net_cpus=${net_cpus}`,
    ...(cryptd_qlen === undefined ? [] : [`cryptd_qlen=${cryptd_qlen}`]),
  ];
}

function deviceQueueSets(scenario: Scenario): string[] {
  const [kind, , limit] = (scenario.qdisc ?? "fq_codel").split(" ");
  const packets = limit ?? (kind === "fq_codel" ? FQ_CODEL_LIMIT : scenario.txqueuelen ?? TX_QUEUE_LEN);
  const queue = [`qdisc=${kind}`, `qdisc_limit=${packets}`];
  return [...queue, ...(scenario.tx_fault ?? []).map((fault) => `tx_fault=${faultOf(fault, scenario)}`)];
}

function faultOf(fault: string, { name, tx_fault_ends = [] }: Scenario): string {
  const [kind, argument] = fault.split(" ");
  if (kind === "busy") return `busy:${argument}`;
  const [, seconds = "0"] = tx_fault_ends.map((command) => SLEEP.exec(command)).find((match) => match !== null) ?? [];
  const us = Math.round(Number(seconds) * US_PER_S);
  if (us < 1 || us >= STOPPED_US_MAX) {
    throw new RecordingError(name, "tx_fault_ends does not say when the stopped queue is woken", {
      file: "scenario.json",
    });
  }
  return `stopped:${us / US_PER_MS}`;
}
