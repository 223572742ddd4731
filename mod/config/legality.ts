/**
 * Rules over several keys: combinations that are refused, and combinations that no kernel had.
 *
 * What no kernel had is legal, that is what the tool is for, but it is labelled counterfactual.
 *
 * @module
 */

import { ConfigError } from "./errors.ts";
import { whyIdle } from "./idle.ts";
import type { Config, KeyName } from "./schema.ts";

/** A combination of values and what is to be said of it. */
interface Rule {
  readonly when: Partial<Config>;
  /** The rule does not hold where all of these do. */
  readonly unless?: Partial<Config>;
  readonly reason: string;
}

const NO_CALLBACK =
  "what crypto=cpu does is done when the call returns; add crypto=cryptd, pcrypt or accel, or async=inline";
const NOT_INLINE = "such an engine calls back later, and nobody waits for it inline; add async=callback, or crypto=cpu";
const LAYER_3 =
  "before the queue discipline there is no such queue: what layer 3 has encrypted enters an ordinary qdisc; " +
  "add gso=l2, or async=callback with busy=requeue";
const OWN_QUEUE = "a crypto-qdisc is both queues in one, and neither has the other's; add both or none";

const NOT_ASKED = "what the NIC encrypts is not the engine's; add crypto=cpu with async=inline, or offload=none";
const NEEDS_HANDLER =
  "packets that the NIC has decrypted are known to the GRO handler of ESP alone; add gro=on with esp_gro=on, or offload=none";

const NO_IPSEC: Partial<Config> = { mode: "none" };
const NOTHING_TO_ENCRYPT = "without IPsec nothing is encrypted; add crypto=cpu with async=inline, or mode=tunnel";

