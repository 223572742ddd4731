/**
 * Who plays which path: the stages of each, and the traffic that goes through them.
 *
 * A new path is a function here and a row in {@linkcode PLAYERS}.
 *
 * @module
 */

import type { CaptureReader } from "../capture/mod.ts";
import type { Config } from "../config/schema.ts";
import { ENGINES } from "../crypto/engines.ts";
import { buildForwardPath, type ForwardPath, type PathParts, type PlainParts } from "./forward_path.ts";
import type { RxFrame } from "../skb/dma.ts";
import type { Host } from "../stages/host.ts";
import type { RxRings } from "../stages/rx_rings.ts";
import { Arrivals } from "./arrivals.ts";
import type { IsLocal } from "./locality.ts";
import { NicEntrance } from "./nic_entrance.ts";
import { EspArrivals } from "./esp_arrivals.ts";
import { buildHostToHostPath, buildPlainHostToHostPath, type HostToHostPath } from "./host_to_host_path.ts";
import { clockOf } from "./pace.ts";
import { buildPlainForward, buildPlainReceive, buildPlainSend } from "./plain_paths.ts";
import { buildReceivePath, type ReceiveEnd } from "./receive_path.ts";
import { SendArrivals } from "./send_arrivals.ts";
import { buildSendPath, type SendEnd } from "./send_path.ts";
import { Traffic } from "./traffic.ts";

/** The capture that is played. */
export interface PlayedCapture {
  readonly reader: CaptureReader;
  /** What the user called it, for messages. */
  readonly name: string;
  readonly isLocal: IsLocal;
  /** It holds ESP packets, as far as somebody has looked. */
  readonly hasEsp?: boolean;
  /** The pass that is read, from 0; null when there is but one. */
  readonly pass: (() => number) | null;
}

/** A path with its traffic, ready to run. */
export interface Player {
  readonly host: Host;
  /** The other host, where there are two: its CPUs follow those of `host`. */
  readonly peer?: Host;
  /** Time during which the window of a connection held its sender up, in ns; absent where there is none. */
  readonly windowClosedNs?: () => number;
  readonly traffic: Pick<Traffic<never>, "resume">;
  /** What is known about the packets so far. */
  readonly arrivals: Pick<Traffic<never>["arrivals"], "packets" | "oddities">;
  /** Captured packets inside the host, and packets in its queues. */
  readonly heldPackets: () => number;
  readonly queuedPackets: () => number;
  /** Gives back what the stages hold for themselves. */
  release(): void;
}

/** Builds the player of a path. */
export type BuildPlayer<Parts extends PlainParts> = (parts: Parts, capture: PlayedCapture) => Player;

/** The paths that can be played with ESP. */
export const PLAYERS: Readonly<Record<Config["path"], BuildPlayer<PathParts>>> = {
  forward: (parts, capture) => forward(buildForwardPath(parts), parts, capture),
  send: (parts, capture) => playSend(buildSendPath(parts), parts, capture),
  receive,
  "host-to-host": (parts, capture) => hostToHost(buildHostToHostPath(parts), parts, capture),
};

/** The same without IPsec (`mode=none`). */
export const PLAIN_PLAYERS: Readonly<Record<Config["path"], BuildPlayer<PlainParts>>> = {
  forward: (parts, capture) => forward(buildPlainForward(parts), parts, capture),
  send: (parts, capture) => playSend(buildPlainSend(parts), parts, capture),
  receive: receivePlain,
  "host-to-host": (parts, capture) => hostToHost(buildPlainHostToHostPath(parts), parts, capture),
};

/** A gateway, or a router: frames arrive at NIC 0. */
function forward(path: ForwardPath, parts: PlainParts, capture: PlayedCapture): Player {
  const { config, ledger } = parts;
  const { isLocal, pass } = capture;
  const { host, rings, gros, qdisc, innerMtu, release } = path;
  const { memory } = host.skbs;
  const arrivals = new Arrivals(ledger, memory, {
    isLocal,
    mtu: config.mtu,
    verifyChecksums: config.gro === "on" && config.nic_rx_csum === "on",
    recutMtu: config.oversize === "mss" && config.mode !== "none" ? innerMtu : null,
    pass,
  });
  return {
    host,
    traffic: trafficOfNic(host, rings, arrivals, parts, capture),
    arrivals,
    heldPackets: () => gros.reduce((sum, gro) => sum + gro.heldPackets, 0) + rings.length + qdisc.length,
    queuedPackets: () => qdisc.length,
    release,
  };
}

