/**
 * What outer and inner header of tunnel mode have in common, and how an association may be told to treat it: the flags of
 * `ip xfrm state` (RFC 6040 and RFC 4301, section 5.1.2; Linux xfrm4_tunnel_encap_add, xfrm6_tunnel_encap_add,
 * xfrm4_remove_tunnel_encap, xfrm6_remove_tunnel_encap of 6.1, net/ipv4/xfrm4_mode_tunnel.c and net/ipv6/xfrm6_mode_tunnel.c
 * of 4.4).
 *
 * ECN is that of RFC 3168: "congestion experienced" inside becomes ECT(0) outside, so that the outer packet can tell its own
 * congestion, and outside it marks an inner packet that takes part. An inner packet that does not is neither marked nor
 * dropped.
 *
 * ```ts
 * import { DEFAULT_TUNNEL_HEADER, outerDsField } from "./tunnel_header.ts";
 * outerDsField(0xbb, DEFAULT_TUNNEL_HEADER); // 0xba: expedited forwarding, ECT(0)
 * outerDsField(0xbb, { ...DEFAULT_TUNNEL_HEADER, ecn: false }); // 0xb8
 * ```
 *
 * @module
 */

/** How the headers of tunnel mode are made of each other. */
export interface TunnelHeaderOptions {
  /** ECN goes from inner to outer header and back; without it (`noecn`) the outer header has none. */
  readonly ecn: boolean;
  /** The DSCP of the outer header is that of the inner one; without it (`dont-encap-dscp`) it is 0. */
  readonly encapsulatesDscp: boolean;
  /** A receiver gives the inner header the DSCP of the outer one (`decap-dscp`). */
  readonly decapsulatesDscp: boolean;
  /** "Do not fragment" of an outer IPv4 header is that of the inner one; without it (`nopmtudisc`) it is clear. */
  readonly pathMtuDiscovery: boolean;
}

/** What `ip xfrm state` does without flags. */
export const DEFAULT_TUNNEL_HEADER: TunnelHeaderOptions = {
  ecn: true,
  encapsulatesDscp: true,
  decapsulatesDscp: false,
  pathMtuDiscovery: true,
};

const ECN_MASK = 0x03;
const ECN_NOT_ECT = 0x00;
const ECN_ECT_0 = 0x02;
const ECN_CE = 0x03;

/** DSCP and ECN, one byte, of the outer header around a packet whose field is `inside` (INET_ECN_encapsulate). */
export function outerDsField(inside: number, { ecn, encapsulatesDscp }: TunnelHeaderOptions): number {
  const dscp = encapsulatesDscp ? inside & ~ECN_MASK : 0;
  if (!ecn) return dscp;
  const mark = inside & ECN_MASK;
  return dscp | (mark === ECN_CE ? ECN_ECT_0 : mark);
}

/**
 * DSCP and ECN, one byte, of a packet that had `inside` and came behind an outer header with `outside` (ipv4_copy_dscp,
 * ipip_ecn_decapsulate and their twins of IPv6).
 */
export function innerDsField(inside: number, outside: number, options: TunnelHeaderOptions): number {
  const field = options.decapsulatesDscp ? (outside & ~ECN_MASK) | (inside & ECN_MASK) : inside;
  const isCongested = options.ecn && (outside & ECN_MASK) === ECN_CE;
  return isCongested && (inside & ECN_MASK) !== ECN_NOT_ECT ? field | ECN_CE : field;
}
