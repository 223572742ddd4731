/**
 * The laws: identities that must hold between the sums of a ledger, whatever the configuration.
 *
 * Checked in every test and by `--check`. A law that does not hold is a defect of the model, never of its input.
 *
 * ```ts
 * const end = { heldPackets: 0, queuedPackets: 0, busyPs: [busyPs], elapsedNs, liveBlocks: memory.live };
 * brokenLaws(tally, end); // []
 * ```
 *
 * @module
 */

import { REASON } from "./schema.ts";
import type { Tally } from "./tally.ts";
import { PS_PER_NS } from "./units.ts";

/** What the ledger alone does not know: the state of the model at the end of a run. */
export interface EndState {
  /** Captured packets still inside. */
  readonly heldPackets: number;
  /** Packets still in queues. */
  readonly queuedPackets: number;
  /** Crypto requests that were not called back; none if absent. */
  readonly requestsInFlight?: number;
  /** Busy time of each CPU, in picoseconds. */
  readonly busyPs: readonly number[];
  /** Length of the run in ns: no CPU above 100 %. */
  readonly elapsedNs: number;
  /** Blocks of memory in use. */
  readonly liveBlocks: number;
}

/** One sentence for each law that does not hold. */
export function brokenLaws(tally: Tally, end: EndState): string[] {
  const arrived = tally.sum({ event: "arrive", reason: REASON.none });
  const bypassed = tally.sum({ event: "arrive", reason: REASON.bypass });
  const sent = tally.sum({ event: "send" });
  const dropped = tally.sum({ event: "drop" });
  const delivered = tally.sum({ event: "deliver" });
  const received = tally.sum({ event: "deliver", reason: REASON.toSocket });
  const broken: string[] = [];
  const equal = (law: string, left: number, right: number): void => {
    if (left !== right) broken.push(`${law}: ${left} against ${right}`);
  };
  const out = sent.count + dropped.count + delivered.count;
  equal("arrived = delivered + dropped + held", arrived.count + bypassed.count, out + end.heldPackets);
  equal("bypassing packets are delivered", bypassed.count, delivered.count - received.count);
  const payloadOut = sent.payloadBytes + received.payloadBytes;
  equal("payload in = payload out + dropped", arrived.payloadBytes, payloadOut + dropped.payloadBytes);
  const made = tally.sum({ event: "alloc" }).rows + tally.sum({ event: "clone" }).rows;
  equal("allocated = freed + live", made, tally.sum({ event: "free" }).rows);
  equal("memory is given back", end.liveBlocks, 0);
  const enqueued = tally.sum({ event: "enqueue" }).rows + tally.sum({ event: "requeue" }).rows;
  equal("enqueued + requeued = dequeued + queued", enqueued, tally.sum({ event: "dequeue" }).rows + end.queuedPackets);
  const submitted = tally.sum({ event: "submit" }).rows;
  equal(
    "submitted = completed + in flight",
    submitted,
    tally.sum({ event: "complete" }).rows + (end.requestsInFlight ?? 0),
  );
  equal("sum of costs = busy time of the CPUs", tally.costPs, end.busyPs.reduce((sum, ps) => sum + ps, 0));
  const capacityPs = end.elapsedNs * PS_PER_NS;
  end.busyPs.forEach((ps, cpu) => {
    if (ps > capacityPs) broken.push(`no CPU above 100 %: CPU ${cpu} is busy for ${ps} ps of ${capacityPs} ps`);
  });
  return broken;
}
