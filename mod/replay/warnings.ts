/**
 * What a user should know about a run besides its figures: one sentence each, the same for the same input.
 *
 * @module
 */

import { type CaptureReader, linkTypeName } from "../capture/mod.ts";
import type { ResolvedConfig } from "../config/resolve.ts";
import type { Config } from "../config/schema.ts";
import { TEST_SPI } from "../esp/sa.ts";
import type { Delivery } from "../ledger/delivery.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { isLinkTypeFollowed } from "../wire/link_layer.ts";
import type { Oddities } from "./oddities.ts";

/** A run shorter than this many fillings of the ring says little about the steady state (design, section 3). */
const RING_FILLINGS = 20;
/** Layouts that put super-packets into pages anyway. */
const PAGED_LAYOUTS: ReadonlySet<string> = new Set(["page-frag", "virtio"]);

/** What is known about the packets of a run. */
export interface PacketCounts {
  /** IP packets that arrived. */
  readonly packets: number;
  /** What was odd about them. */
  readonly oddities: Readonly<Oddities>;
}

/** How a run ended. */
export interface RunOutcome {
  /** Arrivals and departures. */
  readonly delivery: Delivery;
  /** Packets dropped because they are larger than the MTU, as a rule with ESP. */
  readonly tooLarge: number;
  /** Packets that the captured host had sent before, and that are not sent again. */
  readonly sentBefore: number;
  /** Captured ESP is of the SAs of a file; absent: of the test SA. */
  readonly hasAssociations?: boolean;
}

/** All warnings of a run, those of reading and configuration first. */
export function replayWarnings(
  reader: CaptureReader,
  { packets, oddities }: PacketCounts,
  { delivery, tooLarge, sentBefore, hasAssociations = false }: RunOutcome,
  resolved: ResolvedConfig,
  brokenLaws: readonly string[],
): string[] {
  const { config } = resolved;
  const warnings = [...reader.warnings, ...resolved.warnings];
  if (config.path === "forward" && config.mode === "transport") {
    warnings.push(
      "mode=transport is unusual on a gateway (path=forward): packets keep the addresses of their hosts, so it is the " +
        "receiving host that must decrypt them",
    );
  }
  warnings.push(...captureWarnings(reader, oddities, config, hasAssociations));
  const grown = delivery.longestFrameBytes - ETH_HLEN;
  if (config.path !== "receive" && config.mode !== "none" && config.oversize === "grow" && grown > config.mtu) {
    warnings.push(
      `ESP makes packets of up to ${grown} bytes: the egress MTU of ${config.mtu} grew to fit (oversize=grow)`,
    );
  }
  if (sentBefore > 0) {
    warnings.push(
      `${sentBefore} packets hold what the captured host had sent before: not sent again (path=host-to-host sends again ` +
        "what is lost between its own hosts), they count as drops (captured-again)",
    );
  }
  if (tooLarge > 0 && (config.path === "receive" || config.mode === "none")) {
    warnings.push(`${tooLarge} packets are dropped: they are larger than the MTU of ${config.mtu}`);
  } else if (tooLarge > 0) {
    const remedy = config.oversize === "drop"
      ? "; oversize=mss re-cuts TCP as path-MTU discovery would, or grow the MTU"
      : "";
    warnings.push(
      `${tooLarge} packets are dropped: ESP makes them larger than the MTU of ${config.mtu} ` +
        `(oversize=${config.oversize})${remedy}`,
    );
  }
  warnings.push(...shortRunWarnings(packets, config));
  return [...warnings, ...brokenLaws];
}

/** The ring that counts is the one in which packets wait: a local sender has no other than that of the NIC it sends to. */
function shortRunWarnings(packets: number, config: Config): string[] {
  const [ring, key] = config.path === "send" ? (["TX", "tx_ring"] as const) : (["RX", "rx_ring"] as const);
  const needed = RING_FILLINGS * config[key];
  if (packets >= needed) return [];
  return [`the run is short: ${packets} packets, ${needed} fill the ${ring} ring ${RING_FILLINGS} times (${key})`];
}

/** What was odd about the capture, and what was done about it. */
function captureWarnings(
  reader: CaptureReader,
  oddities: Readonly<Oddities>,
  config: Config,
  hasAssociations: boolean,
): string[] {
  const warnings: string[] = [];
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
  const larger = `packets are larger than the MTU of ${config.mtu} (super-packets of a host with offloads)`;
  warn(oddities.superPackets, `${larger}: ${howSuperPacketsArrive(oddities, config)}`);
  warn(oddities.aboveMtu, `${larger}: dropped`);
  warn(oddities.tooLong, "packets are longer than a socket can send: refused");
  warn(oddities.recut, `packets hold more TCP payload than fits into the tunnel: re-cut to its MSS (oversize=mss)`);
  warn(oddities.cut, "packets lack bytes (snap length): filled with a fixed pattern, their checksums count as good");
  warn(oddities.gaps, "gaps in TCP streams: bytes that the capture lacks are not sent");
  warn(oddities.incomplete, "datagrams lack fragments in the capture: filled with a fixed pattern");
  warn(oddities.checksumLeft, "packets hold the pseudo-header's checksum only (captured on the sender): completed");
  const whose = hasAssociations ? "any SA of the file" : `the SA (SPI 0x${TEST_SPI.toString(16)})`;
  warn(oddities.unopened, `ESP packets are not opened by ${whose}: of another SA, damaged, or not whole`);
  warn(oddities.unsealable, `packets are ignored, since ESP does not take them: ${whyUnsealable(config)}`);
  return warnings;
}

function howSuperPacketsArrive({ superSegments }: Readonly<Oddities>, config: Config): string {
  if (config.path === "receive" && config.mode !== "none") {
    return `they arrive as ${superSegments} segments, each in ESP of its own`;
  }
  const pages = PAGED_LAYOUTS.has(config.rx_layout) ? "" : `, in page fragments whatever rx_layout=${config.rx_layout}`;
  return `they arrive as aggregates of ${superSegments} segments${pages}`;
}

/** What ESP of a peer does not take. */
export function whyUnsealable({ mode }: Config): string {
  return mode === "transport" ? "fragments, which transport mode cannot protect, or too long" : "too long";
}
