/**
 * `scenario.json`: under which settings a recording was made, and how the model may be held against it.
 *
 * Every key is known here; a key that is not is refused, because a setting that nobody reads could explain a difference.
 * The documented form, with the meaning of each key, is in `fixtures/kernel/README.md`.
 *
 * @module
 */

import { nearest } from "../config/nearest.ts";
import { RecordingError } from "./errors.ts";

/** A security association as `scenario.json` states it, in the words of `ip xfrm state`. */
export interface RecordedSa {
  /** Addresses of the outer header. */
  readonly src: string;
  readonly dst: string;
  /** "0x" in front. */
  readonly spi: string;
  readonly mode: string;
  readonly aead?: string;
  /** Key and salt of the AEAD, "0x" in front. */
  readonly key?: string;
  readonly enc?: string;
  /** Key of the cipher, and the nonce of CTR, "0x" in front; or empty. */
  readonly enc_key?: string;
  readonly auth?: string;
  /** "0x" in front, or empty. */
  readonly auth_key?: string;
  readonly icv_bits?: number;
  /** "espinudp" where ESP is behind UDP. */
  readonly encap?: string;
  /** Sequence numbers, whole where they are extended, that the association begins behind: the last sent, the highest received. */
  readonly replay_oseq?: number;
  readonly replay_seq?: number;
  /** Its ports; 4500 unless given. */
  readonly encap_sport?: number;
  readonly encap_dport?: number;
  /** What differs from the defaults, as `ip xfrm state` calls it. */
  readonly flags?: readonly string[];
  /** TFC padding, in bytes. */
  readonly tfc_pad?: number;
}

/** What of `scenario.json` decides something. */
export interface Scenario {
  readonly name: string;
  /** Who plays which part; `gro` is the receiving half of `forward` alone. */
  readonly path: "gro" | "forward" | "receive" | "send";
  /**
   * How the model may be held against it: the whole path, each skb through its stage alone, the rule given the recorded
   * cut points, or the packets of each CPU as sets.
   */
  readonly compare: "exact" | "per-stage" | "rule" | "per-cpu";
  /** Needs asynchronous crypto or a busy device. */
  readonly queues: boolean;
  /** Who ran crypto requests: `cpu`, `cryptd` or `pcrypt`. */
  readonly crypto?: string;
  /** Requests that the queue of cryptd took; 1000 unless given. */
  readonly cryptd_qlen?: number;
  /** CPUs of the machine; 1 unless given. */
  readonly net_cpus?: number;
  /** What was wrong with the sending driver: `busy N` or `stopped DEVICE`. */
  readonly tx_fault?: readonly string[];
  /** What ended it: `sleep SECONDS`, then the commands that woke its queue. */
  readonly tx_fault_ends?: readonly string[];
  /** Queue discipline of the sending device, in the words of `tc`; fq_codel unless given. */
  readonly qdisc?: string;
  /** Length of the device's queue, where the discipline has no limit of its own. */
  readonly txqueuelen?: number;
  readonly era: "4.4" | "6.1";
  readonly mtu: number;
  /** esp4_offload and esp6_offload were loaded before the SA was made. */
  readonly esp_module?: boolean;
  readonly gro?: "on" | "off";
  /** A list is taken in turn, frame by frame; missing where a TUN device received. */
  readonly rx_layout?: string | readonly string[];
  /** How a TUN device received instead of a NIC: `linear` (IFF_NAPI) or `frags` (IFF_NAPI_FRAGS). */
  readonly tun?: "linear" | "frags";
  /** Lengths of the pieces, the last one not counted, in which each frame was written to a TUN device. */
  readonly tun_iov?: readonly number[];
  readonly rx_hash?: boolean;
  readonly nic_rx_csum?: "on" | "off";
  /** Bytes from the start of a received frame to its payload. */
  readonly header_bytes?: number;
  /** Headroom of received buffers in front of the Ethernet header; NET_SKB_PAD, 64, unless given. */
  readonly driver_headroom?: number;
  /** Headroom of local TCP buffers (MAX_TCP_HEADER); 320 unless given. */
  readonly max_tcp_header?: number;
  /** Frames of each poll; one poll of all where it is missing. */
  readonly batches?: readonly number[];
  readonly gro_flush_us?: number;
  /** gro_max_size of the receiving device; 65536 unless given. */
  readonly gro_max_size?: number;
  readonly tap?: string;
  /** The device that `output.pcap` is of. */
  readonly tx_device?: string;
  readonly nic_sg?: "on" | "off";
  readonly nic_tx_csum?: "on" | "off";
  readonly nic_tso?: "on" | "off";
  readonly nic_fraglist?: "on" | "off";
  readonly sa?: readonly RecordedSa[];
  /** ESP is behind UDP. */
  readonly encap?: string;
  /** The socket of the encapsulation has UDP_GRO. */
  readonly udp_gro_socket?: boolean;
  /** Extended sequence numbers. */
  readonly esn?: boolean;
  /** Path `send`: each packet of `input.pcap` may be played as one write of the process. */
  readonly writes?: "as-recorded";
  /** What the process sent; of UDP the sizes of the datagrams, a list for one that was written in parts. */
  readonly traffic?: { readonly proto?: string; readonly sizes?: readonly unknown[] };
  /** TFC padding of the SA, in bytes. */
  readonly tfc_pad?: number;
  /** The outer header does not get the DSCP of the inner one. */
  readonly dont_encap_dscp?: boolean;
}

