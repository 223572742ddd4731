/**
 * What has to be known of a capture before a receiver can play it (`path=receive`): whether ESP packets are in it, and who
 * was sent the most payload, which is us unless `local` says otherwise.
 *
 * A capture with ESP packets is played as it is: only these arrive, since what else a receiver captured may be what it
 * decrypted, seen again.
 *
 * @module
 */

import { type EspTest, isEsp } from "../capture/host_census.ts";
import type { CaptureReader } from "../capture/mod.ts";
import type { Config } from "../config/schema.ts";
import { NAT_TRAVERSAL, type UdpEncapsulation } from "../esp/sa.ts";
import type { SaEntry } from "../esp/sa_entry.ts";
import { isEncapsulatedEsp } from "../esp/udp_encapsulation.ts";
import { PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import { surveyHosts } from "./locality.ts";

/** What a receiver knows before it begins. */
export interface ReceiverSurvey {
  /** The capture holds ESP packets. */
  readonly hasEsp: boolean;
  /** Some of them come in UDP. */
  readonly hasEncapsulated: boolean;
  /**
   * The address that was sent the most payload over IP of either version, of ESP alone where there is ESP; the first seen
   * among equals, undefined where nobody was sent anything.
   */
  readonly busiestReceiver: string | undefined;
}

/** Tells which packets an SA with this encapsulation may be for; one in UDP is whole. */
export function espTestOf(encapsulation: UdpEncapsulation | null): EspTest {
  if (encapsulation === null) return (_, facts) => isEsp(facts);
  return (u8, { isIp, protocol, isFragment, transportAt, transportBytes }) => {
    return isIp && protocol === PROTOCOL_UDP && !isFragment &&
      isEncapsulatedEsp(u8, transportAt, transportAt + transportBytes, encapsulation.destinationPort);
  };
}

/**
 * Tells which packets the associations of a file may be for: ESP, and ESP in UDP to or from a port that they name, or 4500: the
 * other port is what a NAT made of it.
 */
export function espTestOfFile(entries: readonly SaEntry[]): EspTest {
  const ports = new Set([NAT_TRAVERSAL.destinationPort]);
  for (const { encapsulation } of entries) if (encapsulation) ports.add(encapsulation.destinationPort);
  const plain = espTestOf(null);
  return (u8, facts) => {
    if (plain(u8, facts)) return true;
    const { sourcePort, destinationPort } = facts;
    if (!ports.has(sourcePort) && !ports.has(destinationPort)) return false;
    return espTestOf({ sourcePort, destinationPort })(u8, facts);
  };
}

/**
 * Reads a capture through; `encap` is that of the SA (configuration key), so that ESP is looked for in UDP or elsewhere. Where
 * `entries` of a file are given, it is looked for in both.
 */
export async function surveyReceiver(
  reader: CaptureReader,
  encap: Config["encap"] = "none",
  entries?: readonly SaEntry[],
): Promise<ReceiverSurvey> {
  let hasEncapsulated = false;
  const isEspPacket = entries === undefined
    ? espTestOf(encap === "udp" ? NAT_TRAVERSAL : null)
    : espTestOfFile(entries);
  const { hasEsp, busiestReceiver } = await surveyHosts(reader, (u8, facts) => {
    const found = isEspPacket(u8, facts);
    if (found && facts.protocol === PROTOCOL_UDP) hasEncapsulated = true;
    return found;
  });
  return { hasEsp, hasEncapsulated, busiestReceiver: busiestReceiver?.address };
}
