/**
 * Rules over several keys: combinations that are refused, and combinations that no kernel had.
 *
 * What no kernel had is legal, that is what the tool is for, but it is labelled counterfactual.
 *
 * @module
 */

import { ConfigError } from "./errors.ts";
import type { Config } from "./schema.ts";

/** A combination of values and what is to be said of it. */
interface Rule {
  readonly when: Partial<Config>;
  /** The rule does not hold where all of these do. */
  readonly unless?: Partial<Config>;
  readonly reason: string;
}

const REFUSED: readonly Rule[] = [
  {
    when: { path: "send", socket_gso: "on", gso: "off" },
    reason: "what a socket with GSO sends must be cut before ESP; add gso=xfrm or gso=l2, or socket_gso=off",
  },
  {
    when: { path: "forward", gro: "on", gso: "off" },
    reason: "a received buffer that GRO merged must be cut again before ESP; add gso=xfrm or gso=l2, or gro=off",
  },
  {
    when: { path: "receive", then: "forward", mode: "transport" },
    reason: "transport mode ends at the host that packets are addressed to; add mode=tunnel, or then=socket",
  },
];

/** Linux 4.11 to 4.16 had these, and the rules of era 4.4 otherwise. */
const LATER_4_X: Partial<Config> = { rx_cow: "if-shared", tx_tail: "fragment", tx_dst: "new-page", gcm_sg: "single" };

/** Linux 4.11 is where both copies of the frame and the missing GRO handler ended (linux-datapath, section 12). */
const COUNTERFACTUAL: readonly Rule[] = [
  { when: { era: "4.4", rx_cow: "if-shared" }, unless: LATER_4_X, reason: "Linux decrypts in place since 4.11" },
  { when: { era: "4.4", tx_tail: "fragment" }, unless: LATER_4_X, reason: "Linux adds a tail fragment since 4.11" },
  { when: { era: "4.4", esp_gro: "on" }, unless: LATER_4_X, reason: "Linux has a GRO handler for ESP since 4.11" },
  { when: { era: "4.4", gso: "l2" }, unless: LATER_4_X, reason: "Linux segments at layer 2 in software since 4.16" },
  {
    when: { era: "4.4", path: "send", socket_gso: "on" },
    unless: LATER_4_X,
    reason: "Linux leaves GSO to sockets over IPsec since 4.14",
  },
  { when: { era: "6.1", rx_cow: "always" }, reason: "Linux linearizes every received skb before 4.11 only" },
  { when: { era: "6.1", tx_tail: "linearize" }, reason: "Linux linearizes every sent skb before 4.11 only" },
  {
    when: { tx_tail: "fragment", tx_dst: "inplace" },
    reason: "no Linux encrypts page fragments in place on output",
  },
  { when: { era: "4.4", gro: "on", udp_gro: "forward" }, reason: "Linux joins UDP that it forwards since 5.12" },
  { when: { era: "4.4", gro: "on", udp_gro: "frag-list" }, reason: "Linux chains UDP that it forwards since 5.6" },
  { when: { gro: "on", gro_overflow: "stop" }, reason: "Linux chains to the frag_list what the fragments do not take" },
  { when: { crypto_pages: "any" }, reason: "the crypto walks of Linux step at the ends of order-0 pages" },
  { when: { era: "6.1", gcm_sg: "single" }, reason: "AES-NI GCM takes requests of several entries since 5.0" },
];

function holds(when: Partial<Config>, config: Config): boolean {
  return Object.entries(when).every(([key, value]) => config[key as keyof Config] === value);
}

function inWords(when: Partial<Config>): string {
  return Object.entries(when).map(([key, value]) => `${key}=${value}`).join(" with ");
}

/**
 * Refuses combinations that the model cannot play.
 *
 * @throws {ConfigError} with the reason and a way out.
 */
export function checkCombination(config: Config): void {
  if (config.build_frags > config.max_skb_frags) {
    const { build_frags, max_skb_frags } = config;
    throw new ConfigError(
      `Cannot combine build_frags=${build_frags} with max_skb_frags=${max_skb_frags}: ` +
        "the stack cannot fill more fragments than an skb holds",
    );
  }
  const rule = REFUSED.find(({ when }) => holds(when, config));
  if (rule !== undefined) throw new ConfigError(`Cannot combine ${inWords(rule.when)}: ${rule.reason}`);
}

/** Returns why no kernel ever had this combination, one sentence part per reason; empty if one had. */
export function counterfactuals(config: Config): readonly string[] {
  const applies = ({ when, unless }: Rule): boolean => {
    return holds(when, config) && (unless === undefined || !holds(unless, config));
  };
  return COUNTERFACTUAL.filter(applies).map(({ when, reason }) => {
    return `${inWords(when)}: ${reason}`;
  });
}
