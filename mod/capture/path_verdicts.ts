/**
 * Which paths can play a capture as long as nothing is configured, and why not: what `replay` would say.
 *
 * @module
 */

import { isLinkTypeFollowed } from "../wire/link_layer.ts";
import { linkTypeName } from "../wire/link_types.ts";
import type { EthernetContents } from "./ethernet_census.ts";
import type { LinkTypeCount } from "./reader.ts";

/** Whether a path can play a capture. */
export interface PathVerdict {
  /** Name of the path, a value of the configuration key `path`. */
  readonly path: string;
  /** Whether it finds at least one packet to play. */
  readonly playable: boolean;
  /** What it would play, or why it cannot: part of a sentence, no period. */
  readonly why: string;
}

/** Judges each path that is built. `linkTypes` are all of the capture's; `contents` is about what could be followed. */
export function judgePaths(linkTypes: readonly LinkTypeCount[], contents: EthernetContents): PathVerdict[] {
  const nothing = whyNothing(linkTypes, contents);
  const judge = (path: string, refusal: string | null, why: string | null): PathVerdict => {
    const reason = nothing ?? refusal;
    return { path, playable: reason === null, why: reason ?? why! };
  };
  const { busiestSender, busiestReceiver } = contents.hosts;
  const unreadable = "the IP header of none of its packets can be read";
  return [
    judge("forward", null, whatIsForwarded(contents)),
    judge("send", busiestSender === null ? unreadable : null, whatIsSent(contents)),
    judge("receive", busiestReceiver === null ? unreadable : null, whatIsReceived(contents)),
    judge("host-to-host", busiestSender === null ? unreadable : null, whatIsSent(contents)),
  ];
}

/** Why no path finds anything; null where there are IP packets. */
function whyNothing(linkTypes: readonly LinkTypeCount[], { network }: EthernetContents): string | null {
  if (linkTypes.length === 0) return "the capture holds no packet";
  if (!linkTypes.some(({ linkType }) => isLinkTypeFollowed(linkType))) {
    const names = linkTypes.map(({ linkType }) => linkTypeName(linkType)).join(", ");
    return `its link type is not understood (${names})`;
  }
  const { ipv4, ipv6, arp, other } = network;
  return ipv4 + ipv6 > 0 ? null : `none of its packets is IPv4 or IPv6 (ARP ${arp}, other ${other})`;
}

/** Packets with a damaged header arrive at a gateway, too, and are dropped there. */
function whatIsForwarded({ network }: EthernetContents): string {
  return `${network.ipv4} of its packets are IPv4, ${network.ipv6} are IPv6`;
}

function whatIsSent({ hosts: { busiestSender } }: EthernetContents): string | null {
  if (busiestSender === null) return null;
  return `${busiestSender.packets} of its packets come from ${busiestSender.address}, which sent the most`;
}

function whatIsReceived({ hosts: { busiestReceiver, hasEsp } }: EthernetContents): string | null {
  if (busiestReceiver === null) return null;
  const { packets, address } = busiestReceiver;
  return hasEsp
    ? `${packets} of its packets are ESP for ${address}, and arrive as they are: what the SA does not open is dropped`
    : `${packets} of its packets are for ${address}, which was sent the most, and are sealed before they arrive`;
}
