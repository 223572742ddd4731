/**
 * The table of configuration keys: the only place where a key is declared.
 *
 * Types, `--set`, files, help, the JSON Schema and the warnings about idle keys are all derived from {@linkcode KEYS}; a new
 * value or key is one edit here. The default of a key is what Linux 4.4 did, so that a file without a preset rests on the slides'
 * start. What the design names but nobody has built is listed too (`planned` of a key, `planned_keys.ts`) and
 * refused, so that no key does nothing.
 *
 * Example: `DEFAULTS.rx_ring` is 512, and its type is `number`; the type of `DEFAULTS.gro` is `"on" | "off"`.
 *
 * @module
 */

import type { KeyDefinition, Path, Setting } from "./kinds.ts";

const EVERY_PATH = ["forward", "send", "receive", "host-to-host"] as const satisfies readonly Path[];
const PATHS_WITH_RX = ["forward", "receive", "host-to-host"] as const satisfies readonly Path[];
const PATHS_WITH_TX = ["forward", "send", "host-to-host"] as const satisfies readonly Path[];
const PATHS_WITH_ESP_INPUT = ["receive", "host-to-host"] as const satisfies readonly Path[];

const OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";

/** Every key that is built, in the order of help and of the explanation of a configuration. */
export const KEYS = {
  rx_cow: {
    kind: "choice",
    values: ["always", "if-shared"],
    default: "always",
    paths: PATHS_WITH_ESP_INPUT,
    doc: "When ESP input makes a received skb linear and private (skb_cow_data) before it decrypts.",
    question: "RX: only linearize if the buffer is not writable.",
  },
  tx_tail: {
    kind: "choice",
    values: ["linearize", "fragment"],
    default: "linearize",
    paths: PATHS_WITH_TX,
    doc:
      "Where ESP output puts trailer and ICV: behind the data of a linearized skb, or in tailroom or a page fragment, " +
      "where a cloned skb (local TCP) is linearized all the same.",
    question: "TX: add a page fragment with the tail bits to the buffer.",
  },
  tx_dst: {
    kind: "choice",
    values: ["inplace", "new-page"],
    default: "inplace",
    paths: PATHS_WITH_TX,
    idleWhen: { tx_tail: "linearize" },
    doc: "Where an skb with a tail fragment is encrypted: in its own pages (the ideal), or into new pages after a " +
      "null-cipher copy (as merged); acts with tx_tail=fragment only.",
    question: "TX: does a page fragment with the tail bits avoid the copy?",
  },
  gro: {
    kind: "choice",
    values: ["on", "off"],
    default: "off",
    paths: PATHS_WITH_RX,
    doc: "Software GRO: merge the segments of a flow into one skb before the stack sees them.",
    question: "Adding a software GRO codepath for IPsec.",
  },
  esp_gro: {
    kind: "choice",
    values: ["on", "off"],
    default: "off",
    paths: PATHS_WITH_ESP_INPUT,
    idleWhen: { gro: "off" },
    doc: "The GRO handler of ESP: decrypt inside GRO so that the inner segments merge in the same pass.",
    question: "The stack does not see IPsec packets anymore: should this be configurable?",
  },
  gso: {
    kind: "choice",
    values: ["off", "xfrm"],
    planned: ["l2"],
    default: "off",
    paths: PATHS_WITH_TX,
    doc: "Who segments an skb larger than the MTU: nobody builds such skbs (off), or xfrm before ESP.",
    question: "Move the existing xfrm GSO handling from xfrm to the generic GSO layer (L2).",
  },
  era: {
    kind: "choice",
    values: ["4.4", "6.1"],
    default: "4.4",
    paths: EVERY_PATH,
    doc: "The kernel whose rules hold where no other key names them; 6.1 means 6.1.192.",
  },
  path: {
    kind: "choice",
    values: ["forward"],
    planned: ["send", "receive", "host-to-host"],
    default: "forward",
    paths: EVERY_PATH,
    doc: "The part that the modelled host plays: forward is a gateway from clear frames to ESP.",
  },
  tunnel: {
    kind: "choice",
    values: ["all", "local"],
    default: "all",
    paths: ["forward"],
    doc: "Which arriving IP packets a gateway sends through the tunnel: all of them, or those from local.",
  },
  local: {
    kind: "text",
    pattern: `^(auto|${OCTET}(\\.${OCTET}){3}(/(3[0-2]|[12]?[0-9]))?)$`,
    expects: "auto, an IPv4 address or an IPv4 prefix such as 10.0.0.0/8",
    default: "auto",
    paths: EVERY_PATH,
    idleWhen: { path: "forward", tunnel: "all" },
    doc: "The host or net that is ours; auto is the side that sent more payload.",
  },
  pace: {
    kind: "choice",
    values: ["max"],
    planned: ["line", "rate:<Gbps>", "capture", "capture*N"],
    default: "max",
    paths: ["forward", "send", "receive"],
    doc: "When the next frame is offered: max is as soon as the RX ring has room.",
  },
  oversize: {
    kind: "choice",
    values: ["grow", "drop"],
    planned: ["mss"],
    default: "grow",
    paths: PATHS_WITH_TX,
    doc: "What becomes of a packet that ESP makes larger than the MTU: the egress MTU grows to fit, or it is dropped.",
  },
  link_gbps: {
    kind: "number",
    minimum: 0.000001,
    maximum: 1000000,
    default: 10,
    unit: "Gbit/s",
    paths: EVERY_PATH,
    doc: "Speed of the links, preamble and gap included.",
  },
  mtu: {
    kind: "integer",
    minimum: 576,
    maximum: 65535,
    default: 1500,
    unit: "bytes",
    paths: PATHS_WITH_TX,
    doc: "Largest IP packet that the egress link takes.",
  },
  rx_layout: {
    kind: "choice",
    values: ["page-frag", "build-skb", "virtio", "netdev-linear", "kmalloc", "napi-linear"],
    planned: ["frags:N", "hdrsplit:N"],
    default: "page-frag",
    paths: PATHS_WITH_RX,
    doc:
      "How the RX driver lays a frame out as an skb: page-frag pulls the headers and leaves the rest in a page, virtio " +
      "copies 128 bytes (4.4), the others are linear.",
  },
  rx_ring: {
    kind: "integer",
    minimum: 1,
    maximum: 4096,
    default: 128,
    unit: "descriptors",
    paths: PATHS_WITH_RX,
    doc: "Length of the RX ring: frames that wait for NAPI; short, so that short captures get past its first filling.",
  },
  nic_rx_csum: {
    kind: "choice",
    values: ["on", "off"],
    default: "on",
    paths: PATHS_WITH_RX,
    idleWhen: { path: "forward", gro: "off" },
    doc: "Whether the NIC has verified the transport checksum (CHECKSUM_UNNECESSARY) or a CPU must.",
  },
  napi_weight: {
    kind: "integer",
    minimum: 1,
    maximum: 1024,
    default: 64,
    unit: "packets",
    paths: PATHS_WITH_RX,
    doc: "Packets that one NAPI poll takes from the RX ring at most.",
  },
  hz: {
    kind: "choice",
    values: [100, 250, 300, 1000],
    default: 250,
    unit: "jiffies per second",
    paths: PATHS_WITH_RX,
    idleWhen: { gro: "off" },
    doc: "Timer frequency of the kernel, which decides how long GRO holds packets over full NAPI polls.",
  },
  qdisc: {
    kind: "choice",
    values: ["pfifo"],
    planned: ["pfifo_fast", "noqueue", "fq_codel"],
    default: "pfifo",
    paths: PATHS_WITH_TX,
    doc: "Queue discipline of the egress device.",
  },
  qdisc_limit: {
    kind: "integer",
    minimum: 1,
    maximum: 1000000,
    default: 1000,
    unit: "packets",
    paths: PATHS_WITH_TX,
    doc: "Packets that the queue discipline holds before it drops.",
  },
  tx_ring: {
    kind: "integer",
    minimum: 4,
    maximum: 4096,
    default: 512,
    unit: "descriptors",
    paths: PATHS_WITH_TX,
    doc: "Length of the TX ring; a full one stops the queue (NETDEV_TX_BUSY).",
  },
  cipher: {
    kind: "choice",
    values: ["aes-gcm-256"],
    planned: ["aes-gcm-128", "aes-gcm-192", "chacha20-poly1305", "aes-cbc-<suite>", "null"],
    default: "aes-gcm-256",
    paths: EVERY_PATH,
    doc: "Cipher suite of the SAs; aes-gcm-256 is RFC 4106 with an ICV of 16 bytes.",
  },
  mode: {
    kind: "choice",
    values: ["tunnel"],
    planned: ["transport"],
    default: "tunnel",
    paths: EVERY_PATH,
    doc: "IPsec mode of the SAs.",
  },
  engine: {
    kind: "choice",
    values: ["auto", "noble", "skip"],
    planned: ["openssl"],
    default: "auto",
    paths: EVERY_PATH,
    doc: "Who encrypts: auto only when somebody looks, noble always, skip never; traces are the same with each.",
  },
  profile: {
    kind: "text",
    pattern: "^[^\\u0000-\\u001f\\u007f]+$",
    expects: "the name of a cost profile or a file",
    default: "published",
    paths: EVERY_PATH,
    doc: "The cost profile that prices events: the name of a shipped one, or a file.",
  },
  interval_us: {
    kind: "text",
    pattern: "^(auto|[1-9][0-9]{0,8})$",
    expects: "auto or a whole number of microseconds",
    default: "auto",
    paths: EVERY_PATH,
    doc: "Length of an interval of series.csv; auto is about a hundredth of the run, 1, 2 or 5 times a power of ten.",
  },
  seed: {
    kind: "integer",
    minimum: 0,
    maximum: 4294967295,
    default: 1,
    paths: EVERY_PATH,
    doc: "What the free choices of the model are derived from: so far the fixed part of the IVs.",
  },
} as const satisfies Record<string, KeyDefinition>;

