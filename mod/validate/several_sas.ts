/**
 * A gateway with several SAs, each for flows of its own: beside the line of stages that every run builds for its SA
 * (`replay/forward_path.ts`) stand others, over the same queue.
 *
 * Policies are not recorded. Which SA a flow goes through is what the frames sent say.
 *
 * @module
 */

import { ENGINES } from "../crypto/engines.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { type ForwardPath, headerBytesOf, insideOf } from "../replay/forward_path.ts";
import type { Skb } from "../skb/skb.ts";
import { EspEncap } from "../stages/esp_encap.ts";
import { EspOutput } from "../stages/esp_output.ts";
import { espHeaderBytes, EspTransform } from "../stages/esp_transform.ts";
import { EspXmit } from "../stages/esp_xmit.ts";
import { type Bundle, Forward } from "../stages/forward.ts";
import { Gso } from "../stages/gso.ts";
import type { Host } from "../stages/host.ts";
import type { TransmitValidator } from "../stages/transmit_list.ts";
import { ValidateXmit } from "../stages/validate_xmit.ts";
import { XfrmOutput, type XfrmParts } from "../stages/xfrm_output.ts";
import { get32 } from "../wire/bytes.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import type { OpenedFrame } from "./opened_frames.ts";
import type { RecordedAssociation } from "./recorded_sa.ts";

const PORTS_BYTES = 4;

/** The stages of one SA. */
interface Line {
  readonly xfrm: XfrmOutput;
  readonly transform: EspTransform;
  readonly validate: ValidateXmit;
  readonly bundle: Bundle;
}

/** The lines of all SAs but the first. */
export interface OtherLines {
  /** Where packets enter them. */
  readonly xfrms: readonly XfrmOutput[];
  /** Gives back what their stages hold for themselves. */
  release(): void;
}

/** Adds the SAs of `frames` that `path` was not built for (`first`), and sends each flow the way of its frames. */
export function addAssociations(
  path: ForwardPath,
  first: SecurityAssociation,
  frames: readonly OpenedFrame[],
): OtherLines {
  const { host, gros, qdisc } = path;
  const forward = gros[0]!.next;
  if (!(forward instanceof Forward) || !(forward.next instanceof XfrmOutput)) {
    throw new Error("Cannot add to such a path");
  }
  const { parts } = forward.next;
  const lines = new Map<RecordedAssociation, Line>();
  const flows = new Map<string, Line>();
  for (const { inner, sa } of frames) {
    if (sa === first) continue;
    const line = lines.get(sa) ?? lineOf(host, parts, sa);
    lines.set(sa, line);
    flows.set(flowOf(inner, 0, inner.length), line);
  }
  const { u8 } = host.skbs.memory;
  forward.bundleOf = (skb) => {
    return flows.get(flowOf(u8, skb.dataAt, skb.dataAt + skb.headlen))?.bundle ?? forward;
  };
  const bySpi = new Map([...lines].map(([{ spi }, { validate }]) => [spi, validate]));
  chooseBySpi(host, qdisc.validate, bySpi);
  return {
    xfrms: [...lines.values()].map(({ xfrm }) => xfrm),
    release: () => lines.forEach(({ transform }) => transform.release()),
  };
}

function lineOf(host: Host, { ipOutput, icmp }: XfrmParts, sa: RecordedAssociation): Line {
  const encap = new EspEncap(host, sa);
  const transform = new EspTransform(host, sa, sa.aead(ENGINES.noble));
  const gso = new Gso(host, espHeaderBytes(sa));
  const espOutput = new EspOutput(host, ipOutput, encap, transform);
  const inFront = headerBytesOf(sa);
  const innerMtu = insideOf(host.config.mtu, sa);
  const others = { ipOutput, ...(icmp === undefined ? {} : { icmp }) };
  const xfrm = new XfrmOutput(host, { gso, encap, espOutput, headerBytes: inFront, innerMtu, ...others });
  return {
    xfrm,
    transform,
    validate: new ValidateXmit(gso, new EspXmit(host, encap, transform)),
    bundle: { next: xfrm, headerBytes: inFront, innerMtu: innerMtu.ipv4 },
  };
}

/** A packet that is left to ESP at layer 2 has the headers of its SA in front. */
function chooseBySpi(host: Host, first: TransmitValidator, others: ReadonlyMap<number, TransmitValidator>): void {
  const segments = first.segments.bind(first);
  const finish = first.finish.bind(first);
  const find = (skb: Skb): TransmitValidator | undefined => {
    if (skb.espProtocol === 0) return undefined;
    return others.get(get32(host.skbs.memory.u8, skb.head.at + skb.transportHeader));
  };
  first.segments = (skb) => find(skb)?.segments(skb) ?? segments(skb);
  first.finish = (skb) => find(skb)?.finish(skb) ?? finish(skb);
}

/** Addresses, protocol and ports, as far as they are in front of `endAt`. */
function flowOf(u8: Uint8Array, at: number, endAt: number): string {
  const isIpv6 = ip.isIpv6(u8, at);
  const addressesAt = at + (isIpv6 ? ipv6.OFFSET_SOURCE : ipv4.OFFSET_SOURCE);
  const addressesEnd = at + (isIpv6 ? ipv6.HEADER_BYTES : ipv4.HEADER_BYTES);
  const portsAt = at + ip.headerBytes(u8, at);
  const hasPorts = portsAt + PORTS_BYTES <= endAt && (isIpv6 || !ipv4.isFragment(u8, at));
  const ports = hasPorts ? u8.subarray(portsAt, portsAt + PORTS_BYTES).toHex() : "";
  return `${u8.subarray(addressesAt, addressesEnd).toHex()} ${ip.protocol(u8, at)} ${ports}`;
}
