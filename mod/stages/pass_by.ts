/**
 * Packets that are not IP go up the stack to whoever asked for their protocol, outside this model.
 *
 * @module
 */

import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import type { Skb } from "../skb/skb.ts";
import { type Host, visit } from "./host.ts";

/** Delivers `skb`, which is not for ESP. */
export function passBy(host: Host, skb: Skb): void {
  visit(host, "napi", skb);
  host.gate.leave(1);
  host.ledger.write(EVENT.deliver, REASON.bypass, skb.packet, skb.id, NONE, skb.len, 1, skb.payloadBytes);
  host.skbs.free(skb, REASON.consumed);
}