type Check = (value: unknown) => string | undefined;

const isObject = (value: unknown): value is Record<string, unknown> => {
  return typeof value === "object" && value !== null && !Array.isArray(value);
};
const text: Check = (value) => typeof value === "string" ? undefined : "text";
const integer: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : "an integer";
/** Bytes of headers or headroom: memory is allocated by them. */
const headerSize: Check = (value) => integer(value) ?? ((value as number) <= 65535 ? undefined : "at most 65535");
/** A TUN device refuses pieces of no bytes. */
const pieceSize: Check = (value) => headerSize(value) ?? ((value as number) > 0 ? undefined : "above 0");
const boolean: Check = (value) => typeof value === "boolean" ? undefined : "true or false";
const anything: Check = () => undefined;
const oneOf = (...words: string[]): Check => (value) =>
  words.includes(value as string) ? undefined : words.join(" or ");
const listOf = (check: Check): Check => (value) => {
  if (!Array.isArray(value)) return "a list";
  const wrong = value.map(check).find((each) => each !== undefined);
  return wrong === undefined ? undefined : `a list, each ${wrong}`;
};
const onOff = oneOf("on", "off");
const matching = (pattern: RegExp, wanted: string): Check => (value) => {
  return typeof value === "string" && pattern.test(value) ? undefined : wanted;
};
const hex = matching(/^(0x([0-9a-f]{2})*)?$/, "hexadecimal bytes, 0x in front");
const LAYOUT = /^(page-frag|build-skb|virtio|netdev-linear|kmalloc|napi-linear|(frags|hdrsplit):([1-9]|1[0-7]))$/;
const layout = matching(LAYOUT, "an rx_layout");
const layouts: Check = (value) => {
  return Array.isArray(value) ? value.length === 0 ? "an rx_layout" : listOf(layout)(value) : layout(value);
};

const SA_KEYS: Readonly<Record<string, Check>> = {
  ns: text,
  src: text,
  dst: text,
  spi: matching(/^0x[0-9a-f]{1,8}$/, "a hexadecimal number"),
  mode: oneOf("tunnel", "transport"),
  replay_window: integer,
  aead: text,
  key: hex,
  enc: text,
  enc_key: hex,
  auth: text,
  auth_key: hex,
  icv_bits: integer,
  encap: oneOf("espinudp"),
  replay_oseq: integer,
  replay_seq: integer,
  encap_sport: integer,
  encap_dport: integer,
  flags: listOf(text),
  tfc_pad: integer,
};

