/**
 * Which configuration plays a row of `fixtures/published-results.csv`, and why the others cannot be played.
 *
 * What a publication does not say is assumed, the same for every row of it: MTU 1500, of what is called a tunnel, tunnel
 * mode, and of plain TCP a Linux that has everything for it (GRO, TSO, checksums of the NIC) but what the row says is off. A row
 * is nowhere treated by its figures.
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

/**
 * The slides do not name their link: 8 Gbit/s fit through one of 10. AES-NI of Linux 4.4 takes AES-GCM in one piece only. The
 * process reads on the CPU of the softirq: with a CPU of its own no prices within their ranges come near the first two rows.
 */
function slides(preset: string, cipher: string): Play {
  const sets = [`cipher=${cipher}`, "mode=transport", "gcm_sg=single", "reader_cpu=same"];
  return { preset, sets, profile: "netdev11" };
}

/** The manual of the NIC gives AES-GCM-256 as its example. */
function mlx5(preset: string, ...sets: readonly string[]): Play {
  return { preset, sets: ["cipher=aes-gcm-256", "mode=tunnel", "link_gbps=100", ...sets], profile: "haswell-2020" };
}

/** Linux 2.6.32 makes every buffer linear and has neither GRO nor GSO of ESP; CPUs of two generations before Haswell. */
function libreswan(cipher: string, mtu: number): Play {
  return { preset: "baseline", sets: [`cipher=${cipher}`, "mode=tunnel", `mtu=${mtu}`], profile: "published" };
}

/** TCP without IPsec. */
function plain(profile: string, linkGbps: number, ...sets: readonly string[]): Play {
  return { preset: "linux-6.1", sets: ["mode=none", `link_gbps=${linkGbps}`, ...sets], profile };
}

/** The same of Linux 2.6.32, which has GRO and TSO for it; one connection goes over one link of a bond. */
const LIBRESWAN_PLAIN: Play = { ...plain("published", 10, "mtu=9000"), preset: "linux-4.4" };

const PLAYS: ReadonlyMap<string, Play> = new Map([
  ["seed-1", slides("baseline", "null")],
  ["seed-2", slides("baseline", "aes-gcm-256")],
  ["seed-3", slides("nocopy-gro-gso", "null")],
  ["seed-4", slides("nocopy-gro-gso", "aes-gcm-256")],
  ["mlx5tx-plain-1", plain("haswell-2020", 100)],
  ["mlx5tx-plain-1b", plain("haswell-2020", 100)],
  ["mlx5tx-non-1", mlx5("linux-6.1-module")],
  // Until October 2021 the driver said nothing of the checksum of a packet that its NIC had decrypted (mlx5e_handle_csum, 5.10).
  ["mlx5tx-both-1", mlx5("offload-crypto", "nic_rx_csum=off")],
  ["mlx5tx-before-non-1", mlx5("linux-6.1-module")],
  ["mlx5rx-non-1", mlx5("linux-6.1-module")],
  ["lsw-a-plain", LIBRESWAN_PLAIN],
  ["lsw-a-null-sha1", libreswan("null-sha1", 9000)],
  ["lsw-a-aes128-sha1", libreswan("aes-cbc-128-sha1", 9000)],
  ["lsw-a-aes256-sha1", libreswan("aes-cbc-256-sha1", 9000)],
  ["lsw-b-plain", LIBRESWAN_PLAIN],
  ["lsw-b-aes128sha1", libreswan("aes-cbc-128-sha1", 9000)],
  ["lsw-b-aes128sha1-1500", libreswan("aes-cbc-128-sha1", 1500)],
  ["lsw-b-null-sha1", libreswan("null-sha1", 9000)],
  ["lsw-b-aes256-sha1", libreswan("aes-cbc-256-sha1", 9000)],
  ["lsw-b-ctr128-sha1", libreswan("aes-ctr-128-sha1", 9000)],
  ["lsw-b-ctr256-sha1", libreswan("aes-ctr-256-sha1", 9000)],
  ["tcp-sg-on", plain("published", 40, "nic_sg=on")],
  ["tcp-sg-off", plain("published", 40, "nic_sg=off")],
  ["gso-tcp-tso", plain("published", 100, "nic_tso=on")],
  ["gso-tcp-gso", plain("published", 100, "nic_tso=off")],
  ["gso-tcp-none", plain("published", 100, "nic_tso=off", "socket_gso=off")],
]);

/** Why rows are not played, by how their ids begin; the first that fits. */
const UNPLAYED: readonly (readonly [idBegins: string, reason: string])[] = [
  ["mlx5rx-off-1", "one host offloads: both hosts of the model are of one configuration"],
  ["mlx5rx", "24 tunnels on 24 CPUs: the capture has not so many connections"],
  ["lsw-qat", "10 to 20 SAs on CPUs that are not named, and an engine whose speed is not"],
  ["lsw-noqat", "10 to 20 SAs on CPUs that are not named"],
  ["lsw-", "the model has neither AES-XCBC nor triple DES to send with"],
  ["ipip-", "IP in IP without ESP: the model has no such path"],
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
