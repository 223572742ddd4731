/**
 * Presets: named configurations that state every built key of the design's first table, so that each is one data row and a
 * diff of two is their difference.
 *
 * @module
 */

import type { Config } from "./schema.ts";

/** The keys that every preset states. */
export const PRESET_KEYS = [
  "rx_cow",
  "tx_tail",
  "tx_dst",
  "gcm_sg",
  "max_skb_frags",
  "build_frags",
  "esp_frag_limit",
  "page_order",
  "crypto_pages",
  "gro",
  "esp_gro",
  "gro_overflow",
  "gso",
  "async",
  "busy",
  "crypto",
  "crypto_cpus",
  "offload",
  "nic_gso_esp",
  "nic_tx_csum",
  "era",
  "oversize",
] as const;

/** What a preset states. */
export type PresetSettings = Pick<Config, (typeof PRESET_KEYS)[number]>;

/** A named configuration. */
export interface Preset {
  /** One sentence for help. */
  readonly doc: string;
  /** The values, one for each of {@linkcode PRESET_KEYS}. */
  readonly settings: PresetSettings;
}

/** The preset that is used when nothing is named. */
export const DEFAULT_PRESET = "nocopy";

const BASELINE: PresetSettings = {
  rx_cow: "always",
  tx_tail: "linearize",
  tx_dst: "inplace",
  gcm_sg: "native",
  max_skb_frags: 17,
  build_frags: 17,
  esp_frag_limit: "none",
  page_order: 3,
  crypto_pages: "order0",
  gro: "off",
  esp_gro: "off",
  gro_overflow: "frag-list",
  gso: "off",
  async: "inline",
  busy: "requeue",
  crypto: "cpu",
  crypto_cpus: 0,
  offload: "none",
  nic_gso_esp: "on",
  nic_tx_csum: "on",
  era: "4.4",
  oversize: "grow",
};

const NOCOPY: PresetSettings = { ...BASELINE, rx_cow: "if-shared", tx_tail: "fragment" };
const NOCOPY_GRO: PresetSettings = { ...NOCOPY, gro: "on", esp_gro: "on", gso: "xfrm" };
const NOCOPY_GRO_GSO: PresetSettings = { ...NOCOPY_GRO, gso: "l2" };

/** Packets that wait for a callback: a crypto queue of 1000 requests (6.1), which a poll does not fill. */
const CRYPTD: PresetSettings = { ...NOCOPY_GRO_GSO, crypto: "cryptd", async: "callback", era: "6.1" };

const LINUX_4_4: PresetSettings = { ...BASELINE, gcm_sg: "single", gro: "on", gso: "xfrm", oversize: "drop" };
/** Rules that 4.14 shares with 4.4 rather than with 6.1 (GRO's table, the sizes of heads) come with era 4.4. */
const LINUX_4_14: PresetSettings = { ...LINUX_4_4, rx_cow: "if-shared", tx_tail: "fragment", tx_dst: "new-page" };
const LINUX_6_1: PresetSettings = { ...LINUX_4_14, gcm_sg: "native", esp_frag_limit: "4096", era: "6.1" };

/** As merged: a clone gets its trailer behind linear bytes, and what software encrypts goes to a new page. */
const OFFLOAD_CRYPTO: PresetSettings = { ...LINUX_6_1, esp_gro: "on", gso: "l2", offload: "crypto", oversize: "grow" };

/** The presets that are built, in the order of help. */
export const PRESETS: Readonly<Record<string, Preset>> = {
  "baseline": {
    doc: "The slides' start: Linux 4.4, which makes every skb linear before ESP.",
    settings: BASELINE,
  },
  "nocopy-rx": {
    doc: "Baseline, but ESP input decrypts in place what nobody else holds.",
    settings: { ...BASELINE, rx_cow: "if-shared" },
  },
  "nocopy-tx": {
    doc: "Baseline, but ESP output adds the tail bits as a page fragment and encrypts in place.",
    settings: { ...BASELINE, tx_tail: "fragment" },
  },
  "nocopy": {
    doc: "The slides' ideal: no frame copy on either side, without GRO.",
    settings: NOCOPY,
  },
  "nocopy-gro": {
    doc: "The ideal with GRO: fewer per-packet costs, and the copies move into segmentation by xfrm.",
    settings: NOCOPY_GRO,
  },
  "nocopy-gro-gso": {
    doc: "What the slides measured: GRO, and segmentation with encryption of each segment at layer 2.",
    settings: NOCOPY_GRO_GSO,
  },
  "fair-buffers": {
    doc: "As nocopy-gro-gso, but GRO builds no frag_list and leaves one fragment free for the tail bits.",
    settings: { ...NOCOPY_GRO_GSO, gro_overflow: "stop", build_frags: 16 },
  },
  "callback": {
    doc:
      "Asynchronous crypto at layer 3, with cryptd: segments are encrypted before the queue, which the callback puts them into.",
    settings: { ...CRYPTD, gso: "xfrm" },
  },
  "crypto-qdisc": {
    doc: "A queue that takes clear packets, has them encrypted by cryptd, and lets them go in order.",
    settings: { ...CRYPTD, async: "crypto-qdisc", busy: "crypto-qdisc" },
  },
  "encap-then-crypto": {
    doc: "Layer 2 makes whole ESP packets, a worker has them encrypted by cryptd, and they enter the queue again.",
    settings: { ...CRYPTD, async: "encap-then-crypto" },
  },
  "requeue": {
    doc: "Asynchronous crypto (cryptd) at layer 2: the callback enqueues what was encrypted to the queue again.",
    settings: CRYPTD,
  },
  "softirq-queue": {
    doc:
      "Asynchronous crypto (cryptd) at layer 2 as merged in 4.16: the driver at once, else a queue of the CPU and NET_TX.",
    settings: { ...CRYPTD, busy: "softirq-queue" },
  },
  "pcrypt": {
    doc: "As softirq-queue, but 4 CPUs of their own encrypt in parallel (pcrypt).",
    settings: { ...CRYPTD, crypto: "pcrypt", crypto_cpus: 4, busy: "softirq-queue" },
  },
  "offload-crypto": {
    doc:
      "A NIC that encrypts, and cuts aggregates of ESP packets (6.1 with esp4_offload): software does what its driver refuses.",
    settings: OFFLOAD_CRYPTO,
  },
  "offload-packet": {
    doc:
      "A NIC that does all of ESP (as since Linux 6.2, else as 6.1): the stack has clear packets, and there is no fallback.",
    settings: { ...OFFLOAD_CRYPTO, offload: "packet" },
  },
  "linux-4.4": {
    doc: "Linux 4.4 as it was: GRO for clear packets, segmentation in xfrm, linearization always.",
    settings: LINUX_4_4,
  },
  "linux-4.14": {
    doc: "Linux 4.14: the tail fragment as merged, whose saving the bounce buffer of AES-NI GCM eats up.",
    settings: LINUX_4_14,
  },
  "linux-6.1": {
    doc: "Linux 6.1.192 without esp4_offload: segmentation in xfrm, linearization above a page of fragments.",
    settings: LINUX_6_1,
  },
  "linux-6.1-module": {
    doc: "Linux 6.1.192 with esp4_offload loaded: ESP GRO and layer-2 segmentation.",
    settings: { ...LINUX_6_1, esp_gro: "on", gso: "l2" },
  },
};

/** Presets that the design names and nobody has built. */
export const PLANNED_PRESETS: readonly string[] = [];
