/**
 * Protocol numbers of the IPv4 protocol field and the IPv6 next header field (IANA registry "protocol-numbers").
 *
 * @module
 */

/** IPv6 hop-by-hop options. */
export const PROTOCOL_HOP_BY_HOP = 0;
/** ICMP. */
export const PROTOCOL_ICMP = 1;
/** IGMP. */
export const PROTOCOL_IGMP = 2;
/** IPv4 in IP: ESP's next header in tunnel mode. */
export const PROTOCOL_IPIP = 4;
/** TCP. */
export const PROTOCOL_TCP = 6;
/** UDP. */
export const PROTOCOL_UDP = 17;
/** DCCP. */
export const PROTOCOL_DCCP = 33;
/** IPv6 in IP: ESP's next header in tunnel mode. */
export const PROTOCOL_IPV6 = 41;
/** IPv6 routing header. */
export const PROTOCOL_ROUTING = 43;
/** IPv6 fragment header. */
export const PROTOCOL_FRAGMENT = 44;
/** GRE. */
export const PROTOCOL_GRE = 47;
/** Encapsulating security payload (RFC 4303). */
export const PROTOCOL_ESP = 50;
/** Authentication header (RFC 4302). */
export const PROTOCOL_AH = 51;
/** ICMPv6. */
export const PROTOCOL_ICMPV6 = 58;
/** No next header: an ESP dummy packet (RFC 4303, section 2.6). */
export const PROTOCOL_NONE = 59;
/** IPv6 destination options. */
export const PROTOCOL_DESTINATION_OPTIONS = 60;
/** SCTP. */
export const PROTOCOL_SCTP = 132;
/** IPv6 mobility header (RFC 6275). */
export const PROTOCOL_MOBILITY = 135;
/** UDP-Lite. */
export const PROTOCOL_UDPLITE = 136;