/** The name of a key that is built. */
export type KeyName = keyof typeof KEYS;

/** The type of one key's value: its values for a choice, else text or number. */
export type ValueOf<Definition> = Definition extends { kind: "choice"; values: readonly (infer Value)[] } ? Value
  : Definition extends { kind: "text" } ? string
  : number;

/** A configuration: a checked value for every key, under the names of the design. */
export type Config = { readonly [Key in KeyName]: ValueOf<(typeof KEYS)[Key]> };

/** All keys in table order. */
export const KEY_NAMES: readonly KeyName[] = Object.keys(KEYS) as KeyName[];

/** Tells whether `name` is a key that is built. */
export function isKeyName(name: string): name is KeyName {
  return Object.hasOwn(KEYS, name);
}

/** Returns the row of a key, typed as any row. */
export function definitionOf(key: KeyName): KeyDefinition {
  return KEYS[key];
}

/** The value of every key when nothing else is said. */
export const DEFAULTS: Config = configOf((key) => KEYS[key].default);

/** Builds a configuration from a function that returns a checked value for each key. */
export function configOf(valueOf: (key: KeyName) => Setting): Config {
  // The table's check is what makes the values have these types.
  return Object.fromEntries(KEY_NAMES.map((key) => [key, valueOf(key)])) as unknown as Config;
}
