/**
 * What a user should know about a run besides its figures: one sentence each, the same for the same input.
 *
 * @module
 */

import { type CaptureReader, linkTypeName } from "../capture/mod.ts";
import type { ResolvedConfig } from "../config/resolve.ts";
import type { Delivery } from "../ledger/delivery.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { isLinkTypeFollowed } from "../wire/link_layer.ts";
import type { Traffic } from "./traffic.ts";

/** A run shorter than this many fillings of the ring says little about the steady state (design, section 3). */
const RING_FILLINGS = 20;

/** All warnings of a run, those of reading and configuration first. */
export function replayWarnings(
  reader: CaptureReader,
  traffic: Traffic,
  delivery: Delivery,
  resolved: ResolvedConfig,
  brokenLaws: readonly string[],
): string[] {
  const { config } = resolved;
  const { oddities, packets } = traffic;
  const warnings = [...reader.warnings, ...resolved.warnings];
  const warn = (count: number, sentence: string): void => {
    if (count > 0) warnings.push(`${count} ${sentence}`);
  };
  const unknown = reader.linkTypes.filter(({ linkType }) => !isLinkTypeFollowed(linkType));
  const names = unknown.map(({ linkType }) => linkTypeName(linkType)).join(", ");
  warn(oddities.otherLink, `packets are ignored: their link type is not understood (${names})`);
  warn(
    oddities.reframed,
    "packets were captured with tags or another link layer: they arrive as plain Ethernet frames",
  );
  warn(oddities.ipv6, "IPv6 packets bypass the tunnel: IPv6 is not built yet");
  warn(
    oddities.aboveMtu,
    `packets are larger than the MTU of ${config.mtu} (super-packets of a host with offloads): dropped`,
  );
  warn(oddities.cut, "packets lack bytes (snap length): filled with a fixed pattern, their checksums count as good");
  warn(oddities.checksumLeft, "packets hold the pseudo-header's checksum only (captured on the sender): completed");
  const grown = delivery.longestFrameBytes - ETH_HLEN;
  if (config.oversize === "grow" && grown > config.mtu) {
    warnings.push(
      `ESP makes packets of up to ${grown} bytes: the egress MTU of ${config.mtu} grew to fit (oversize=grow)`,
    );
  }
  if (packets < RING_FILLINGS * config.rx_ring) {
    const needed = RING_FILLINGS * config.rx_ring;
    warnings.push(`the run is short: ${packets} packets, ${needed} fill the RX ring ${RING_FILLINGS} times (rx_ring)`);
  }
  return [...warnings, ...brokenLaws];
}
