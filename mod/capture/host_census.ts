/**
 * Whose part a host of the model could play in a capture: who sent the most payload, who was sent the most, and whether that
 * comes as ESP.
 *
 * A capture with ESP packets is played to a receiver as it is: only these arrive, since what else a receiver captured may be
 * what it decrypted, seen again.
 *
 * ```ts
 * const census = new HostCensus();
 * if (facts.isIp) census.add(packet.bytes, facts);
 * census.contents().busiestSender?.address; // "192.0.2.1"
 * ```
 *
 * @module
 */

import { FlowTable } from "../wire/flow_table.ts";
import type { FrameFacts } from "../wire/frame_facts.ts";
import { PROTOCOL_ESP } from "../wire/ip_protocol.ts";

/** A host and its part in a capture. */
export interface BusyHost {
  /** Its address, of either version. */
  readonly address: string;
  /** IP packets that it sent, or that were sent to it. */
  readonly packets: number;
}

/** Who is in a capture. */
export interface Hosts {
  /** IP packets carry ESP; a fragment of one counts, although nobody can open it. */
  readonly hasEsp: boolean;
  /** Who sent the most payload over IP; the first seen among equals, null where nobody sent anything. */
  readonly busiestSender: BusyHost | null;
  /** Who was sent the most payload, of ESP alone where there is ESP, as above. */
  readonly busiestReceiver: BusyHost | null;
}

/** Whether a packet is ESP, not that inside UDP; a fragment of one is. */
export function isEsp({ isIp, protocol }: FrameFacts): boolean {
  return isIp && protocol === PROTOCOL_ESP;
}

/** Tells of a packet whether it is ESP; `facts` have been read from `u8`. */
export type EspTest = (u8: Uint8Array, facts: FrameFacts) => boolean;

/** Counts IP packets, one after the other. */
export class HostCensus {
  // One row for the ESP of each pair of addresses and one for all else: ports are the same here.
  readonly #pairs = new FlowTable();
  readonly #packets: number[] = [];
  readonly #payloadBytes: number[] = [];
  #hasEsp = false;

  /** What `isEspPacket` says counts as ESP, else what is not inside UDP. */
  constructor(readonly isEspPacket: EspTest = (_, facts) => isEsp(facts)) {}

  /** Counts a packet with a readable IP header, which `facts` have been read from in `u8`. */
  add(u8: Uint8Array, facts: FrameFacts): void {
    const protocol = this.isEspPacket(u8, facts) ? PROTOCOL_ESP : 0;
    const pair = this.#pairs.findAt(u8, facts.ipAt, facts.ipVersion, 0, 0, protocol);
    if (pair === this.#packets.length) {
      this.#packets.push(0);
      this.#payloadBytes.push(0);
    }
    this.#packets[pair]! += 1;
    this.#payloadBytes[pair]! += facts.payloadBytes;
    if (protocol === PROTOCOL_ESP) this.#hasEsp = true;
  }

  /** What has been counted so far. */
  contents(): Hosts {
    const pairs = this.#pairs;
    const received = this.#hasEsp ? PROTOCOL_ESP : 0;
    return {
      hasEsp: this.#hasEsp,
      busiestSender: this.#busiest((pair) => pairs.sourceText(pair)),
      busiestReceiver: this.#busiest((pair) => {
        return pairs.protocol(pair) === received ? pairs.destinationText(pair) : null;
      }),
    };
  }

  /** Who has the most payload; `hostOf` says whose that of a pair is, null for nobody's. */
  #busiest(hostOf: (pair: number) => string | null): BusyHost | null {
    const hosts = new Map<string, { packets: number; payloadBytes: number }>();
    this.#packets.forEach((packets, pair) => {
      const address = hostOf(pair);
      if (address === null) return;
      const sum = hosts.get(address) ?? { packets: 0, payloadBytes: 0 };
      sum.packets += packets;
      sum.payloadBytes += this.#payloadBytes[pair]!;
      hosts.set(address, sum);
    });
    let busiest: BusyHost & { payloadBytes: number } | null = null;
    for (const [address, sum] of hosts) {
      if (busiest === null || sum.payloadBytes > busiest.payloadBytes) busiest = { address, ...sum };
    }
    return busiest === null ? null : { address: busiest.address, packets: busiest.packets };
  }
}
