/**
 * How far along the path the model can follow a recording, and why no further.
 *
 * @module
 */

import type { LeftOutReason } from "./left_out.ts";
import { outputPackets } from "./played_output.ts";
import { whyNotSealed } from "./recorded_sa.ts";
import type { Recording } from "./recording.ts";
import { suiteSizes } from "./row_associations.ts";
import type { Scenario } from "./scenario.ts";

/** Where the model stops: before the path begins, behind GRO, on entry of xfrm output, or at the driver. */
export type Station = "nowhere" | "gro" | "xfrm-output" | "driver";

/** How far a recording can be followed. */
export interface Reach {
  readonly station: Station;
  /** Why what comes behind the station is left out; undefined when the model goes all the way. */
  readonly reason: LeftOutReason | undefined;
  /** Why the bytes of the frames sent are left out; undefined when they are compared. */
  readonly framesReason: LeftOutReason | undefined;
  /** The packets are taken from the recording on entry of xfrm output: what came before is left out for `timing`. */
  readonly fromOutput?: true;
}

/** How far `recording` can be followed. */
export function reachOf(recording: Recording): Reach {
  const { scenario } = recording;
  if (scenario.path === "receive") return reachOfReceive(recording);
  if (scenario.path === "send") return reachOfSend(recording);
  if (scenario.compare === "per-stage") return stop("nowhere", "timing");
  if (scenario.path === "gro") return { station: "gro", reason: undefined, framesReason: undefined };
  if (scenario.sa === undefined && !scenario.queues) {
    return { station: "driver", reason: undefined, framesReason: undefined };
  }
  if (scenario.sa === undefined) return stop("gro", "queues");
  const sizes = suiteSizes(recording);
  const framesReason = whyNotComparable(recording);
  // Of several suites each frame says which it is of, once it is opened.
  const isKnown = typeof sizes !== "string" || (sizes === "suitesMixed" && framesReason === undefined);
  return isKnown ? { station: "driver", reason: undefined, framesReason } : stop("xfrm-output", sizes);
}

function reachOfReceive(recording: Recording): Reach {
  const { scenario } = recording;
  const { sa } = scenario;
  if (sa === undefined) return stop("nowhere", "plain");
  if (scenario.compare === "per-stage") return stop("nowhere", "timing");
  const sizes = suiteSizes(recording);
  if (typeof sizes === "string") return stop("nowhere", sizes);
  const framesReason = sa.map(whyNotSealed).find((reason) => reason !== undefined);
  return { station: "driver", reason: undefined, framesReason };
}

function reachOfSend(recording: Recording): Reach {
  const { scenario } = recording;
  const { sa } = scenario;
  if (sa === undefined) return stop("nowhere", scenario.writes === undefined ? "timing" : "plain");
  const sizes = suiteSizes(recording);
  if (typeof sizes === "string") return stop("nowhere", sizes);
  if (dependsOnLoad(scenario)) return stop("nowhere", "timing");
  // Each datagram is a write, whenever it was; what of TCP went out together, its congestion window decided.
  if (!scenario.queues && (scenario.writes !== undefined || scenario.traffic?.proto === "udp")) {
    return { station: "driver", reason: undefined, framesReason: "timing" };
  }
  if (outputPackets(recording) === undefined) return stop("nowhere", "timing");
  return { station: "driver", reason: undefined, framesReason: whyNotComparable(recording), fromOutput: true };
}

/** What other packets were under way at the same time decides: how full queues were, and which CPU was done first. */
function dependsOnLoad({ queues, cryptd_qlen, tx_fault, net_cpus = 1 }: Scenario): boolean {
  return queues && (cryptd_qlen !== undefined || tx_fault !== undefined || net_cpus > 1);
}

function stop(station: Station, reason: LeftOutReason): Reach {
  return { station, reason, framesReason: reason };
}

function whyNotComparable({ scenario }: Recording): LeftOutReason | undefined {
  return scenario.sa!.map(whyNotSealed).find((reason) => reason !== undefined);
}
