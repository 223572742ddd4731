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
  readonly reason: string;
}

const REFUSED: readonly Rule[] = [
  {
    when: { path: "forward", gro: "on", gso: "off" },
    reason: "a received buffer that GRO merged must be cut again before ESP; add gso=xfrm, or gro=off",
  },
];

/** Linux 4.11 is where both copies of the frame and the missing GRO handler ended (linux-datapath, section 12). */
const COUNTERFACTUAL: readonly Rule[] = [
  { when: { era: "4.4", rx_cow: "if-shared" }, reason: "Linux decrypts in place since 4.11" },
  { when: { era: "4.4", tx_tail: "fragment" }, reason: "Linux adds a tail fragment since 4.11" },
  { when: { era: "4.4", esp_gro: "on" }, reason: "Linux has a GRO handler for ESP since 4.11" },
  { when: { era: "6.1", rx_cow: "always" }, reason: "Linux linearizes every received skb before 4.11 only" },
  { when: { era: "6.1", tx_tail: "linearize" }, reason: "Linux linearizes every sent skb before 4.11 only" },
  {
    when: { tx_tail: "fragment", tx_dst: "inplace" },
    reason: "no Linux encrypts page fragments in place on output",
  },
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
  const rule = REFUSED.find(({ when }) => holds(when, config));
  if (rule !== undefined) throw new ConfigError(`Cannot combine ${inWords(rule.when)}: ${rule.reason}`);
}

/** Returns why no kernel ever had this combination, one sentence part per reason; empty if one had. */
export function counterfactuals(config: Config): readonly string[] {
  return COUNTERFACTUAL.filter(({ when }) => holds(when, config)).map(({ when, reason }) => {
    return `${inWords(when)}: ${reason}`;
  });
}
