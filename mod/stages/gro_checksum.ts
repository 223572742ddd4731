/**
 * The checksum of a received packet, where no hardware has verified it: GRO sums every byte before it merges.
 *
 * linux-datapath 5.8 (skb_gro_checksum_validate, __skb_gro_checksum_complete; 4.4 and 6.1).
 *
 * @module
 */

import { EVENT, REASON } from "../ledger/schema.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import type { SkbMemory } from "../skb/skb_memory.ts";
import { combine, pseudoHeaderSumIpv4, pseudoHeaderSumIpv6 } from "../wire/checksum.ts";
import * as ipv4 from "../wire/ipv4.ts";
import type { GroHeaders } from "./gro_headers.ts";

/** Whether the transport checksum is good; the CPU sums it where nobody has, and remembers a good one. */
export function verifyChecksum(skbs: SkbMemory, skb: Skb, headers: GroHeaders): boolean {
  if (skb.ipSummed !== CHECKSUM.none) return true;
  const transportBytes = skb.len - headers.networkBytes;
  skbs.ledger.note(EVENT.checksum, REASON.groVerify, skb, transportBytes);
  if (transportSum(skbs, skb, headers, transportBytes) !== 0xffff) return false;
  skb.ipSummed = CHECKSUM.unnecessary;
  return true;
}

/** Sum over pseudo-header and transport bytes: 0xffff when the checksum holds. */
function transportSum(skbs: SkbMemory, skb: Skb, headers: GroHeaders, bytes: number): number {
  const { pieces, memory } = skbs;
  let sum = pseudoHeaderSum(memory.u8, headers.at, headers.isIpv6, headers.protocol, bytes);
  let done = 0;
  pieces.start(skb, headers.networkBytes, bytes);
  while (pieces.next()) {
    sum = combine(sum, memory.sum(pieces.at, pieces.bytes), done);
    done += pieces.bytes;
  }
  return sum;
}

/** Sum of the pseudo-header over `bytes` transport bytes, of the version that the EtherType says. */
export function pseudoHeaderSum(u8: Uint8Array, at: number, isIpv6: boolean, protocol: number, bytes: number): number {
  if (isIpv6) return pseudoHeaderSumIpv6(u8, at, protocol, bytes);
  return pseudoHeaderSumIpv4(ipv4.source(u8, at), ipv4.destination(u8, at), protocol, bytes);
}
