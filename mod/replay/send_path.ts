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

import { headerBytes } from "../esp/arithmetic.ts";
import { Cpu } from "../sim/cpu.ts";
import { Memory } from "../skb/memory.ts";
import type { Skb } from "../skb/skb.ts";
import { DatagramSender } from "../stages/datagram_send.ts";
import { EspEncap } from "../stages/esp_encap.ts";
import { EspOutput } from "../stages/esp_output.ts";
import { espHeaderBytes, EspTransform } from "../stages/esp_transform.ts";
import { EspXmit } from "../stages/esp_xmit.ts";
import { Gso } from "../stages/gso.ts";
import { type Host, skbMemoryFor } from "../stages/host.ts";
import { IngressGate } from "../stages/ingress_gate.ts";
import { IpOutput } from "../stages/ip_output.ts";
import { LocalOut } from "../stages/local_out.ts";
import { Qdisc } from "../stages/qdisc.ts";
import { Sender } from "../stages/sender.ts";
import { SocketTurns } from "../stages/socket_turns.ts";
import { hasSocketGso } from "../stages/tcp_build.ts";
import { TxNic } from "../stages/tx_nic.ts";
import { ValidateXmit } from "../stages/validate_xmit.ts";
import { type InnerMtu, XfrmOutput } from "../stages/xfrm_output.ts";
import { insideOf, type PathParts } from "./forward_path.ts";

/** A write of a process that always has more to send. */
const BULK_WRITE_BYTES = 65536;

/** A local sender, built. */
export interface SendPath {
  readonly host: Host;
  readonly sender: Sender;
  readonly xfrm: XfrmOutput;
  readonly transform: EspTransform;
  readonly qdisc: Qdisc;
  /** What an IP packet may measure so that it fits the egress device after ESP. */
  readonly innerMtu: InnerMtu;
  /** Gives back what the stages hold for themselves. */
  release(): void;
}

/** Chains the stages, from the wire backwards. */
export function buildSendPath(parts: PathParts): SendPath {
  const { config, engine, ledger, sa } = parts;
  const skbs = skbMemoryFor(config, new Memory({ poison: parts.poison }), ledger);
  // Half of the queue is left for the buffers that fill the other half, and for fragments.
  const insideMax = Math.max(1, Math.floor(config.qdisc_limit / 2));
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
  const ipOutput = new IpOutput(host, qdisc, config.mtu);
  const espOutput = new EspOutput(host, ipOutput, encap, transform);
  const inFront = headerBytes(sa.mode, sa.outerVersion, sa.ivBytes);
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
  });
  const output = new LocalOut(host, xfrm, innerMtu, isTunnel);
  const room = { headerBytes: inFront, trailerBytes: sa.blockBytes + 1 + sa.icvBytes };
  const sender = new Sender(host, {
    sockets: {
      host,
      output,
      innerMtu,
      turns: new SocketTurns(host),
      gso: hasSocketGso(config),
      maxSegments: config.gso === "xfrm" ? insideMax : Infinity,
      writeBytes: config.write_bytes === "auto" ? BULK_WRITE_BYTES : Number(config.write_bytes),
    },
    datagrams: new DatagramSender({ host, output, room, innerMtu, isTunnel }),
    endsWrites: config.write_bytes === "auto",
  });
  return {
    host,
    sender,
    xfrm,
    transform,
    qdisc,
    innerMtu,
    release: () => {
      sender.release();
      transform.release();
    },
  };
}
