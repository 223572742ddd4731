/**
 * The frames of `output.pcap`, opened: which association each is of, and what was inside.
 *
 * @module
 */

import type { Aead } from "../crypto/aead.ts";
import { ENGINES } from "../crypto/engines.ts";
import { ESP_HEADER_BYTES } from "../esp/arithmetic.ts";
import { openEspPacket, type OpenFailure } from "../esp/esp_packet.ts";
import { EspInsertion } from "../esp/transport.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_FRAGMENT, PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as tcp from "../wire/tcp.ts";
import * as udp from "../wire/udp.ts";
import type { LeftOutReason } from "./left_out.ts";
import { associationOf, type RecordedAssociation, upperHalves, whyNotSealed } from "./recorded_sa.ts";
import { type WholePacket, wholePackets } from "./recorded_fragments.ts";
import type { Recording } from "./recording.ts";

/** What ESP output makes a frame of. */
export interface FrameToSeal {
  readonly sa: RecordedAssociation;
  readonly sequence: number;
  /** The IV of the packet. */
  readonly iv: Uint8Array;
  /** The IP packet that was protected. */
  readonly inner: Uint8Array;
  /** Bytes of it that stay in front of ESP: its headers in transport mode, none in tunnel mode. */
  readonly headersBytes: number;
}

/** A frame whose ESP packet was opened. */
export interface OpenedFrame extends FrameToSeal {
  /** Number of the frame in `output.pcap`. */
  readonly index: number;
  /** The IP packet that was sent, whole. */
  readonly packet: Uint8Array;
  /** The frames that it was sent in: its fragments, or itself alone. */
  readonly parts: readonly number[];
}

/** A frame that was not opened. */
export interface UnopenedFrame {
  readonly index: number;
  /** Why it need not be; undefined for a failure. */
  readonly leftOut: LeftOutReason | undefined;
  /** What `openEspPacket()` says. */
  readonly failure: OpenFailure;
  /** The frames that its packet was sent in: itself alone, or its fragments; none of a fragment that stands with an earlier one. */
  readonly parts: readonly number[];
}

/** Failures of a packet that is not of this association, in the words of `openEspPacket()`. */
const NOT_OURS: readonly OpenFailure[] = ["not-esp", "spi", "not-ip", "fragment"];

/** Opens all frames that this program can open. */
export function openFrames(recording: Recording): (OpenedFrame | UnopenedFrame)[] {
  const { sa = [] } = recording.scenario;
  const known = new Map<number, { sa: RecordedAssociation; aead: Aead; highs: readonly number[] }>();
  for (const recorded of sa) {
    const association = associationOf(recorded);
    if (association === undefined) continue;
    const highs = upperHalves(recorded);
    known.set(association.spi, { sa: association, aead: association.aead(ENGINES.noble), highs });
  }
  const unsealed = sa.map(whyNotSealed).find((reason) => reason !== undefined);
  const wholes = wholePackets(recording.output.map(({ bytes }) => bytes.subarray(ETH_HLEN)));
  return wholes.map((whole, index) => {
    if (whole === null) return { index, leftOut: undefined, failure: "fragment", parts: [] };
    const { packet, parts } = whole;
    let failure: OpenFailure = "not-esp";
    for (const each of known.values()) {
      for (const high of each.highs) {
        const result = openEspPacket(packet, each.sa, each.aead, high);
        if (result.opened) return openedFrame(index, whole, each.sa, result);
        failure = result.reason;
      }
      if (!NOT_OURS.includes(failure)) return { index, leftOut: undefined, failure, parts };
    }
    return { index, leftOut: failure === "fragment" ? "fragment" : unsealed ?? "notEsp", failure, parts };
  });
}

function openedFrame(
  index: number,
  { packet, parts }: WholePacket,
  sa: RecordedAssociation,
  { inner, sequence }: { inner: Uint8Array; sequence: number },
): OpenedFrame {
  const insertion = new EspInsertion();
  insertion.find(packet, 0, packet.length);
  const ivAt = insertion.headersBytes + sa.encapsulationBytes + ESP_HEADER_BYTES;
  const iv = packet.subarray(ivAt, ivAt + sa.ivBytes);
  const headersBytes = sa.mode === "tunnel" ? 0 : insertion.headersBytes;
  return { index, packet, parts, sa, sequence, iv, inner: withoutTfcPadding(sa, inner), headersBytes };
}

/** Padding of a tunnelled packet ends behind what its IP header claims; in transport mode nothing says where it begins. */
function withoutTfcPadding(sa: RecordedAssociation, inner: Uint8Array): Uint8Array {
  return sa.tfcPadBytes === 0 || sa.mode !== "tunnel" ? inner : inner.subarray(0, ip.totalBytes(inner, 0));
}

/** Whether a frame was opened. */
export function isOpened(frame: OpenedFrame | UnopenedFrame): frame is OpenedFrame {
  return "inner" in frame;
}

/**
 * Whether a row of `expected.csv` whose column `inner` says `ident` can be of the frame. A probe names what it finds in the
 * linear part, so it may say less than there is: "tcp id=2" of "tcp id=2 40000>5001 seq=2360".
 */
export function isIdentOf({ inner, headersBytes, sa }: OpenedFrame, ident: string): boolean {
  const said = ident.replace(/^v6 /, "");
  const full = sa.mode === "tunnel" ? tunnelIdent(inner) : transportIdent(inner, headersBytes);
  return full === said || full.startsWith(`${said} `);
}

function tunnelIdent(inner: Uint8Array): string {
  const protocol = protocolName(ip.protocol(inner, 0));
  const id = ip.isIpv6(inner, 0) ? "" : ` id=${ipv4.id(inner, 0)}`;
  return `${protocol}${id}${spaced(portsOf(inner, ip.headerBytes(inner, 0)))}`;
}

function transportIdent(inner: Uint8Array, headersBytes: number): string {
  return `${protocolName(ip.protocol(inner, 0))}${spaced(portsOf(inner, headersBytes))}`;
}

function protocolName(protocol: number): string {
  if (protocol === PROTOCOL_TCP) return "tcp";
  if (protocol === PROTOCOL_UDP) return "udp";
  return protocol === PROTOCOL_FRAGMENT ? "frag6" : `protocol ${protocol}`;
}

function spaced(text: string): string {
  return text === "" ? "" : ` ${text}`;
}

/** "SPORT>DPORT seq=SEQ" of TCP, "SPORT>DPORT" of UDP; empty for everything else. Transport headers are at `at`. */
export function portsOf(packet: Uint8Array, at: number): string {
  const protocol = ip.protocol(packet, 0);
  const isWhole = ip.isIpv6(packet, 0) || !ipv4.isFragment(packet, 0);
  if (protocol === PROTOCOL_TCP && isWhole && packet.length >= at + tcp.HEADER_BYTES) {
    const ports = `${tcp.sourcePort(packet, at)}>${tcp.destinationPort(packet, at)}`;
    return `${ports} seq=${tcp.sequence(packet, at)}`;
  }
  if (protocol !== PROTOCOL_UDP || !isWhole || packet.length < at + udp.HEADER_BYTES) return "";
  return `${udp.sourcePort(packet, at)}>${udp.destinationPort(packet, at)}`;
}
