/**
 * Which packets are ours: configuration keys `local` and `tunnel`.
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import type { CaptureReader } from "../capture/mod.ts";
import { CapturePacket } from "../capture/mod.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import { parseAddress } from "../wire/ipv4.ts";

/** Tells whether an IPv4 source address (unsigned 32 bits) is one of ours. */
export type IsLocal = (source: number) => boolean;

/** Whether the capture has to be read once before to know who we are. */
export function needsSurvey(config: Config): boolean {
  return config.tunnel === "local" && config.local === "auto";
}

/** The test of `config`: every address with `tunnel=all`, else the one named, else the one that `survey` found. */
export function localityOf(config: Config, survey: number | undefined): IsLocal {
  if (config.tunnel === "all") return () => true;
  if (config.local === "auto") return (source) => source === survey;
  const [address, bits] = config.local.split("/") as [string, string | undefined];
  const mask = bits === undefined || bits === "32" ? 0xffffffff : ~(0xffffffff >>> Number(bits)) >>> 0;
  const network = (parseAddress(address)! & mask) >>> 0;
  return (source) => (source & mask) >>> 0 === network;
}

/** Reads a capture through: the address that sent the most payload, the first seen among equals. */
export async function surveyBusiestSender(reader: CaptureReader): Promise<number | undefined> {
  const sent = new Map<number, number>();
  const packet = new CapturePacket();
  const facts = new FrameFacts();
  while (await reader.fill()) {
    while (reader.next(packet)) {
      const { bytes, offset, capturedBytes, originalBytes, linkType } = packet;
      facts.read(bytes, offset, capturedBytes, Math.max(capturedBytes, originalBytes), linkType);
      if (facts.isIpv4) sent.set(facts.source, (sent.get(facts.source) ?? 0) + facts.payloadBytes);
    }
  }
  let busiest: number | undefined;
  for (const [address, bytes] of sent) if (busiest === undefined || bytes > sent.get(busiest)!) busiest = address;
  return busiest;
}
