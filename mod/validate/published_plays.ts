/**
 * Which configuration plays a row of `fixtures/published-results.csv`, and why the others cannot be played.
 *
 * What a publication does not say is assumed, the same for every row of it: MTU 1500, and of what is called a tunnel, tunnel
 * mode. A row is nowhere treated by its figures.
 *
 * Example: `playOf("seed-1")` is preset `baseline` in transport mode with ESP-NULL under profile `netdev11`.
 *
 * @module
 */

/** How a row is played. */
export interface Play {
  /** Preset of the configuration. */
  readonly preset: string;
  /** What is set besides, `key=value`; the path is host-to-host. */
  readonly sets: readonly string[];
  /** A shipped profile. */
  readonly profile: string;
}

/** The slides do not name their link: 8 Gbit/s fit through one of 10. */
function slides(preset: string, cipher: string): Play {
  return { preset, sets: [`cipher=${cipher}`, "mode=transport"], profile: "netdev11" };
}

function mlx5(preset: string): Play {
  return { preset, sets: ["cipher=aes-gcm-256", "mode=tunnel", "link_gbps=100"], profile: "haswell-2020" };
}

/** Linux 2.6.32 makes every buffer linear and has neither GRO nor GSO of ESP; CPUs of two generations before Haswell. */
function libreswan(cipher: string, mtu: number): Play {
  return { preset: "baseline", sets: [`cipher=${cipher}`, "mode=tunnel", `mtu=${mtu}`], profile: "published" };
}

const PLAYS: ReadonlyMap<string, Play> = new Map([
  ["seed-1", slides("baseline", "null")],
  ["seed-2", slides("baseline", "aes-gcm-256")],
  ["seed-3", slides("nocopy-gro-gso", "null")],
  ["seed-4", slides("nocopy-gro-gso", "aes-gcm-256")],
  ["mlx5tx-non-1", mlx5("linux-6.1-module")],
  ["mlx5tx-both-1", mlx5("offload-crypto")],
  ["mlx5tx-before-non-1", mlx5("linux-6.1-module")],
  ["mlx5rx-non-1", mlx5("linux-6.1-module")],
  ["lsw-a-null-sha1", libreswan("null-sha1", 9000)],
  ["lsw-a-aes128-sha1", libreswan("aes-cbc-128-sha1", 9000)],
  ["lsw-a-aes256-sha1", libreswan("aes-cbc-256-sha1", 9000)],
  ["lsw-b-aes128sha1", libreswan("aes-cbc-128-sha1", 9000)],
  ["lsw-b-aes128sha1-1500", libreswan("aes-cbc-128-sha1", 1500)],
  ["lsw-b-null-sha1", libreswan("null-sha1", 9000)],
  ["lsw-b-aes256-sha1", libreswan("aes-cbc-256-sha1", 9000)],
  ["lsw-b-ctr128-sha1", libreswan("aes-ctr-128-sha1", 9000)],
  ["lsw-b-ctr256-sha1", libreswan("aes-ctr-256-sha1", 9000)],
]);

/** Why rows are not played, by how their ids begin; the first that fits. */
const UNPLAYED: readonly (readonly [idBegins: string, reason: string])[] = [
  ["mlx5tx-plain", "TCP without ESP: the model has no such path"],
  ["mlx5rx-off-1", "one host offloads: both hosts of the model are of one configuration"],
  ["mlx5rx", "24 tunnels on 24 CPUs: the capture has not so many connections"],
  ["lsw-a-plain", "TCP without ESP: the model has no such path"],
  ["lsw-b-plain", "TCP without ESP: the model has no such path"],
  ["lsw-qat", "10 to 20 SAs on CPUs that are not named, and an engine whose speed is not"],
  ["lsw-noqat", "10 to 20 SAs on CPUs that are not named"],
  ["lsw-", "the model has neither AES-XCBC nor triple DES to send with"],
  ["ipip-", "IP in IP without ESP: the model has no such path"],
  ["tcp-sg-", "TCP without ESP: the model has no such path"],
  ["gso-tcp-", "TCP without ESP: the model has no such path"],
  ["fw-udp-", "network namespaces joined by veth, without a NIC"],
  ["cil-", "an overlay network between virtual machines"],
  ["vpp-", "a data path in user space, not that of Linux"],
  ["ovs-", "a data path in user space, not that of Linux"],
  ["snabb-", "a data path in user space, in memory alone"],
  ["intel-mb", "crypto alone, without network"],
  ["cx7-", "a gateway whose NIC forwards: no stack is in the way"],
  ["bf3-", "a NIC with CPUs of its own, whose set-up is not published"],
  ["tum-wg-", "WireGuard"],
];

/** How a row is played, by its id; undefined where it is not. */
export function playOf(id: string): Play | undefined {
  return PLAYS.get(id);
}

/** Why a row without a play is not played. */
export function whyUnplayed(id: string): string {
  return UNPLAYED.find(([begins]) => id.startsWith(begins))?.[1] ?? "nobody has said yet how to play it";
}
