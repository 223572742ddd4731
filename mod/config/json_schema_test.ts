/** @module */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ConfigError } from "./errors.ts";
import { configJsonSchema, type JsonSchema } from "./json_schema.ts";
import type { KeyDefinition, Setting } from "./kinds.ts";
import { PRESETS } from "./presets.ts";
import { resolveConfig } from "./resolve.ts";
import { type Config, configOf, DEFAULTS, definitionOf, KEY_NAMES } from "./schema.ts";

/** The keywords that the published schema uses; any other in it fails the test instead of passing unseen. */
const KEYWORDS = "$schema title description default type additionalProperties properties enum minimum maximum pattern"
  .split(" ");

function hasType(value: unknown, type: unknown): boolean {
  if (type === "integer") return Number.isInteger(value);
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  return type === "number" ? typeof value === "number" : type === "string" && typeof value === "string";
}

/** A checker of just these keywords, by the rules of JSON Schema 2020-12. */
function accepts(schema: JsonSchema, value: unknown): boolean {
  for (const keyword of Object.keys(schema)) assert(KEYWORDS.includes(keyword), keyword);
  const { type, enum: values, minimum, maximum, pattern, properties } = schema;
  if (type !== undefined && !hasType(value, type)) return false;
  if (Array.isArray(values) && !values.includes(value)) return false;
  if (typeof minimum === "number" && typeof value === "number" && value < minimum) return false;
  if (typeof maximum === "number" && typeof value === "number" && value > maximum) return false;
  if (typeof pattern === "string" && typeof value === "string" && !new RegExp(pattern, "u").test(value)) return false;
  if (properties === undefined) return true;
  const known = properties as Readonly<Record<string, JsonSchema>>;
  return Object.entries(value as object).every(([key, member]) => {
    return Object.hasOwn(known, key) ? accepts(known[key]!, member) : schema["additionalProperties"] !== false;
  });
}

function legalValue(definition: KeyDefinition): fc.Arbitrary<Setting> {
  switch (definition.kind) {
    case "choice": {
      const forms = definition.forms ?? [];
      const ofForms = forms.map(({ prefix, number }) => {
        return fc.stringMatching(new RegExp(`^(${number})$`, "u")).map((text) => prefix + text);
      });
      return fc.oneof(fc.constantFrom(...definition.values), ...ofForms);
    }
    case "integer":
      return fc.integer({ min: definition.minimum, max: definition.maximum });
    case "number":
      return fc.double({ min: definition.minimum, max: definition.maximum, noNaN: true });
    case "text":
      return fc.stringMatching(new RegExp(definition.pattern, "u"));
  }
}

/** Whether the rules about offload let a configuration have it. */
function mayOffload({ path, offload, crypto, encap, cipher, gro, esp_gro, mode }: Config): boolean {
  if (mode === "none") return false;
  const isReceived = path === "receive" || path === "host-to-host";
  if (offload === "crypto" && isReceived && (gro === "off" || esp_gro === "off")) return false;
  return crypto === "cpu" && encap === "none" && (cipher === "aes-gcm-128" || cipher === "aes-gcm-256");
}

/** What goes with mode=none. */
const PLAIN = { crypto: "cpu", async: "inline", busy: "requeue", encap: "none" } as const;

/** A legal configuration: a legal value for every key, and the refused combinations put right. */
const legalConfig: fc.Arbitrary<Config> = fc
  .tuple(...KEY_NAMES.map((key) => legalValue(definitionOf(key))))
  .map((values) => configOf((key) => values[KEY_NAMES.indexOf(key)]!))
  .map((config) => ({ ...config, build_frags: Math.min(config.build_frags, config.max_skb_frags) }))
  .map((config) => config.gro === "on" ? { ...config, gso: "xfrm" as const } : config)
  .map((config) => config.gso === "off" ? { ...config, socket_gso: "auto" as const } : config)
  .map((config) => config.crypto === "cpu" ? { ...config, async: "inline" as const } : config)
  .map((config) =>
    config.crypto !== "cpu" && config.async === "inline" ? { ...config, async: "callback" as const } : config
  )
  .map((config) =>
    config.gso !== "l2" && config.async !== "inline" ? { ...config, async: "callback" as const } : config
  )
  .map((config) => config.async === "inline" || config.gso !== "l2" ? { ...config, busy: "requeue" as const } : config)
  .map((config) => config.async === "crypto-qdisc" ? { ...config, busy: "crypto-qdisc" as const } : config)
  .map((config) =>
    config.busy === "crypto-qdisc" && config.async !== config.busy ? { ...config, busy: "requeue" as const } : config
  )
  .map((config) => config.esn === "on" ? { ...config, replay_window: Math.max(1, config.replay_window) } : config)
  .map((config) =>
    config.path === "forward" && config.udp_gro === "encap" ? { ...config, udp_gro: "off" as const } : config
  )
  .map((config) => ({ ...config, callback_cpu: Math.min(config.callback_cpu, config.net_cpus - 1) }))
  .map((config) => config.mode === "transport" ? { ...config, then: "socket" as const } : config)
  .map((config) => config.mode === "none" ? { ...config, ...PLAIN } : config)
  .map((config) => mayOffload(config) ? config : { ...config, offload: "none" as const });

