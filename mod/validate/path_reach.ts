/**
 * How far along the path the model can follow a recording, and why no further.
 *
 * @module
 */

import { suiteSizes } from "./esp_output_rows.ts";
import type { LeftOutReason } from "./left_out.ts";
import { whyNotSealed } from "./recorded_sa.ts";
import type { Recording } from "./recording.ts";

/** Where the model stops: before the path begins, behind GRO, on entry of xfrm output, or at the driver. */
export type Station = "nowhere" | "gro" | "xfrm-output" | "driver";

/** How far a recording can be followed. */
export interface Reach {
  readonly station: Station;
  /** Why what comes behind the station is left out; undefined when the model goes all the way. */
  readonly reason: LeftOutReason | undefined;
  /** Why the bytes of the frames sent are left out; undefined when they are compared. */
  readonly framesReason: LeftOutReason | undefined;
}

/** How far `recording` can be followed. */
export function reachOf(recording: Recording): Reach {
  const { scenario } = recording;
  if (scenario.compare === "per-cpu") return stop("nowhere", "perCpu");
  if (scenario.path === "receive") return reachOfReceive(recording);
  if (scenario.path === "send") return reachOfSend(recording);
  if (scenario.compare === "per-stage") return stop("nowhere", "timing");
  if (scenario.path === "gro") return { station: "gro", reason: undefined, framesReason: undefined };
  if (scenario.sa === undefined) return stop("gro", "plain");
  if (scenario.queues) return stop("xfrm-output", "queues");
  if (scenario.tfc_pad !== undefined) return stop("xfrm-output", "tfc");
  const { sa } = scenario;
  if (sa.some(({ encap }) => encap !== undefined)) return stop("xfrm-output", "udpEncap");
  const sizes = suiteSizes(recording);
  if (typeof sizes === "string") return stop("xfrm-output", sizes);
  if (scenario.nic_sg === "off") return stop("xfrm-output", "scatterGather");
  return { station: "driver", reason: undefined, framesReason: whyNotComparable(recording) };
}

function reachOfReceive(recording: Recording): Reach {
  const { scenario } = recording;
  const { sa } = scenario;
  if (sa === undefined) return stop("nowhere", "plain");
  if (scenario.compare === "per-stage") return stop("nowhere", "timing");
  if (scenario.queues) return stop("nowhere", "queues");
  if (sa.some(({ encap }) => encap !== undefined)) return stop("nowhere", "udpEncap");
  if (sa.some(({ flags = [] }) => flags.includes("esn"))) return stop("nowhere", "esn");
  const sizes = suiteSizes(recording);
  if (typeof sizes === "string") return stop("nowhere", sizes);
  const changesHeaders = sa.some(({ flags = [] }) => flags.includes("decap-dscp"));
  const framesReason = changesHeaders ? "headerFlags" : sa.map(whyNotSealed).find((reason) => reason !== undefined);
  return { station: "driver", reason: undefined, framesReason };
}

function reachOfSend(recording: Recording): Reach {
  const { scenario } = recording;
  const { sa } = scenario;
  if (scenario.writes === undefined || scenario.queues) return stop("nowhere", "timing");
  if (sa === undefined) return stop("nowhere", "plain");
  if (sa.some(({ encap }) => encap !== undefined)) return stop("nowhere", "udpEncap");
  if (scenario.nic_sg === "off") return stop("nowhere", "scatterGather");
  const sizes = suiteSizes(recording);
  if (typeof sizes === "string") return stop("nowhere", sizes);
  return { station: "driver", reason: undefined, framesReason: "asWritten" };
}

function stop(station: Station, reason: LeftOutReason): Reach {
  return { station, reason, framesReason: reason };
}

function whyNotComparable({ scenario }: Recording): LeftOutReason | undefined {
  const sa = scenario.sa!;
  const unsealed = sa.map(whyNotSealed).find((reason) => reason !== undefined);
  if (unsealed !== undefined) return unsealed;
  if (scenario.dont_encap_dscp === true) return "headerFlags";
  return sa.length > 1 ? "twoSas" : undefined;
}
