/**
 * The associations under which packets are received: found by SPI and destination, each with its cipher and its replay
 * window (RFC 4301, section 4.1; Linux xfrm_state_lookup, 4.4 and 6.1).
 *
 * In transport mode an association takes packets to any address.
 *
 * ```ts
 * import { ENGINES } from "../crypto/engines.ts";
 * import { InboundTable } from "./inbound.ts";
 * import { testSecurityAssociation } from "./sa.ts";
 * const sa = testSecurityAssociation({ seed: 1 });
 * const table = new InboundTable([{ sa, aead: sa.aead(ENGINES.noble) }], 64);
 * const packet = new Uint8Array(20); // An IPv4 header to 0.0.0.0.
 * table.find(packet, 0, sa.spi); // undefined: the tunnel ends elsewhere
 * ```
 *
 * @module
 */
import type { Aead } from "../crypto/aead.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { ReplayWindow } from "./replay_window.ts";
import type { SecurityAssociation } from "./sa.ts";

/** An association and what opens its packets; null when nobody looks at the bytes and nothing was encrypted. */
export interface InboundKeys {
  /** The association. */
  readonly sa: SecurityAssociation;
  /** Opens its packets. */
  readonly aead: Aead | null;
}

/** One association as its receiver has it. */
export interface InboundAssociation extends InboundKeys {
  /** Which of its sequence numbers have come. */
  readonly window: ReplayWindow;
}

/** All associations of one receiver. */
export class InboundTable {
  readonly #bySpi = new Map<number, InboundAssociation[]>();

  /** A table of `associations`, each with a replay window of `windowSize` numbers. */
  constructor(associations: readonly InboundKeys[], windowSize: number) {
    for (const { sa, aead } of associations) {
      const inbound = { sa, aead, window: new ReplayWindow(windowSize) };
      const others = this.#bySpi.get(sa.spi);
      if (others === undefined) this.#bySpi.set(sa.spi, [inbound]);
      else others.push(inbound);
    }
  }

  /** The association of `spi` for the packet with the IP header at absolute offset `ipAt`; undefined when there is none. */
  find(u8: Uint8Array, ipAt: number, spi: number): InboundAssociation | undefined {
    return this.#bySpi.get(spi)?.find(({ sa }) => endsHere(sa, u8, ipAt));
  }
}

/** Whether the packet is addressed to the end of the tunnel. */
function endsHere({ mode, destination }: SecurityAssociation, u8: Uint8Array, ipAt: number): boolean {
  if (mode === "transport") return true;
  const isIpv6 = ip.isIpv6(u8, ipAt);
  if (isIpv6 !== (destination.length === ipv6.ADDRESS_BYTES)) return false;
  const at = ipAt + (isIpv6 ? ipv6.OFFSET_DESTINATION : ipv4.OFFSET_DESTINATION);
  return destination.every((byte, i) => u8[at + i] === byte);
}
