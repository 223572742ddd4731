/**
 * The rows of `sas.csv`: what is known of each association of a run.
 *
 * @module
 */

import type { SecurityAssociation } from "../esp/sa.ts";
import { get32 } from "../wire/bytes.ts";
import { formatAddress } from "../wire/ipv4.ts";
import { formatAddress6 } from "../wire/ipv6_address.ts";
import type { Run } from "./run.ts";
import type { SaStatistics } from "./sa_statistics.ts";

/** One row; undefined is unknown. */
export interface SaRecord {
  readonly spi: number;
  readonly source: string | undefined;
  readonly destination: string | undefined;
  readonly suite: string | undefined;
  readonly mode: string | undefined;
  readonly packets: number | undefined;
  readonly bytes: number | undefined;
  readonly lost: number | undefined;
  readonly reordered: number | undefined;
  readonly replayed: number | undefined;
  readonly icvFailures: number | undefined;
  readonly sequenceGaps: number | undefined;
  readonly otherDrops: number | undefined;
  readonly sequenceFirst: number | undefined;
  readonly sequenceLast: number | undefined;
}

/** The rows of a run: of a capture of ESP what `statistics` has, else the association that packets were sealed under. */
export function saRecords(run: Run, statistics: SaStatistics): SaRecord[] {
  if (statistics.rows.length > 0) return statistics.rows;
  return [run.sa, run.reverseSa].flatMap((sa) => sa === undefined ? [] : [sealedRecord(run, sa)]);
}

/** Of two associations of one ledger nobody can tell whose a packet was. */
function sealedRecord({ tally, resolved, reverseSa }: Run, sa: SecurityAssociation): SaRecord {
  const seals = tally.sum({ event: resolved.config.path === "receive" ? "open" : "seal" });
  const isTunnel = sa.mode === "tunnel";
  const isOnly = reverseSa === undefined;
  return {
    spi: sa.spi,
    source: isTunnel ? textOf(sa.source) : undefined,
    destination: isTunnel ? textOf(sa.destination) : undefined,
    suite: sa.suite.name,
    mode: sa.mode,
    packets: isOnly ? seals.rows : undefined,
    bytes: isOnly ? seals.bytes : undefined,
    lost: undefined,
    reordered: undefined,
    replayed: undefined,
    icvFailures: undefined,
    sequenceGaps: undefined,
    otherDrops: undefined,
    sequenceFirst: undefined,
    sequenceLast: undefined,
  };
}

function textOf(address: Uint8Array): string {
  return address.length === 4 ? formatAddress(get32(address, 0)) : formatAddress6(address, 0);
}
