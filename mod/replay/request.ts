/**
 * What goes into a run, and what comes out of it.
 *
 * @module
 */

import type { ResolvedConfig } from "../config/resolve.ts";
import type { Profile } from "../cost/profile.ts";
import type { EngineName } from "../crypto/aead.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import type { SaEntry } from "../esp/sa_entry.ts";
import type { Delivery } from "../ledger/delivery.ts";
import type { Fold } from "../ledger/ledger.ts";
import type { Tally } from "../ledger/tally.ts";
import type { BufferProbe } from "../stages/host.ts";
import type { CaptureInput } from "./capture_input.ts";
import type { FrameWriter } from "./frame_sink.ts";
import type { SaStatistics } from "./sa_statistics.ts";

/** What to run. */
export interface ReplayRequest {
  /** The capture. */
  readonly input: CaptureInput;
  /** The configuration. */
  readonly resolved: ResolvedConfig;
  /** What events cost. */
  readonly profile: Profile;
  /** Takes the frames that NIC 1 sends, when somebody wants them. */
  readonly frames?: FrameWriter;
  /** Open every ESP packet again and hold the laws against the ledger. */
  readonly check?: boolean;
  /** Entries of a file of SAs, one at least; absent: the test SA. */
  readonly associations?: readonly SaEntry[] | undefined;
  /** Counts what becomes of the packets of each SA. */
  readonly statistics?: SaStatistics | undefined;
  /** More folds over the ledger. */
  readonly folds?: readonly Fold[];
  /** Looks at buffers on their way; changes nothing. */
  readonly probe?: BufferProbe;
  /** Packets to read at most; absent: all. */
  readonly maxPackets?: number;
  /** Poison freed memory (tests). */
  readonly poison?: boolean;
  /** Size of the window through which the capture is read (tests: the run does not depend on it). */
  readonly windowBytes?: number;
}

/** What came out of a run. */
export interface Run {
  /** File name of the capture without folders. */
  readonly captureName: string;
  /** SHA-256 of the whole file, in hexadecimal. */
  readonly captureSha256: string;
  /** Stamp of the first packet in ns since 1970-01-01 UTC; undefined when there is none. */
  readonly t0EpochNs: bigint | undefined;
  /** The configuration that was run. */
  readonly resolved: ResolvedConfig;
  /** The prices that were used. */
  readonly profile: Profile;
  /** The security association; holds its key. Undefined without IPsec. */
  readonly sa: SecurityAssociation | undefined;
  /** That of the way back, where there is one. */
  readonly reverseSa: SecurityAssociation | undefined;
  /** Engine that encrypted; undefined when nothing was. */
  readonly engine: EngineName | undefined;
  /** Sums over the ledger. */
  readonly tally: Tally;
  /** Arrivals and departures. */
  readonly delivery: Delivery;
  /** Busy time of each networking CPU in ns. */
  readonly busyNs: readonly number[];
  /** How many of these CPUs, the last ones, are of the receiving host; 0 where there is but one host. */
  readonly peerCpus: number;
  /** Time during which the window of a connection held its sender up, in ns; 0 where there is none. */
  readonly windowClosedNs: number;
  /** From the first arrival to the last bit out or the end of the last CPU's work, whichever is later, in ns. */
  readonly elapsedNs: number;
  /** What the user should know besides the figures, one sentence each. */
  readonly warnings: readonly string[];
  /** What `check` found wrong, one sentence each. */
  readonly failures: readonly string[];
}
