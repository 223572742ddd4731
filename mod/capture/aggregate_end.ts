/**
 * Why an aggregate of TCP segments ends, as far as a capture can tell: the reasons of `wire/merge_rules.ts`, and those that
 * only whoever polls, or reads headers, knows. Each has a name for programs; that of a `flush` event where there is one.
 *
 * @example
 * ```ts
 * import { AGGREGATE_END, AGGREGATE_END_NAMES } from "./aggregate_end.ts";
 * AGGREGATE_END_NAMES[AGGREGATE_END.window]; // "window"
 * ```
 *
 * @module
 */

import { END } from "../wire/merge_rules.ts";

/** Behind the last of `END`. */
const FIRST: number = Object.keys(END).length;

/** Reasons by name; the numbers go from 0 up without a gap. */
export const AGGREGATE_END = {
  ...END,
  /** TCP options differ in nothing but the values of the timestamps option (RFC 7323). */
  timestamps: FIRST,
  /** The poll ended, with fewer packets than it could take. */
  pollEnd: FIRST + 1,
  /** The poll ended because it had as many packets as it takes. */
  budget: FIRST + 2,
  /** GRO passes the packet by: it has IP options, or extension headers that GRO does not look behind. */
  ipOptions: FIRST + 3,
  /** GRO passes the packet by: the checksum of its IP header is wrong, or was left to a NIC. */
  ipChecksum: FIRST + 4,
  /** GRO passes the packet by: its TCP checksum is wrong. */
  tcpChecksum: FIRST + 5,
  /** GRO passes the packet by: its TCP header is damaged, or the capture lacks part of its first 20 bytes. */
  tcpHeader: FIRST + 6,
} as const;

const NAMES: Readonly<Record<keyof typeof AGGREGATE_END, string>> = {
  none: "none",
  short: "short-segment",
  push: "push",
  count: "datagram-count",
  ipRefused: "ip-refused",
  noPayload: "no-payload",
  sequence: "sequence",
  flags: "tcp-flags",
  window: "window",
  acknowledgment: "acknowledgment",
  options: "tcp-options",
  ttl: "other-ttl",
  tos: "other-tos",
  dontFragment: "other-df",
  ipId: "ip-id",
  longer: "longer-segment",
  gsoSize: "gso-size",
  size: "size-limit",
  timestamps: "timestamps",
  pollEnd: "poll-end",
  budget: "budget",
  ipOptions: "ip-options",
  ipChecksum: "ip-checksum",
  tcpChecksum: "tcp-checksum",
  tcpHeader: "tcp-header",
};

/** Names of the reasons, by number. */
export const AGGREGATE_END_NAMES: readonly string[] = namesByNumber();

function namesByNumber(): string[] {
  const names: string[] = [];
  for (const [key, end] of Object.entries(AGGREGATE_END)) names[end] = NAMES[key as keyof typeof AGGREGATE_END];
  return names;
}