const SCHEMA = configJsonSchema();
/** Any character: those of fast-check itself ("binary") come from a table that takes long to make. */
const CHARACTER = fc.nat(0x10f7ff).map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800));

function resolves(text: string): boolean {
  try {
    resolveConfig({ file: { name: "x.jsonc", text }, sets: [] });
    return true;
  } catch (error) {
    // Anything but a ConfigError is a fault of ours.
    if (error instanceof ConfigError && !error.message.includes("\n")) return false;
    throw error;
  }
}

Deno.test("configJsonSchema() is plain data that names draft 2020-12 and every key", () => {
  assertEquals(JSON.parse(JSON.stringify(SCHEMA)), SCHEMA);
  assertEquals(SCHEMA["$schema"], "https://json-schema.org/draft/2020-12/schema");
  assertEquals(Object.keys(SCHEMA["properties"] as object), ["$schema", "preset", ...KEY_NAMES]);
});

Deno.test("resolveConfig() resolves a legal configuration written as JSON to itself, and the schema accepts it", () => {
  fc.assert(fc.property(legalConfig, (config) => {
    const text = JSON.stringify(config);
    assertEquals(resolveConfig({ file: { name: "x.jsonc", text }, sets: [] }).config, config);
    assert(accepts(SCHEMA, JSON.parse(text)));
  }));
});

Deno.test("resolveConfig() resolves a legal configuration written as --set to itself", () => {
  fc.assert(fc.property(legalConfig, (config) => {
    const sets = KEY_NAMES.map((key) => `${key}=${config[key]}`);
    assertEquals(resolveConfig({ preset: "baseline", sets }).config, config);
  }));
});

Deno.test("configJsonSchema() accepts a file of one key exactly when resolveConfig() does", () => {
  const key = fc.oneof(
    fc.constantFrom<string>("preset", "$schema", ...KEY_NAMES),
    fc.string(),
    fc.constant("__proto__"),
  );
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(
      ...Object.keys(PRESETS),
      "pcrypt",
      "on",
      "off",
      "l2",
      "frags:3",
      "frags:18",
      "4.4",
      4.4,
      1500,
      "1500",
      250,
      0,
      -1,
      1e12,
      0.5,
    ),
    fc.boolean(),
    fc.integer({ min: 0, max: 70000 }),
  );
  fc.assert(
    fc.property(key, value, (name, member) => {
      const text = `{${JSON.stringify(name)}: ${JSON.stringify(member)}}`;
      // A gateway with GRO and no GSO is refused for a reason that no schema of one key can hold.
      if (name === "gro" && member === "on") return;
      // As is an skb that is filled with more fragments than it holds.
      if (name === "build_frags" && Number(member) > DEFAULTS.max_skb_frags) return;
      // As is asynchronous crypto that nobody waits for, or what waits for it where there is none.
      if (name === "async" || name === "busy" || name === "crypto") return;
      assertEquals(resolves(text), accepts(SCHEMA, JSON.parse(text)), text);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("resolveConfig() refuses mutated files with ConfigError and no other exception", () => {
  const mutation = fc.record({
    at: fc.nat(),
    remove: fc.nat({ max: 4 }),
    insert: fc.oneof(
      fc.string({ maxLength: 3, unit: CHARACTER }),
      fc.constantFrom("{", "[", '"', ",", "/*", "//", "\\u"),
    ),
  });
  fc.assert(
    fc.property(legalConfig, mutation, (config, { at, remove, insert }) => {
      const text = JSON.stringify(config);
      const position = at % text.length;
      resolves(text.slice(0, position) + insert + text.slice(position + remove));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("resolveConfig() refuses mutated --set and presets with ConfigError and no other exception", () => {
  const text = fc.oneof(fc.string({ unit: CHARACTER }), fc.constantFrom<string>(...KEY_NAMES));
  fc.assert(
    fc.property(text, text, (key, value) => {
      for (const input of [{ sets: [key] }, { sets: [`${key}=${value}`] }, { preset: key, sets: [] }]) {
        try {
          resolveConfig(input);
        } catch (error) {
          assert(error instanceof ConfigError && /^Cannot [^\n]+$/.test(error.message), String(error));
        }
      }
    }),
    { numRuns: 1000 },
  );
});
