/**
 * Which measurement prices which event of the model, and whether its memory is taken as cold or as warm.
 *
 * The model does not know what a cache holds: an event has one price. So each is priced in the state that its bytes are in
 * as a rule, and where they are as often in the other, the range of the price reaches as far as that:
 *
 * | event                             | taken as | because                                                       |
 * | --------------------------------- | -------- | ------------------------------------------------------------- |
 * | `copy`, `user-copy`               | cold     | the NIC has just written it, or it goes to pages not touched  |
 * | `checksum` of received packets    | cold     | nobody has touched what the NIC wrote                         |
 * | `checksum` of decrypted packets   | warm     | the cipher has just written them                              |
 * | `checksum` of what a socket sends | warm     | it was copied from the process shortly before                 |
 * | `seal`                            | warm     | behind a copy or a checksum of the same bytes                 |
 * | `open`                            | cold     | the NIC has just written it; warm behind a copy (`rx_cow`)    |
 *
 * Departure: where nothing touches bytes before they are sealed, as in preset `nocopy` on a gateway, `seal` is the first to
 * wait for memory, and takes longer than its price, as far as its range reaches: what a copy less saves is rather too much.
 *
 * Who wants a profile to compare with `bench`, whose bytes lie in caches, has all of these priced as warm (`takenAs()`); the
 * ranges then reach to cold. That is wrong after DMA.
 *
 * A request to a cipher in several pieces costs more (`calibrate_amounts.ts`). Its price is for each entry of the
 * scatterlist, from the pieces that preset `nocopy` makes of a full packet. Departure: where text and ciphertext have a
 * scatterlist each (`tx_dst=new-page`), or a bounce buffer makes one piece of them (`gcm_sg=single`), there are more entries
 * than pieces, and all are charged.
 *
 * A copy that sums in the same pass is two events, `copy` and `checksum` with a reason of its own (`fused`, `fused-user`,
 * `fused-read`). The copy is priced like any other, the checksum with what the fused pass takes longer, so that both
 * together cost what was measured.
 *
 * Example: `{ event: "open", reason: "aes-gcm", work: "open aes-gcm", state: "cold", also: "warm", why: "..." }`.
 *
 * @module
 */

import {
  CIPHER_REASONS,
  type CipherReason,
  type LinedWork,
  type LineLevel,
  type MemoryState,
  type PiecesWork,
} from "./calibration.ts";

/** How one event is priced. */
export interface Charge {
  /** Kind of event. */
  readonly event: string;
  /** Only with this reason; absent: with all. */
  readonly reason?: string;
  /** What was measured. */
  readonly work: LinedWork;
  /** What another event of the same bytes pays already: only the rest is charged. */
  readonly besides?: LinedWork;
  /** The same on a request in pieces, by which its entries are priced. */
  readonly pieces?: PiecesWork;
  /** Its pieces may be like these as well: the range reaches that far. */
  readonly alsoPieces?: PiecesWork;
  /** Where the bytes are taken to be. */
  readonly state: MemoryState;
  /** Where they may be as well: the range reaches that far. */
  readonly also?: MemoryState;
  /** Why they are there. */
  readonly why: string;
}

const WRITTEN_BY_NIC = "the NIC has just written these bytes, no CPU has touched them";
const BY_CIPHER = "the cipher has just written these bytes";
const FUSED = "what summing adds to the copy in the same pass, which is priced as a copy; cold as that";

/** Every event that a calibration prices. */
export const CHARGES: readonly Charge[] = [
  {
    event: "copy",
    work: "copy",
    state: "cold",
    also: "warm",
    why: "what is copied was written by the NIC, or goes to pages that the CPU has not touched; a second copy is warm",
  },
  {
    event: "user-copy",
    work: "copy",
    state: "cold",
    also: "warm",
    why: "to fresh pages of a socket, or from pages that the NIC wrote; warm where the process has just touched them",
  },
  { event: "checksum", reason: "gro-verify", work: "checksum", state: "cold", why: WRITTEN_BY_NIC },
  { event: "checksum", reason: "udp-verify", work: "checksum", state: "cold", why: WRITTEN_BY_NIC },
  {
    event: "checksum",
    reason: "tcp-verify",
    work: "checksum",
    state: "warm",
    also: "cold",
    why: `${BY_CIPHER}; cold without IPsec`,
  },
  { event: "checksum", reason: "encap-checksum", work: "checksum", state: "warm", why: BY_CIPHER },
  {
    event: "checksum",
    reason: "checksum-help",
    work: "checksum",
    state: "warm",
    also: "cold",
    why: "the socket has copied these bytes shortly before",
  },
  {
    event: "checksum",
    reason: "segment-sum",
    work: "checksum",
    state: "cold",
    also: "warm",
    why: "segments refer to pages that the NIC wrote; warm where a socket of this host filled them",
  },
  ...["fused", "fused-user", "fused-read"].map(fused),
  ...CIPHER_REASONS.flatMap(cipher),
];

function fused(reason: string): Charge {
  return { event: "checksum", reason, work: "copy+checksum", besides: "copy", state: "cold", also: "warm", why: FUSED };
}

function cipher(reason: CipherReason): Charge[] {
  return [
    {
      event: "seal",
      reason,
      work: `seal ${reason}`,
      pieces: `seal ${reason} in pieces`,
      state: "warm",
      also: "cold",
      why: "behind a copy or a checksum of the same bytes; cold where nothing else touches them",
    },
    {
      event: "open",
      reason,
      work: `open ${reason}`,
      pieces: `open ${reason} in pieces`,
      alsoPieces: `seal ${reason} in pieces`,
      state: "cold",
      also: "warm",
      why: `${WRITTEN_BY_NIC}; warm behind a copy`,
    },
  ];
}

/** The charge if memory is taken as cold, wherever it is that, or as warm everywhere. */
export function takenAs(memory: MemoryState, charge: Charge): Charge {
  if (memory === charge.state || memory === "cold") return charge;
  return { ...charge, state: "warm", also: "cold", why: `${charge.why}; taken as warm all the same (--memory warm)` };
}

/** How an event that costs one access to memory is priced: where the line comes from as a rule, at best and at worst. */
export interface LineCharge {
  /** Kind of event. */
  readonly event: string;
  /** Only with this reason; absent: with all. */
  readonly reason?: string;
  /** Unit that the base has it in. */
  readonly unit: "ns/op" | "ns/count";
  /** Where the line comes from. */
  readonly value: LineLevel;
  /** At best; absent: from nowhere, it is there. */
  readonly low?: LineLevel;
  /** At worst. */
  readonly high: LineLevel;
  /** What is touched. */
  readonly why: string;
}

const ENTRY = "each scatterlist entry is one more cache line from L2; high: from L3, low: it is in L1";
const CIPHER_STATE = "the null cipher touches its state, one cache line from L3; low: from L2, high: from memory";

/** Events that cost one access to memory, as profile `published` has them; a base without them gets none. */
export const LINE_CHARGES: readonly LineCharge[] = [
  { event: "seal", unit: "ns/count", value: "l2", high: "l3", why: ENTRY },
  { event: "open", unit: "ns/count", value: "l2", high: "l3", why: ENTRY },
  { event: "seal", reason: "null", unit: "ns/op", value: "l3", low: "l2", high: "memory", why: CIPHER_STATE },
  { event: "open", reason: "null", unit: "ns/op", value: "l3", low: "l2", high: "memory", why: CIPHER_STATE },
];