const REFUSED: readonly Rule[] = [
  ...(["crypto", "packet"] as const).map((offload) => {
    const reason = "without IPsec there is nothing for a NIC to encrypt; add offload=none, or mode=tunnel";
    return { when: { mode: "none", offload }, reason } as const;
  }),
  ...(["cryptd", "pcrypt", "accel"] as const).map((crypto) => {
    return { when: { mode: "none", crypto }, reason: NOTHING_TO_ENCRYPT } as const;
  }),
  {
    when: { mode: "none", encap: "udp" },
    reason: "without IPsec there is no ESP to put into UDP; add encap=none, or mode=tunnel",
  },
  ...(["crypto", "packet"] as const).flatMap((offload) => [
    ...(["cryptd", "pcrypt", "accel"] as const).map((crypto) => {
      return { when: { offload, crypto }, reason: NOT_ASKED } as const;
    }),
    {
      when: { offload, encap: "udp" },
      reason: "Linux offloads no SA with UDP encapsulation (xfrm_dev_state_add, 6.1); add encap=none, or offload=none",
    } as const,
  ]),
  ...(["receive", "host-to-host"] as const).flatMap((path) => [
    { when: { path, offload: "crypto", gro: "off" }, reason: NEEDS_HANDLER } as const,
    { when: { path, offload: "crypto", esp_gro: "off" }, reason: NEEDS_HANDLER } as const,
  ]),
  {
    when: { path: "forward", udp_gro: "encap" },
    reason: "what a gateway forwards comes to none of its sockets; add udp_gro=forward, or udp_gro=off",
  },
  {
    when: { path: "receive", esn: "on", replay_window: 0 },
    reason: "the upper half of an extended sequence number is guessed from the replay window; add replay_window=64",
  },
  {
    when: { path: "host-to-host", esn: "on", replay_window: 0 },
    reason: "the upper half of an extended sequence number is guessed from the replay window; add replay_window=64",
  },
  ...(["callback", "crypto-qdisc", "encap-then-crypto"] as const).map((async) => {
    return { when: { crypto: "cpu", async }, reason: NO_CALLBACK } as const;
  }),
  ...(["cryptd", "pcrypt", "accel"] as const).map((crypto) => {
    return { when: { crypto, async: "inline" }, reason: NOT_INLINE } as const;
  }),
  {
    when: { async: "inline", busy: "softirq-queue" },
    reason: "what was encrypted inline is still the queue's when the driver is busy; add busy=requeue",
  },
  { when: { async: "inline", busy: "crypto-qdisc" }, reason: OWN_QUEUE },
  ...(["off", "xfrm"] as const).flatMap((gso) => [
    { when: { gso, async: "crypto-qdisc" }, reason: LAYER_3 } as const,
    { when: { gso, async: "encap-then-crypto" }, reason: LAYER_3 } as const,
    { when: { gso, busy: "softirq-queue" }, reason: LAYER_3 } as const,
    { when: { gso, busy: "crypto-qdisc" }, reason: LAYER_3 } as const,
  ]),
  { when: { async: "callback", busy: "crypto-qdisc" }, reason: OWN_QUEUE },
  { when: { async: "encap-then-crypto", busy: "crypto-qdisc" }, reason: OWN_QUEUE },
  { when: { async: "crypto-qdisc", busy: "requeue" }, reason: OWN_QUEUE },
  { when: { async: "crypto-qdisc", busy: "softirq-queue" }, reason: OWN_QUEUE },
  {
    when: { path: "send", socket_gso: "on", gso: "off" },
    unless: NO_IPSEC,
    reason: "what a socket with GSO sends must be cut before ESP; add gso=xfrm or gso=l2, or socket_gso=off",
  },
  {
    when: { path: "host-to-host", socket_gso: "on", gso: "off" },
    unless: NO_IPSEC,
    reason: "what a socket with GSO sends must be cut before ESP; add gso=xfrm or gso=l2, or socket_gso=off",
  },
  {
    when: { path: "forward", gro: "on", gso: "off" },
    unless: NO_IPSEC,
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
  {
    when: { era: "4.4", mode: "tunnel", ip: 6, encap: "udp" },
    reason: "Linux puts ESP over IPv6 into UDP since 5.8",
  },
  { when: { era: "4.4", rx_cow: "if-shared" }, unless: LATER_4_X, reason: "Linux decrypts in place since 4.11" },
  { when: { era: "4.4", tx_tail: "fragment" }, unless: LATER_4_X, reason: "Linux adds a tail fragment since 4.11" },
  { when: { era: "4.4", esp_gro: "on" }, unless: LATER_4_X, reason: "Linux has a GRO handler for ESP since 4.11" },
  { when: { era: "4.4", gso: "l2" }, unless: LATER_4_X, reason: "Linux segments at layer 2 in software since 4.16" },
  ...(["send", "host-to-host"] as const).flatMap((path): readonly Rule[] => [
    ...(["transport", "tunnel"] as const).map((mode) => ({
      when: { era: "4.4", path, mode, socket_gso: "on" } as const,
      unless: LATER_4_X,
      reason: "Linux leaves GSO to sockets over IPsec since 4.14",
    })),
    {
      when: { era: "4.4", path, mode: "none", socket_gso: "on", nic_sg: "off" },
      reason: "Linux leaves GSO to sockets in front of a device that does not gather since 4.17",
    },
    {
      when: { era: "6.1", path, mode: "none", socket_gso: "off" },
      reason: "Linux has GSO on in every TCP socket since 4.17",
    },
  ]),
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
  { when: { async: "crypto-qdisc" }, reason: "no Linux has a queue discipline that encrypts" },
  { when: { async: "encap-then-crypto" }, reason: "no Linux queues ESP packets that lack their ciphertext" },
  {
    when: { gso: "l2", async: "callback", busy: "requeue" },
    reason: "what callbacks of layer 2 leave over waits in a queue of the CPU, not in the queue discipline",
  },
  {
    when: { era: "4.4", busy: "softirq-queue" },
    unless: LATER_4_X,
    reason: "Linux has a backlog for asynchronous crypto since 4.16",
  },
  {
    when: { era: "4.4", offload: "crypto" },
    unless: LATER_4_X,
    reason: "Linux has NICs encrypt ESP since 4.12",
  },
  { when: { offload: "packet" }, reason: "Linux leaves all of ESP to NICs since 6.2" },
  { when: { era: "6.1", gcm_sg: "single" }, reason: "AES-NI GCM takes requests of several entries since 5.0" },
];

/** What drivers take (ixgbe, mlx5e: rfc4106 with an ICV of 16 bytes). */
const OFFLOADED_CIPHERS: readonly string[] = ["aes-gcm-128", "aes-gcm-256"];

function holds(when: Partial<Config>, config: Config): boolean {
  return Object.entries(when).every(([key, value]) => config[key as keyof Config] === value);
}

function applies({ when, unless }: Rule, config: Config): boolean {
  return holds(when, config) && (unless === undefined || !holds(unless, config));
}

/** Without IPsec nobody asks for the rules of keys that decide about ESP. */
function concerns({ when }: Rule, config: Config): boolean {
  if (config.mode !== "none") return true;
  return Object.keys(when).every((key) => whyIdle(key as KeyName, config, config.path) === undefined);
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
  const cpus = config.net_cpus + config.crypto_cpus;
  if (config.crypto === "pcrypt" && config.callback_cpu >= cpus) {
    throw new ConfigError(
      `Cannot combine callback_cpu=${config.callback_cpu} with net_cpus=${config.net_cpus} and ` +
        `crypto_cpus=${config.crypto_cpus}: CPUs are numbered from 0 to ${cpus - 1}`,
    );
  }
  if (config.offload !== "none" && !OFFLOADED_CIPHERS.includes(config.cipher)) {
    throw new ConfigError(
      `Cannot combine offload=${config.offload} with cipher=${config.cipher}: ` +
        `NICs encrypt with ${OFFLOADED_CIPHERS.join(" and ")} only, ICV of 16 bytes; add one of these, or offload=none`,
    );
  }
  const rule = REFUSED.find((each) => applies(each, config));
  if (rule !== undefined) throw new ConfigError(`Cannot combine ${inWords(rule.when)}: ${rule.reason}`);
}

/** Returns why no kernel ever had this combination, one sentence part per reason; empty if one had. */
export function counterfactuals(config: Config): readonly string[] {
  return COUNTERFACTUAL.filter((rule) => applies(rule, config) && concerns(rule, config)).map(({ when, reason }) => {
    return `${inWords(when)}: ${reason}`;
  });
}
