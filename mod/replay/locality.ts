/**
 * Which packets are ours: configuration keys `local` and `tunnel`.
 *
 * `local=auto` is one address: that of the host which sent the most payload, on path receive the one which was sent the most.
 * A host with addresses of both IP versions is the one of the busier address, and its packets of the other are not ours.
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import type { CaptureReader } from "../capture/mod.ts";
import { type EspTest, HostCensus, type Hosts } from "../capture/host_census.ts";
import { CapturePacket } from "../capture/mod.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import { parsePrefix } from "../wire/ip_prefix.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";

/** Where addresses are in an IP header, by version. */
const SOURCE_OFFSETS = { 4: ipv4.OFFSET_SOURCE, 6: ipv6.OFFSET_SOURCE } as const;
const DESTINATION_OFFSETS = { 4: ipv4.OFFSET_DESTINATION, 6: ipv6.OFFSET_DESTINATION } as const;

/**
 * Tells whether the source address of a packet is one of ours, on path receive its destination. `facts` have been read from
 * `u8`, and of a packet whose IP header could not be read nobody is the source.
 */
export type IsLocal = (u8: Uint8Array, facts: FrameFacts) => boolean;

/** Whether the capture has to be read once before: to know who we are, or what is in it (`receiver_survey.ts`). */
export function needsSurvey(config: Config): boolean {
  return config.path === "receive" || (config.local === "auto" && !isEverybodyOurs(config));
}

/** A gateway may take all that arrives. */
function isEverybodyOurs({ path, tunnel }: Config): boolean {
  return path === "forward" && tunnel === "all";
}

/** The test of `config`: every address with `tunnel=all`, else those named, else the one that `survey` found. */
export function localityOf(config: Config, survey: string | undefined): IsLocal {
  if (isEverybodyOurs(config)) return () => true;
  const prefix = parsePrefix(config.local === "auto" ? survey ?? "" : config.local);
  if (prefix === undefined) return () => false;
  const offsets = config.path === "receive" ? DESTINATION_OFFSETS : SOURCE_OFFSETS;
  return (u8, { ipAt, ipVersion }) => prefix.contains(ipVersion, u8, ipAt + offsets[ipVersion === 6 ? 6 : 4]);
}

/**
 * Reads a capture through: the address that sent the most payload over IP of either version, as text; the first seen among
 * equals, undefined where nobody sent anything.
 */
export async function surveyBusiestSender(reader: CaptureReader): Promise<string | undefined> {
  return (await surveyHosts(reader)).busiestSender?.address;
}

/** Reads a capture through: who sends, who receives, and whether that is ESP, as `isEspPacket` says. */
export async function surveyHosts(reader: CaptureReader, isEspPacket?: EspTest): Promise<Hosts> {
  const census = new HostCensus(isEspPacket);
  const packet = new CapturePacket();
  const facts = new FrameFacts();
  while (await reader.fill()) {
    while (reader.next(packet)) {
      const { bytes, offset, capturedBytes, originalBytes, linkType } = packet;
      facts.read(bytes, offset, capturedBytes, Math.max(capturedBytes, originalBytes), linkType);
      if (facts.isIp) census.add(bytes, facts);
    }
  }
  return census.contents();
}
