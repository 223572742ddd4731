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
import type { Ledger } from "../ledger/ledger.ts";
import { Cpu } from "../sim/cpu.ts";
import type { Engine } from "../sim/engine.ts";
import { Memory } from "../skb/memory.ts";
import type { Skb } from "../skb/skb.ts";
import { DeviceNapi } from "../stages/device_napi.ts";
import { EspEncap } from "../stages/esp_encap.ts";
import { EspOutput } from "../stages/esp_output.ts";
import { espHeaderBytes, EspTransform } from "../stages/esp_transform.ts";
import { EspXmit } from "../stages/esp_xmit.ts";
import { Forward } from "../stages/forward.ts";
import { Gro } from "../stages/gro.ts";
import { Gso } from "../stages/gso.ts";
import { type BufferProbe, type Host, skbMemoryFor } from "../stages/host.ts";
import { IngressGate } from "../stages/ingress_gate.ts";
import { IpOutput } from "../stages/ip_output.ts";
import { NetRx } from "../stages/net_rx.ts";
import { Qdisc } from "../stages/qdisc.ts";
import { RxRing } from "../stages/rx_ring.ts";
import { type FrameTap, TxNic } from "../stages/tx_nic.ts";
import { ValidateXmit } from "../stages/validate_xmit.ts";
import { type InnerMtu, XfrmOutput } from "../stages/xfrm_output.ts";

/** What a path is built from. */
export interface PathParts {
  readonly config: Config;
  readonly engine: Engine;
  readonly ledger: Ledger;
  readonly sa: SecurityAssociation;
  /** Encrypts; null when nobody looks. */
  readonly aead: Aead | null;
  /** Opens ESP packets of the capture, which really are encrypted; null, or absent, where nothing is to be decrypted. */
  readonly opener?: Aead | null;
  /** Looks at what NIC 1 sends; null when nobody does. */
  readonly tap: FrameTap | null;
  /** Looks at buffers on their way. */
  readonly probe?: BufferProbe | null;
  /** Poison freed memory (tests). */
  readonly poison: boolean;
}

/** A gateway, built. */
export interface ForwardPath {
  readonly host: Host;
  readonly ring: RxRing;
  readonly gro: Gro;
  readonly qdisc: Qdisc;
  /** What an IP packet may measure so that it fits the egress device after ESP. */
  readonly innerMtu: InnerMtu;
  /** Gives back what the stages hold for themselves. */
  release(): void;
}

/** Chains the stages, from the wire backwards. */
export function buildForwardPath(parts: PathParts): ForwardPath {
  const { config, engine, ledger, sa } = parts;
  const skbs = skbMemoryFor(config, new Memory({ poison: parts.poison }), ledger);
  const mtu = config.oversize === "grow" ? Infinity : config.mtu;
  // A packet that may be cut leaves in two fragments at most: what ESP adds is less than the smallest MTU.
  const insideMax = mtu === Infinity ? config.qdisc_limit : Math.max(1, Math.floor(config.qdisc_limit / 2));
  const host: Host = {
    config,
    ledger,
    skbs,
    cpu: new Cpu<Skb>(0, engine, ledger),
    gate: new IngressGate(insideMax),
    probe: parts.probe ?? null,
  };
  const encap = new EspEncap(host, sa);
  const transform = new EspTransform(host, sa, parts.aead);
  const gso = new Gso(host, espHeaderBytes(sa));
  const nic = new TxNic(host, engine, config.tx_ring, config.link_gbps, parts.tap);
  const validate = new ValidateXmit(gso, new EspXmit(host, encap, transform));
  const qdisc = new Qdisc(host, nic, config.qdisc_limit, validate);
  const ipOutput = new IpOutput(host, qdisc, mtu);
  const espOutput = new EspOutput(host, ipOutput, encap, transform);
  const inFront = headerBytes(sa.mode, sa.outerVersion, sa.ivBytes);
  const inside = insideOf(mtu, sa);
  const xfrm = new XfrmOutput(host, { gso, encap, espOutput, ipOutput, headerBytes: inFront, innerMtu: inside });
  const forward = new Forward(host, xfrm, inFront, inside.ipv4);
  const gro = new Gro(host, forward, forward.listStart);
  const ring = new RxRing(config.rx_ring);
  new DeviceNapi(host, new NetRx(host), ring, gro);
  return { host, ring, gro, qdisc, innerMtu: inside, release: () => transform.release() };
}

/** The MTUs that `sa` leaves of an egress MTU of `mtu`; Infinity of Infinity. */
export function insideOf(mtu: number, sa: SecurityAssociation): InnerMtu {
  const inside = (version: IpVersion): number => {
    if (mtu === Infinity) return mtu;
    return innerMtu(
      mtu,
      sa.mode,
      version,
      headerBytes(sa.mode, sa.outerVersion, sa.ivBytes),
      sa.blockBytes,
      sa.icvBytes,
    );
  };
  return { ipv4: inside(4), ipv6: inside(6) };
}
