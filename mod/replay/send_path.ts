/**
 * Path `send`: a local sender. A process writes into sockets, whose buffers go through ESP to the NIC.
 *
 * ```text
 * traffic -> process -> TCP socket (queue, clone) or datagram -> xfrm output (GSO) -> ESP output -> IP output -> qdisc -> NIC
 * ... gso=l2: -> xfrm output (dummy ESP header) -> IP output -> qdisc -> GSO -> ESP of each segment -> NIC
 * ```
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import { headerBytes } from "../esp/arithmetic.ts";
import type { TransformRoom } from "../stages/datagram_layout.ts";
import { DatagramSender } from "../stages/datagram_send.ts";
import { EspEncap } from "../stages/esp_encap.ts";
import { espHeaderBytes, EspTransform } from "../stages/esp_transform.ts";
import { Gso } from "../stages/gso.ts";
import { Host } from "../stages/host.ts";
import { IngressGate } from "../stages/ingress_gate.ts";
import { LocalOut } from "../stages/local_out.ts";
import { NetTxOfHost } from "../stages/net_tx.ts";
import type { EgressQueue } from "../stages/qdisc.ts";
import { Sender } from "../stages/sender.ts";
import { hasSocketGso } from "../stages/tcp_build.ts";
import { TxNic } from "../stages/tx_nic.ts";
import { xfrmDeviceOf } from "../stages/xfrm_device.ts";
import { buildXfrmEgress } from "../stages/xfrm_egress.ts";
import { type InnerMtu, XfrmOutput } from "../stages/xfrm_output.ts";
import { insideOf, type PathParts, type PlainParts } from "./forward_path.ts";

/** A write of a process that always has more to send. */
const BULK_WRITE_BYTES = 65536;

/** A local sender, built: with or without ESP. */
export interface SendEnd {
  readonly host: Host;
  readonly sender: Sender;
  /** Takes what a socket sends, headers in front. */
  readonly output: LocalOut;
  readonly nic: TxNic;
  readonly qdisc: EgressQueue;
  /** Gives back what the stages hold for themselves. */
  release(): void;
}

/** A local sender through ESP, built. */
export interface SendPath extends SendEnd {
  readonly xfrm: XfrmOutput;
  readonly transform: EspTransform;
  /** What an IP packet may measure so that it fits the egress device after ESP. */
  readonly innerMtu: InnerMtu;
}

/** The way out of what sockets send, as they see it. */
export interface WayOut {
  readonly output: LocalOut;
  /** What an IP packet may measure. */
  readonly innerMtu: InnerMtu;
  /** Room that a transform asks for. */
  readonly room: TransformRoom;
  readonly isTunnel: boolean;
  /** Segments of one TCP buffer, at most. */
  readonly maxSegments: number;
}

/** The sockets of a host that sends, and their processes. */
export interface SendingSockets {
  readonly sender: Sender;
  /** Gives back what they hold themselves. */
  release(): void;
}

/** Builds the sockets in front of `way`. */
export function buildSockets(
  host: Host,
  { config, connections }: Pick<PlainParts, "config" | "connections">,
  { output, innerMtu, room, isTunnel, maxSegments }: WayOut,
): SendingSockets {
  const datagrams = new DatagramSender({ host, output, room, innerMtu, isTunnel });
  const sender = new Sender(host, {
    sockets: {
      host,
      output,
      innerMtu,
      gso: hasSocketGso(config),
      maxSegments,
      writeBytes: config.write_bytes === "auto" ? BULK_WRITE_BYTES : Number(config.write_bytes),
      connections: connections ?? null,
    },
    datagrams,
    endsWrites: config.write_bytes === "auto",
  });
  return {
    sender,
    release: () => {
      sender.release();
      datagrams.release();
    },
  };
}

/** Frames inside at most: half of the queue is left for the buffers that fill the other half, and for fragments. */
export function framesInsideMax({ qdisc_limit }: Config): number {
  return Math.max(1, Math.floor(qdisc_limit / 2));
}

/** Chains the stages, from the wire backwards. */
export function buildSendPath(parts: PathParts): SendPath {
  const { config, engine, ledger, sa } = parts;
  const insideMax = framesInsideMax(config);
  const { probe, poison } = parts;
  const host = parts.host ??
    new Host({ config, engine, ledger, gate: new IngressGate(insideMax), probe, poison });
  const encap = new EspEncap(host, sa);
  const transform = new EspTransform(host, sa, parts.aead);
  const gso = new Gso(host, espHeaderBytes(sa), sa.esn);
  const nic = new TxNic(host, new NetTxOfHost(host), parts.tap);
  const device = xfrmDeviceOf(config, sa, parts.aead);
  const egress = { host, nic, gso, encap, transform, device, mtu: config.mtu };
  const { queue: qdisc, ipOutput, espOutput } = buildXfrmEgress(egress);
  const inFront = headerBytes(sa.mode, sa.outerVersion, sa.ivBytes, sa.encapsulationBytes);
  const innerMtu = insideOf(config.mtu, sa);
  const isTunnel = sa.mode === "tunnel";
  const xfrm = new XfrmOutput(host, {
    gso,
    encap,
    espOutput,
    ipOutput,
    headerBytes: inFront,
    innerMtu,
    isLocal: true,
    device,
  });
  const output = new LocalOut(host, xfrm, innerMtu, isTunnel);
  const room = { headerBytes: inFront, trailerBytes: sa.blockBytes + 1 + sa.icvBytes };
  const maxSegments = config.gso === "xfrm" ? insideMax : Infinity;
  const sockets = buildSockets(host, parts, { output, innerMtu, room, isTunnel, maxSegments });
  return {
    host,
    sender: sockets.sender,
    output,
    xfrm,
    nic,
    transform,
    qdisc,
    innerMtu,
    release: () => {
      sockets.release();
      transform.release();
    },
  };
}
