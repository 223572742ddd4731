/**
 * Header fields of captured packets moved on, with their checksums kept as right or as wrong as they were (RFC 1624).
 *
 * All functions write into the bytes they are given.
 *
 * ```ts
 * moveId(packet.bytes, facts.ipAt, 17);
 * moveNumbers(packet.bytes, facts.transportAt, 32, 4488800, 0, true);
 * ```
 *
 * @module
 */

import { get16, get32, set16, set32 } from "../wire/bytes.ts";
import { finish, fold, partialSum } from "../wire/checksum.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as tcp from "../wire/tcp.ts";

const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_SACK = 5;
const SACK_HEADER_BYTES = 2;
const SACK_EDGE_BYTES = 4;

/** Ids from here on are near their end: a 0 behind them goes on counting. */
const LAST_IDS = 0xff00;

/**
 * Whether an IPv4 id says nothing: Linux sends 0 with DF where a packet belongs to no socket. `idBefore` is that of the packet
 * before it in the flow.
 */
export function isNoId(id: number, idBefore: number): boolean {
  return id === 0 && idBefore < LAST_IDS;
}

/** Gives the IPv4 header at `ipAt` another id. */
export function moveId(u8: Uint8Array, ipAt: number, id: number): void {
  const before = ipv4.id(u8, ipAt);
  if (before === id) return;
  ipv4.setId(u8, ipAt, id);
  update(u8, ipAt + ipv4.OFFSET_CHECKSUM, before, id);
}

/**
 * Adds to the sequence number of the TCP header at `at`, and to what it says about the other side's: the acknowledgment
 * number, if it counts, and the edges of SACK blocks (RFC 2018). All `headerBytes` bytes of the header must be there.
 * `hasChecksum` is false where the checksum does not cover the header (it was left to a NIC).
 */
export function moveNumbers(
  u8: Uint8Array,
  at: number,
  headerBytes: number,
  sequenceStep: number,
  acknowledgmentStep: number,
  hasChecksum: boolean,
): void {
  const before = partialSum(u8, at, headerBytes);
  tcp.setSequence(u8, at, tcp.sequence(u8, at) + sequenceStep);
  if ((tcp.flags(u8, at) & tcp.FLAG_ACK) !== 0) {
    tcp.setAcknowledgment(u8, at, tcp.acknowledgment(u8, at) + acknowledgmentStep);
    moveSackBlocks(u8, at + tcp.OFFSET_OPTIONS, at + headerBytes, acknowledgmentStep);
  }
  if (hasChecksum) update(u8, at + tcp.OFFSET_CHECKSUM, before, partialSum(u8, at, headerBytes));
}

/** Edges of all SACK options from `at` to `end`; the rest of a damaged list of options stays as it is. */
function moveSackBlocks(u8: Uint8Array, at: number, end: number, step: number): void {
  let here = at;
  while (here < end && u8[here] !== OPTION_END) {
    if (u8[here] === OPTION_NOP) {
      here += 1;
      continue;
    }
    const bytes = u8[here + 1]!;
    if (here + 1 >= end || bytes < SACK_HEADER_BYTES || here + bytes > end) return;
    for (let edge = here + SACK_HEADER_BYTES; u8[here] === OPTION_SACK; edge += SACK_EDGE_BYTES) {
      if (edge + SACK_EDGE_BYTES > here + bytes) break;
      set32(u8, edge, get32(u8, edge) + step);
    }
    here += bytes;
  }
}

/** The checksum at `at` covered words that summed up to `before` and sum up to `after` now. */
function update(u8: Uint8Array, at: number, before: number, after: number): void {
  const sum = (get16(u8, at) ^ 0xffff) + (fold(before) ^ 0xffff) + after;
  set16(u8, at, finish(sum));
}
