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
  /** Numbers that its replay window covers; absent: as many as the table says. */
  readonly windowSize?: number;
  /** It takes packets between its two addresses only, in transport mode too; absent: to the end of a tunnel, or to anybody. */
  readonly isBound?: boolean;
}

/** One association as its receiver has it. */
export interface InboundAssociation extends InboundKeys {
  /** Which of its sequence numbers have come. */
  readonly window: ReplayWindow;
}

/** All associations of one receiver. */
export class InboundTable {
  readonly #bySpi = new Map<number, InboundAssociation[]>();

  /** A table of `associations`, each with a replay window of `windowSize` numbers where it does not say itself. */
  constructor(associations: readonly InboundKeys[], readonly windowSize: number) {
    for (const association of associations) this.add(association);
  }

  /** One more association; it is returned as its receiver has it. */
  add(keys: InboundKeys): InboundAssociation {
    const inbound = { ...keys, window: new ReplayWindow(keys.windowSize ?? this.windowSize) };
    const others = this.#bySpi.get(keys.sa.spi);
    if (others === undefined) this.#bySpi.set(keys.sa.spi, [inbound]);
    else others.push(inbound);
    return inbound;
  }

  /** Takes an association out again; another of its SPI may take its place. */
  remove(inbound: InboundAssociation): void {
    const others = this.#bySpi.get(inbound.sa.spi)?.filter((other) => other !== inbound) ?? [];
    this.#bySpi.set(inbound.sa.spi, others);
  }

  /** All associations, in no order that means anything. */
  get all(): InboundAssociation[] {
    return [...this.#bySpi.values()].flat();
  }

  /** The association of `spi` for the packet with the IP header at absolute offset `ipAt`; undefined when there is none. */
  find(u8: Uint8Array, ipAt: number, spi: number): InboundAssociation | undefined {
    return this.#bySpi.get(spi)?.find((inbound) => takes(inbound, u8, ipAt));
  }
}

/** Whether the packet is addressed to the end of the tunnel, or, where that matters, goes from one of the addresses to the other. */
function takes({ sa, isBound = false }: InboundAssociation, u8: Uint8Array, ipAt: number): boolean {
  const { mode, source, destination } = sa;
  if (mode === "transport" && !isBound) return true;
  const isIpv6 = ip.isIpv6(u8, ipAt);
  if (isIpv6 !== (destination.length === ipv6.ADDRESS_BYTES)) return false;
  const at = ipAt + (isIpv6 ? ipv6.OFFSET_DESTINATION : ipv4.OFFSET_DESTINATION);
  if (!destination.every((byte, i) => u8[at + i] === byte)) return false;
  return !isBound || source.every((byte, i) => u8[at - source.length + i] === byte);
}
