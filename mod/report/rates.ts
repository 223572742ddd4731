/**
 * Rates of a run: what came out, over the time from the first arrival to the last bit out, or the last payload at its socket.
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import type { Run } from "../replay/run.ts";

/** Below this many packets a rate means nothing. */
const PACKETS_FOR_A_RATE = 2;

/** Payload sent by NIC 1, or delivered to sockets. */
export function goodputBytes({ tally }: Run): number {
  return tally.sum({ event: "send" }).payloadBytes +
    tally.sum({ event: "deliver", reason: REASON.toSocket }).payloadBytes;
}

/** The same in Gbit/s; undefined where too little came out. */
export function goodputGbps(run: Run): number | undefined {
  return gbps(run, goodputBytes(run));
}

/** What took the link that counts, in Gbit/s: that of NIC 1, of a receiver that sends nothing on that of NIC 0. */
export function wireGbps(run: Run): number | undefined {
  const { frames, wireBytes, arrivedWireBytes } = run.delivery;
  return gbps(run, frames > 0 ? wireBytes : arrivedWireBytes);
}

/** First arrival to last bit out, or last payload at its socket, in ns; undefined when nothing came out. */
export function durationNs(run: Run): number | undefined {
  const { firstArrivalNs, lastSendNs, frames, delivered } = run.delivery;
  return frames + delivered === 0 ? undefined : lastSendNs - firstArrivalNs;
}

function gbps(run: Run, bytes: number): number | undefined {
  const { frames, delivered } = run.delivery;
  const ns = durationNs(run);
  if (frames + delivered < PACKETS_FOR_A_RATE || ns === undefined || ns === 0) return undefined;
  return bytes * 8 / ns;
}