/** A local sender: a process gets what it is to write. */
export function playSend(
  { host, sender, qdisc, release }: SendEnd,
  { config, engine, ledger }: PlainParts,
  { reader, name, isLocal, pass }: PlayedCapture,
): Player {
  const arrivals = new SendArrivals(ledger, host.skbs.memory, sender, {
    isLocal,
    mtu: config.mtu,
    sendfile: config.sendfile === "on",
    acknowledges: config.path !== "host-to-host",
    pass,
  });
  const options = { clock: clockOf(config), waitsForRoom: true, captureName: name };
  return {
    host,
    traffic: new Traffic(reader, engine, arrivals, sender, options),
    arrivals,
    heldPackets: () => sender.length + qdisc.length,
    queuedPackets: () => qdisc.length,
    release: () => {
      arrivals.release();
      release();
    },
  };
}

/** A local sender whose other end is there, too. */
function hostToHost(hosts: HostToHostPath, parts: PlainParts, capture: PlayedCapture): Player {
  const { send, receiver, connections, ...path } = hosts;
  const player = playSend(send, { ...parts, config: { ...parts.config, pace: "max" } }, capture);
  return {
    ...player,
    ...path,
    peer: receiver,
    windowClosedNs: () => connections.blockedNs,
    release: () => {
      player.release();
      path.release();
    },
  };
}

/** The end of the tunnel: ESP frames arrive at NIC 0, captured or sealed before. */
function receive(parts: PathParts, capture: PlayedCapture): Player {
  const { config, ledger, sa, aead, opener = null } = parts;
  const { name, isLocal, hasEsp = false, pass } = capture;
  const end = buildReceivePath(parts);
  const { memory } = end.host.skbs;
  const arrivals = new EspArrivals(ledger, memory, {
    isLocal,
    mtu: config.mtu,
    sa,
    sealer: aead ?? sa.aead(ENGINES.skip),
    leavesClear: aead === null || config.engine === "skip",
    opener,
    directory: parts.directory,
    statistics: parts.statistics,
    hasEsp,
    hashesInner: config.offload === "packet",
    pass,
    captureName: name,
  });
  return receiverOf(end, arrivals, parts, capture);
}

/** A host that gets clear frames. */
function receivePlain(parts: PlainParts, capture: PlayedCapture): Player {
  const { config, ledger } = parts;
  const { isLocal, pass } = capture;
  const end = buildPlainReceive(parts);
  const verifyChecksums = config.nic_rx_csum === "on";
  const arrivals = new Arrivals(ledger, end.host.skbs.memory, {
    isLocal,
    mtu: config.mtu,
    verifyChecksums,
    recutMtu: null,
    pass,
  });
  return receiverOf(end, arrivals, parts, capture);
}

/** A host that gets what `arrivals` has arrive at its NIC 0. */
function receiverOf(
  { host, rings, heldPackets, queuedPackets, release }: ReceiveEnd,
  arrivals: Arrivals | EspArrivals,
  parts: PlainParts,
  capture: PlayedCapture,
): Player {
  const traffic = trafficOfNic(host, rings, arrivals, parts, capture);
  return { host, traffic, arrivals, heldPackets, queuedPackets, release };
}

/** The capture comes in through the RX rings of `host`, as `arrivals` has it arrive. */
function trafficOfNic(
  host: Host,
  rings: RxRings,
  arrivals: Arrivals | EspArrivals,
  { config, engine, ledger }: PlainParts,
  { reader, name }: PlayedCapture,
): Traffic<RxFrame> {
  const ports = { ledger, memory: host.skbs.memory, rings, gate: host.gate, firstCpu: host.cpus.all[0]!.index };
  const options = { clock: clockOf(config), waitsForRoom: false, captureName: name };
  return new Traffic(reader, engine, arrivals, new NicEntrance(ports, arrivals), options);
}
