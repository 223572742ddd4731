/**
 * The laws under every legal combination of who runs crypto, where packets wait for it, and what a busy driver leads to: nothing is
 * lost but with a reason, nothing stays behind, and whatever leaves can be opened.
 *
 * `TAILBITS_CRYPTO_CASES=2000` runs as many random cases and prints the seed; without it a few, always the same.
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { checkCombination } from "../config/legality.ts";
import { ConfigError } from "../config/errors.ts";
import { resolveConfig } from "../config/resolve.ts";
import { KEYS } from "../config/schema.ts";
import { bulk, captureOf, runOf } from "../replay/testing.ts";
import { interleaved } from "./testing.ts";

const CASES = Number(Deno.env.get("TAILBITS_CRYPTO_CASES") ?? 24);
const SEED = Number(Deno.env.get("TAILBITS_CRYPTO_SEED") ?? 20160210);

const POLICY_KEYS = ["gso", "crypto", "async", "busy"] as const;

/** Every combination of the keys that decide, written as settings. */
function combinations(): string[][] {
  let all: string[][] = [[]];
  for (const key of POLICY_KEYS) {
    all = all.flatMap((sets) => KEYS[key].values.map((value) => [...sets, `${key}=${value}`]));
  }
  return all;
}

function isLegal(sets: readonly string[]): boolean {
  try {
    checkCombination(resolveConfig({ preset: "nocopy", sets }).config);
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

const LEGAL = combinations().filter(isLegal);

Deno.test("the legal combinations are those of the design's table", () => {
  const async = ["cryptd", "pcrypt", "accel"];
  const named = (gso: string, crypto: string, how: string, busy: string): string =>
    [`gso=${gso}`, `crypto=${crypto}`, `async=${how}`, `busy=${busy}`].join(" ");
  const expected = [
    ...["off", "xfrm", "l2"].map((gso) => named(gso, "cpu", "inline", "requeue")),
    ...["off", "xfrm"].flatMap((gso) => async.map((crypto) => named(gso, crypto, "callback", "requeue"))),
    ...async.flatMap((crypto) => [
      named("l2", crypto, "callback", "requeue"),
      named("l2", crypto, "callback", "softirq-queue"),
      named("l2", crypto, "encap-then-crypto", "requeue"),
      named("l2", crypto, "encap-then-crypto", "softirq-queue"),
      named("l2", crypto, "crypto-qdisc", "crypto-qdisc"),
    ]),
  ];
  assertEquals(LEGAL.map((sets) => sets.join(" ")).sort(), expected.sort());
});

Deno.test("checkCombination() says of every other combination why it is refused, and what to do", () => {
  for (const sets of combinations().filter((each) => !isLegal(each))) {
    try {
      resolveConfig({ preset: "nocopy", sets });
      throw new Error(`Cannot be legal: ${sets.join(" ")}`);
    } catch (error) {
      assert(error instanceof ConfigError, String(error));
      assert(/^Cannot combine .*: .*; add /.test(error.message), error.message);
    }
  }
});

/** What else decides how full queues get: everything small, so that everything overflows. */
const surroundings = fc.record({
  net_cpus: fc.integer({ min: 1, max: 3 }),
  crypto_cpus: fc.integer({ min: 0, max: 3 }),
  callback: fc.nat(5),
  cryptd_qlen: fc.constantFrom("auto", "1", "4", "30"),
  accel_gbps: fc.constantFrom(0.05, 1, 40),
  accel_latency_us: fc.constantFrom(0, 3, 200),
  accel_qlen: fc.constantFrom(1, 5, 512),
  link_gbps: fc.constantFrom(0.1, 1, 10, 100),
  tx_ring: fc.constantFrom(4, 16, 64),
  tx_fault: fc.constantFrom("none", "busy:3", "busy:9", "stopped:0.4"),
  tx_stop: fc.constantFrom("full", "early"),
  bql: fc.constantFrom("on", "off"),
  qdisc: fc.constantFrom(...KEYS.qdisc.values),
  qdisc_limit: fc.constantFrom(2, 8, 40, 1000),
  rx_ring: fc.constantFrom(4, 32, 128),
  pace: fc.constantFrom("max", "line", "rate:3"),
  gro: fc.constantFrom("on", "off"),
  era: fc.constantFrom("4.4", "6.1"),
  path: fc.constantFrom("forward", "forward", "send", "receive", "host-to-host"),
  then: fc.constantFrom("socket", "forward"),
  tx_dst: fc.constantFrom("inplace", "new-page"),
  cipher: fc.constantFrom("aes-gcm-256", "null"),
});

const cases = fc.record({
  policy: fc.constantFrom(...LEGAL),
  around: surroundings,
  flows: fc.integer({ min: 1, max: 8 }),
  packets: fc.integer({ min: 1, max: 40 }),
});

Deno.test(`the laws hold under ${CASES} random cases of asynchronous crypto and busy devices`, async () => {
  const options = { seed: SEED, numRuns: CASES };
  // deno-lint-ignore no-console -- Whoever asks for many cases wants to know the seed.
  if (CASES > 24) console.log(`TAILBITS_CRYPTO_CASES=${CASES} TAILBITS_CRYPTO_SEED=${SEED}`);
  await fc.assert(
    fc.asyncProperty(cases, async ({ policy, around, flows, packets }) => {
      const { callback, gro, ...keys } = around;
      const gso = policy[0]!.slice("gso=".length);
      const sets = [
        ...policy,
        ...Object.entries(keys).map(([key, value]) => `${key}=${value}`),
        `callback_cpu=${callback % (keys.net_cpus + keys.crypto_cpus)}`,
        `gro=${gso === "off" && keys.path === "forward" ? "off" : gro}`,
        keys.path === "send" || keys.path === "host-to-host" ? "mode=transport" : "mode=tunnel",
      ];
      const { run } = await runOf(captureOf(interleaved(flows, packets)), "nocopy", sets);
      assertEquals(run.failures, [], sets.join(" "));
    }),
    options,
  );
});

Deno.test("a run under each legal combination is the same twice, and with memory that is not poisoned", async () => {
  for (const sets of LEGAL) {
    const all = [...sets, "net_cpus=2", "crypto_cpus=2", "callback_cpu=1", "link_gbps=1", "tx_ring=8", "era=6.1"];
    const runs = [true, true, false].map(async (poison) => {
      const { events, sent } = await runOf(captureOf(bulk(120)), "nocopy", all, { poison });
      return { rows: events.rows, sent: sent.map(({ tNs, bytes }) => `${tNs} ${bytes.toHex()}`) };
    });
    const [first, second, third] = await Promise.all(runs);
    assertEquals(second, first, sets.join(" "));
    assertEquals(third, first, sets.join(" "));
  }
});
