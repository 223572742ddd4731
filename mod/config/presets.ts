/**
 * Presets: named configurations that state every built key of the design's first table, so that each is one data row and a
 * diff of two is their difference.
 *
 * @module
 */

import type { Config } from "./schema.ts";

/** The keys that every preset states. */
export const PRESET_KEYS = ["rx_cow", "tx_tail", "tx_dst", "gro", "esp_gro", "gso", "era"] as const;

/** A named configuration. */
export interface Preset {
  /** One sentence for help. */
  readonly doc: string;
  /** The values, one for each of {@linkcode PRESET_KEYS}. */
  readonly settings: Pick<Config, (typeof PRESET_KEYS)[number]>;
}

/** The preset that is used when nothing is named. */
export const DEFAULT_PRESET = "nocopy";

/** The presets that are built, in the order of help. */
export const PRESETS: Readonly<Record<string, Preset>> = {
  "baseline": {
    doc: "The slides' start: Linux 4.4, which makes every skb linear before ESP.",
    settings: {
      rx_cow: "always",
      tx_tail: "linearize",
      tx_dst: "inplace",
      gro: "off",
      esp_gro: "off",
      gso: "off",
      era: "4.4",
    },
  },
  "nocopy-rx": {
    doc: "Baseline, but ESP input decrypts in place what nobody else holds.",
    settings: {
      rx_cow: "if-shared",
      tx_tail: "linearize",
      tx_dst: "inplace",
      gro: "off",
      esp_gro: "off",
      gso: "off",
      era: "4.4",
    },
  },
  "nocopy-tx": {
    doc: "Baseline, but ESP output adds the tail bits as a page fragment and encrypts in place.",
    settings: {
      rx_cow: "always",
      tx_tail: "fragment",
      tx_dst: "inplace",
      gro: "off",
      esp_gro: "off",
      gso: "off",
      era: "4.4",
    },
  },
  "nocopy": {
    doc: "The slides' ideal: no frame copy on either side, without GRO.",
    settings: {
      rx_cow: "if-shared",
      tx_tail: "fragment",
      tx_dst: "inplace",
      gro: "off",
      esp_gro: "off",
      gso: "off",
      era: "4.4",
    },
  },
  "nocopy-gro": {
    doc: "The ideal with GRO: fewer per-packet costs, and the copies move into segmentation by xfrm.",
    settings: {
      rx_cow: "if-shared",
      tx_tail: "fragment",
      tx_dst: "inplace",
      gro: "on",
      esp_gro: "on",
      gso: "xfrm",
      era: "4.4",
    },
  },
};

/** Presets that the design names and nobody has built. */
export const PLANNED_PRESETS: readonly string[] = [
  "nocopy-gro-gso",
  "fair-buffers",
  "callback",
  "crypto-qdisc",
  "encap-then-crypto",
  "requeue",
  "softirq-queue",
  "pcrypt",
  "offload-crypto",
  "offload-packet",
  "linux-4.4",
  "linux-4.14",
  "linux-6.1",
  "linux-6.1-module",
];
