/**
 * What has to be known of a capture before a receiver can play it (`path=receive`): whether ESP packets are in it, and who
 * was sent the most payload, which is us unless `local` says otherwise.
 *
 * A capture with ESP packets is played as it is: only these arrive, since what else a receiver captured may be what it
 * decrypted, seen again.
 *
 * @module
 */

import { CapturePacket, type CaptureReader } from "../capture/mod.ts";
import { FlowTable } from "../wire/flow_table.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import { PROTOCOL_ESP } from "../wire/ip_protocol.ts";

/** What a receiver knows before it begins. */
export interface ReceiverSurvey {
  /** The capture holds ESP packets. */
  readonly hasEsp: boolean;
  /**
   * The address that was sent the most payload over IP of either version, of ESP alone where there is ESP; the first seen
   * among equals, undefined where nobody was sent anything.
   */
  readonly busiestReceiver: string | undefined;
}

/** Payload by destination. */
class Destinations {
  // One row per pair of addresses: ports and protocols are all the same here.
  readonly #pairs = new FlowTable();
  readonly #bytes: number[] = [];

  add(u8: Uint8Array, { ipAt, ipVersion, payloadBytes }: FrameFacts): void {
    const pair = this.#pairs.findAt(u8, ipAt, ipVersion, 0, 0, 0);
    this.#bytes[pair] = (this.#bytes[pair] ?? 0) + payloadBytes;
  }

  get busiest(): string | undefined {
    const sums = new Map<string, number>();
    this.#bytes.forEach((bytes, pair) => {
      const address = this.#pairs.destinationText(pair);
      sums.set(address, (sums.get(address) ?? 0) + bytes);
    });
    let busiest: string | undefined;
    for (const [address, bytes] of sums) if (busiest === undefined || bytes > sums.get(busiest)!) busiest = address;
    return busiest;
  }
}

/** Reads a capture through. */
export async function surveyReceiver(reader: CaptureReader): Promise<ReceiverSurvey> {
  const clear = new Destinations();
  const esp = new Destinations();
  const packet = new CapturePacket();
  const facts = new FrameFacts();
  let hasEsp = false;
  while (await reader.fill()) {
    while (reader.next(packet)) {
      const { bytes, offset, capturedBytes, originalBytes, linkType } = packet;
      facts.read(bytes, offset, capturedBytes, Math.max(capturedBytes, originalBytes), linkType);
      if (!facts.isIp) continue;
      if (isEsp(facts)) hasEsp = true;
      (isEsp(facts) ? esp : clear).add(bytes, facts);
    }
  }
  return { hasEsp, busiestReceiver: hasEsp ? esp.busiest : clear.busiest };
}

/** Whether a packet is ESP; a fragment of one counts, although nobody can open it. */
export function isEsp({ isIp, protocol }: FrameFacts): boolean {
  return isIp && protocol === PROTOCOL_ESP;
}