const KEYS: Readonly<Record<string, Check>> = {
  name: text,
  path: oneOf("gro", "forward", "receive", "send"),
  kernel: text,
  compare: oneOf("exact", "per-stage", "rule", "per-cpu"),
  why: text,
  queues: boolean,
  era: oneOf("4.4", "6.1"),
  hz: integer,
  net_cpus: integer,
  mtu: integer,
  esp_module: boolean,
  mode: oneOf("tunnel", "transport"),
  crypto: oneOf("cpu", "cryptd", "pcrypt"),
  sa: (value) =>
    Array.isArray(value) && value.length > 0 && value.every(isObject) ? undefined : "a list of associations",
  gro: onOff,
  rx_layout: layouts,
  rx_hash: boolean,
  nic_rx_csum: onOff,
  header_bytes: headerSize,
  driver_headroom: headerSize,
  max_tcp_header: headerSize,
  batches: listOf(integer),
  gap_ms: anything,
  gro_flush_us: (value) => typeof value === "number" && value >= 0 ? undefined : "a number",
  gro_max_size: integer,
  defer_hard_irqs: integer,
  tap: text,
  tun: oneOf("linear", "frags"),
  tun_iov: listOf(pieceSize),
  tx_device: text,
  nic_sg: onOff,
  nic_tx_csum: onOff,
  nic_tso: onOff,
  nic_gso: onOff,
  nic_fraglist: onOff,
  suite: text,
  suite_keys: anything,
  suite_of_spi: anything,
  outer_ip: (value) => value === 4 || value === 6 ? undefined : "4 or 6",
  encap: oneOf("udp"),
  esn: boolean,
  esn_hi: listOf(integer),
  esp_seq0: integer,
  tfc_pad: integer,
  dont_encap_dscp: boolean,
  udp_gro_socket: boolean,
  traffic: (value) =>
    isObject(value) && Array.isArray(value["sizes"] ?? []) ? undefined : "an object with proto, sizes",
  writes: oneOf("as-recorded"),
  max_segment: integer,
  tx_fault: listOf(matching(/^(busy [1-9][0-9]{0,5}|stopped \S+)$/, "busy N or stopped DEVICE")),
  tx_fault_ends: listOf(text),
  qdisc: matching(
    /^(pfifo|fq_codel) limit [1-9][0-9]{0,5}$|^(fq_codel|pfifo_fast|noqueue)$/,
    "pfifo limit N, fq_codel (limit N), pfifo_fast or noqueue",
  ),
  txqueuelen: integer,
  cryptd_qlen: integer,
};

const REQUIRED = ["name", "path", "compare", "era", "mtu"];
const REQUIRED_OF_SA = ["src", "dst", "spi", "mode"];
const FILE = "scenario.json";

/** Reads the text of `scenario.json`. Throws RecordingError that names the key that is wrong. */
export function parseScenario(recording: string, source: string): Scenario {
  let json: unknown;
  try {
    json = JSON.parse(source);
  } catch {
    throw new RecordingError(recording, "it is not JSON", { file: FILE });
  }
  if (!isObject(json)) throw new RecordingError(recording, "it is no JSON object", { file: FILE });
  checkKeys(recording, json, KEYS, REQUIRED, "");
  const isReceived = json["path"] !== "send" && !("tun" in json);
  if (isReceived) checkKeys(recording, json, KEYS, ["rx_layout", "header_bytes"], "");
  const associations = (json["sa"] ?? []) as Record<string, unknown>[];
  associations.forEach((sa, i) => checkKeys(recording, sa, SA_KEYS, REQUIRED_OF_SA, `sa[${i}].`));
  return { queues: false, ...json } as unknown as Scenario;
}

function checkKeys(
  recording: string,
  json: Record<string, unknown>,
  keys: Readonly<Record<string, Check>>,
  required: readonly string[],
  prefix: string,
): void {
  for (const [key, value] of Object.entries(json)) {
    const check = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (check === undefined) throw new RecordingError(recording, unknownKey(prefix, key, keys), { file: FILE });
    const wanted = check(value);
    if (wanted !== undefined) {
      throw new RecordingError(recording, `the key ${prefix}${key} is not ${wanted}`, { file: FILE });
    }
  }
  const missing = required.find((key) => !(key in json));
  if (missing !== undefined) {
    throw new RecordingError(recording, `the key ${prefix}${missing} is missing`, { file: FILE });
  }
}

function unknownKey(prefix: string, key: string, keys: Readonly<Record<string, Check>>): string {
  const near = nearest(key, Object.keys(keys));
  const shown = JSON.stringify(`${prefix}${key}`.slice(0, 60));
  return near === undefined ? `there is no key ${shown}` : `there is no key ${shown}, the nearest is ${prefix}${near}`;
}
