/**
 * Path `forward`: a gateway. Clear frames arrive at NIC 0, GRO, forwarding, ESP in tunnel mode, qdisc, NIC 1.
 *
 * ```text
 * traffic -> RX ring -> NAPI poll -> driver -> GRO -> forward -> xfrm output (GSO) -> ESP output -> IP output -> qdisc -> NIC
 * ```
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import type { Aead } from "../crypto/aead.ts";
import { headerBytes, innerMtu } from "../esp/arithmetic.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { Cpu } from "../sim/cpu.ts";
import type { Engine } from "../sim/engine.ts";
import { Memory } from "../skb/memory.ts";
import type { Skb } from "../skb/skb.ts";
import { SkbMemory } from "../skb/skb_memory.ts";
import { EspOutput } from "../stages/esp_output.ts";
import { Forward } from "../stages/forward.ts";
import { Gro } from "../stages/gro.ts";
import type { BufferProbe, Host } from "../stages/host.ts";
import { IngressGate } from "../stages/ingress_gate.ts";
import { IpOutput } from "../stages/ip_output.ts";
import { NetRx } from "../stages/net_rx.ts";
import { Qdisc } from "../stages/qdisc.ts";
import { RxRing } from "../stages/rx_ring.ts";
import { type FrameTap, TxNic } from "../stages/tx_nic.ts";
import { XfrmOutput } from "../stages/xfrm_output.ts";

/** What a path is built from. */
export interface PathParts {
  readonly config: Config;
  readonly engine: Engine;
  readonly ledger: Ledger;
  readonly sa: SecurityAssociation;
  /** Encrypts; null when nobody looks. */
  readonly aead: Aead | null;
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
  /** Gives back what the stages hold for themselves. */
  release(): void;
}

/** Chains the stages, from the wire backwards. */
export function buildForwardPath(parts: PathParts): ForwardPath {
  const { config, engine, ledger, sa } = parts;
  const skbs = new SkbMemory(new Memory({ poison: parts.poison }), ledger, config.era);
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
  const espHeaderBytes = headerBytes(sa.mode, sa.ivBytes);
  const inside = mtu === Infinity ? mtu : innerMtu(mtu, sa.mode, espHeaderBytes, sa.blockBytes, sa.icvBytes);
  const nic = new TxNic(host, engine, config.tx_ring, config.link_gbps, parts.tap);
  const qdisc = new Qdisc(host, nic, config.qdisc_limit);
  const esp = new EspOutput(host, new IpOutput(host, qdisc, mtu), sa, parts.aead);
  const forward = new Forward(host, new XfrmOutput(host, esp, espHeaderBytes), espHeaderBytes, inside);
  const gro = new Gro(host, forward);
  const ring = new RxRing(config.rx_ring);
  new NetRx(host, ring, gro);
  return { host, ring, gro, qdisc, release: () => esp.release() };
}
