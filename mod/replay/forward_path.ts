/**
 * Path `forward`: a gateway. Clear frames arrive at NIC 0, GRO, forwarding, ESP, qdisc, NIC 1.
 *
 * ```text
 * traffic -> RX ring -> NAPI poll -> driver -> GRO -> forward -> xfrm output (GSO) -> ESP output -> IP output -> qdisc -> NIC
 * ... gso=l2: -> xfrm output (dummy ESP header) -> IP output -> qdisc -> GSO -> ESP of each segment -> NIC
 * ```
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import type { Aead } from "../crypto/aead.ts";
import { headerBytes, innerMtu, type IpVersion } from "../esp/arithmetic.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import type { SaDirectory } from "../esp/sa_directory.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Engine } from "../sim/engine.ts";
import { EspEncap } from "../stages/esp_encap.ts";
import { espHeaderBytes, EspTransform } from "../stages/esp_transform.ts";
import { Forward } from "../stages/forward.ts";
import type { Gro } from "../stages/gro.ts";
import { Gso } from "../stages/gso.ts";
import { type BufferProbe, Host, type Stage } from "../stages/host.ts";
import { IcmpErrors } from "../stages/icmp.ts";
import { IngressGate } from "../stages/ingress_gate.ts";
import type { WireTap } from "../stages/link.ts";
import { NetTxOfHost } from "../stages/net_tx.ts";
import type { EgressQueue } from "../stages/qdisc.ts";
import type { RxRings } from "../stages/rx_rings.ts";
import type { SocketReceive } from "../stages/socket_receive.ts";
import type { TcpConnections } from "../stages/tcp_connection.ts";
import { type FrameTap, TxNic } from "../stages/tx_nic.ts";
import { xfrmDeviceOf } from "../stages/xfrm_device.ts";
import { buildXfrmEgress } from "../stages/xfrm_egress.ts";
import { type InnerMtu, XfrmOutput } from "../stages/xfrm_output.ts";
import { buildIngress } from "./ingress.ts";
import type { SaStatistics } from "./sa_statistics.ts";

/** What a path is built from, with or without IPsec. */
export interface PlainParts {
  readonly config: Config;
  readonly engine: Engine;
  readonly ledger: Ledger;
  /** Looks at what NIC 1 sends; null when nobody does. */
  readonly tap: FrameTap | null;
  /** Looks at buffers on their way. */
  readonly probe?: BufferProbe | null;
  /** Poison freed memory (tests). */
  readonly poison: boolean;
  /** Looks at frames between two hosts; null, or absent, when nobody does. */
  readonly wireTap?: WireTap | null;
  /** The machine, where two paths share one; if absent, the path makes it. */
  readonly host?: Host;
  /** The connections of sockets whose other ends are part of the run. */
  readonly connections?: TcpConnections;
  /** Makes the sockets in which packets end; `others` are those that read whatever comes, and are used if this is absent. */
  readonly socketsOf?: (others: SocketReceive) => Stage;
}

/** What a path with ESP is built from. */
export interface PathParts extends PlainParts {
  readonly sa: SecurityAssociation;
  /** Encrypts; null when nobody looks. */
  readonly aead: Aead | null;
  /** Opens ESP packets of the capture, which really are encrypted; null, or absent, where nothing is to be decrypted. */
  readonly opener?: Aead | null;
  /** The associations of a file, as a receiver has them; absent: `sa` is the only one. */
  readonly directory?: SaDirectory | undefined;
  /** Counts what becomes of the packets of each association; absent: nobody does. */
  readonly statistics?: SaStatistics | undefined;
  /** The SA of the way back, and what encrypts there; absent where there is no way back. */
  readonly reverse?: { readonly sa: SecurityAssociation; readonly aead: Aead | null };
}

/** A gateway, built. */
export interface ForwardPath {
  readonly host: Host;
  /** The rings of NIC 0, one for each networking CPU, and the GRO state of each. */
  readonly rings: RxRings;
  readonly gros: readonly Gro[];
  readonly qdisc: EgressQueue;
  /** What an IP packet may measure so that it fits the egress device after ESP. */
  readonly innerMtu: InnerMtu;
  /** Gives back what the stages hold for themselves. */
  release(): void;
}

/** Chains the stages, from the wire backwards. */
export function buildForwardPath(parts: PathParts): ForwardPath {
  const { config, engine, ledger, sa } = parts;
  const mtu = config.oversize === "grow" ? Infinity : config.mtu;
  // A packet that may be cut leaves in two fragments at most: what ESP adds is less than the smallest MTU.
  const insideMax = mtu === Infinity ? config.qdisc_limit : Math.max(1, Math.floor(config.qdisc_limit / 2));
  const { probe, poison } = parts;
  const host = new Host({ config, engine, ledger, gate: new IngressGate(insideMax), probe, poison });
  const encap = new EspEncap(host, sa);
  const transform = new EspTransform(host, sa, parts.aead);
  const gso = new Gso(host, espHeaderBytes(sa), sa.esn);
  const nic = new TxNic(host, new NetTxOfHost(host), parts.tap);
  const device = xfrmDeviceOf(config, sa, parts.aead);
  const egress = { host, nic, gso, encap, transform, device, mtu };
  const { queue: qdisc, ipOutput, espOutput } = buildXfrmEgress(egress);
  const inFront = headerBytesOf(sa);
  const inside = insideOf(mtu, sa);
  const icmp = new IcmpErrors(host);
  const into = { gso, encap, espOutput, ipOutput, headerBytes: inFront, innerMtu: inside, icmp, device };
  const xfrm = new XfrmOutput(host, into);
  const forward = new Forward(host, xfrm, inFront, inside.ipv4, true, icmp);
  const { rings, gros } = buildIngress(host, forward);
  return { host, rings, gros, qdisc, innerMtu: inside, release: () => transform.release() };
}

/** Bytes that `sa` puts in front of a packet (dst->header_len). */
export function headerBytesOf(sa: SecurityAssociation): number {
  return headerBytes(sa.mode, sa.outerVersion, sa.ivBytes, sa.encapsulationBytes);
}

/** The MTUs that `sa` leaves of an egress MTU of `mtu`; Infinity of Infinity. */
export function insideOf(mtu: number, sa: SecurityAssociation): InnerMtu {
  const inside = (version: IpVersion): number => {
    if (mtu === Infinity) return mtu;
    return innerMtu(
      mtu,
      sa.mode,
      version,
      headerBytesOf(sa),
      sa.blockBytes,
      sa.icvBytes,
    );
  };
  return { ipv4: inside(4), ipv6: inside(6) };
}
