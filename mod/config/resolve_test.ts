/** @module */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigError } from "./errors.ts";
import { PLANNED_KEYS } from "./planned_keys.ts";
import { PLANNED_PRESETS, PRESET_KEYS, PRESETS } from "./presets.ts";
import { type ConfigInput, resolveConfig } from "./resolve.ts";
import { DEFAULTS, KEY_NAMES } from "./schema.ts";

function refusal(input: Partial<ConfigInput>): string {
  const error = assertThrows(() => resolveConfig({ sets: [], ...input }), ConfigError);
  assertEquals(error.exitCode, 2);
  assert(!error.message.includes("\n"), error.message);
  return error.message;
}

function file(content: unknown, name = "folder/mine.jsonc"): { name: string; text: string } {
  return { name, text: typeof content === "string" ? content : JSON.stringify(content) };
}

Deno.test("resolveConfig() uses preset nocopy when nothing is named", () => {
  const { name, config, provenance, warnings } = resolveConfig({ sets: [] });
  assertEquals([name, config.rx_cow, config.tx_tail, config.gro], ["nocopy", "if-shared", "fragment", "off"]);
  assertEquals([provenance.rx_cow, provenance.mtu], ["preset nocopy", "default"]);
  assertEquals(warnings, []);
});

Deno.test("resolveConfig() resolves every preset, and each states every key of the table", () => {
  for (const [preset, { doc, settings }] of Object.entries(PRESETS)) {
    assertEquals(Object.keys(settings), [...PRESET_KEYS]);
    assert(doc.endsWith("."), preset);
    const { name, config, provenance, warnings } = resolveConfig({ preset, sets: [] });
    assertEquals(name, preset);
    assertEquals(config, { ...DEFAULTS, ...settings });
    assertEquals(warnings, []);
    for (const key of KEY_NAMES) {
      const stated = PRESET_KEYS.some((other) => other === key);
      assertEquals(provenance[key], stated ? `preset ${preset}` : "default");
    }
  }
});

Deno.test("PRESETS differ from baseline in what their names say", () => {
  const baseline = PRESETS["baseline"]!.settings;
  const differences = Object.entries(PRESETS).map(([preset, { settings }]) => {
    const differing = PRESET_KEYS.filter((key) => settings[key] !== baseline[key]);
    return `${preset}: ${differing.map((key) => `${key}=${settings[key]}`).join(" ")}`;
  });
  const asMerged = "rx_cow=if-shared tx_tail=fragment tx_dst=new-page";
  const cryptd = (how: string): string =>
    `rx_cow=if-shared tx_tail=fragment gro=on esp_gro=on ${how} crypto=cryptd era=6.1`;
  assertEquals(differences, [
    "baseline: ",
    "nocopy-rx: rx_cow=if-shared",
    "nocopy-tx: tx_tail=fragment",
    "nocopy: rx_cow=if-shared tx_tail=fragment",
    "nocopy-gro: rx_cow=if-shared tx_tail=fragment gro=on esp_gro=on gso=xfrm",
    "nocopy-gro-gso: rx_cow=if-shared tx_tail=fragment gro=on esp_gro=on gso=l2",
    "fair-buffers: rx_cow=if-shared tx_tail=fragment build_frags=16 gro=on esp_gro=on gro_overflow=stop gso=l2",
    `callback: ${cryptd("gso=xfrm async=callback")}`,
    `crypto-qdisc: ${cryptd("gso=l2 async=crypto-qdisc busy=crypto-qdisc")}`,
    `encap-then-crypto: ${cryptd("gso=l2 async=encap-then-crypto")}`,
    `requeue: ${cryptd("gso=l2 async=callback")}`,
    `softirq-queue: ${cryptd("gso=l2 async=callback busy=softirq-queue")}`,
    "pcrypt: rx_cow=if-shared tx_tail=fragment gro=on esp_gro=on gso=l2 async=callback busy=softirq-queue " +
    "crypto=pcrypt crypto_cpus=4 era=6.1",
    `offload-crypto: ${asMerged} esp_frag_limit=4096 gro=on esp_gro=on gso=l2 offload=crypto era=6.1`,
    `offload-packet: ${asMerged} esp_frag_limit=4096 gro=on esp_gro=on gso=l2 offload=packet era=6.1`,
    "linux-4.4: gcm_sg=single gro=on gso=xfrm oversize=drop",
    `linux-4.14: ${asMerged} gcm_sg=single gro=on gso=xfrm oversize=drop`,
    `linux-6.1: ${asMerged} esp_frag_limit=4096 gro=on gso=xfrm era=6.1 oversize=drop`,
    `linux-6.1-module: ${asMerged} esp_frag_limit=4096 gro=on esp_gro=on gso=l2 era=6.1 oversize=drop`,
  ]);
});

Deno.test("no preset that is named after a Linux is counterfactual", () => {
  for (const preset of Object.keys(PRESETS).filter((name) => name.startsWith("linux-"))) {
    assertEquals(resolveConfig({ preset, sets: [] }).counterfactual, [], preset);
  }
});

Deno.test("resolveConfig() lets --set win over file, file over preset, preset over defaults", () => {
  const { name, config, provenance } = resolveConfig({
    file: file({ preset: "nocopy-gro", era: "6.1", rx_ring: 64, mtu: 9000, $schema: "./schema.json" }),
    sets: ["rx_ring=32", "tx_ring=16", "tx_ring=8"],
  });
  assertEquals(name, "mine");
  assertEquals([config.gso, provenance.gso], ["xfrm", "preset nocopy-gro"]);
  assertEquals([config.era, provenance.era], ["6.1", "file mine.jsonc"]);
  assertEquals([config.mtu, provenance.mtu], [9000, "file mine.jsonc"]);
  assertEquals([config.rx_ring, provenance.rx_ring], [32, "--set"]);
  assertEquals([config.tx_ring, provenance.tx_ring], [8, "--set"]);
  assertEquals([config.hz, provenance.hz], [250, "default"]);
});

Deno.test("resolveConfig() rests a file without preset on the defaults", () => {
  const { config, provenance } = resolveConfig({ file: file("// nothing\n{}"), sets: [] });
  assertEquals(config, DEFAULTS);
  assert(KEY_NAMES.every((key) => provenance[key] === "default"));
});

Deno.test("resolveConfig() combines a named preset with a file that names the same or none", () => {
  const preset = "baseline";
  assertEquals(resolveConfig({ preset, file: file({ hz: 100 }), sets: [] }).provenance.era, "preset baseline");
  assertEquals(resolveConfig({ preset, file: file({ preset }), sets: [] }).provenance.era, "preset baseline");
  assertEquals(
    refusal({ preset, file: file({ preset: "nocopy" }) }),
    "Cannot combine preset baseline with file folder/mine.jsonc: the file builds on preset nocopy",
  );
});

Deno.test("resolveConfig() names a file's configuration without folders and extension", () => {
  const nameOf = (name: string): string => resolveConfig({ file: file({}, name), sets: [] }).name;
  assertEquals(["a.jsonc", "x/a.b.json", "x\\a", ".jsonc", "-"].map(nameOf), ["a", "a.b", "a", ".jsonc", "-"]);
});

Deno.test("resolveConfig() refuses unknown names with the nearest", () => {
  assertStringIncludes(refusal({ preset: "" }), 'Cannot use preset "": there is no such preset, it takes baseline, ');
  assertEquals(refusal({ sets: ["gr0=on"] }), "Cannot set gr0: there is no such key, the nearest is gro");
  assertEquals(refusal({ sets: ["gro=onn"] }), "Cannot set gro=onn: it takes on or off (nearest: on)");
  assertEquals(
    refusal({ preset: "nocpy" }),
    "Cannot use preset nocpy: there is no such preset, the nearest is nocopy",
  );
  assertEquals(
    refusal({ file: file({ preset: "nocpy" }) }),
    "Cannot use preset nocpy: there is no such preset, the nearest is nocopy, in file folder/mine.jsonc",
  );
  assertEquals(
    refusal({ file: file({ rx_rng: 64 }) }),
    "Cannot set rx_rng: there is no such key, the nearest is rx_ring, in file folder/mine.jsonc",
  );
});

Deno.test("resolveConfig() refuses names that every object has", () => {
  for (const name of ["__proto__", "constructor", "hasOwnProperty"]) {
    assertStringIncludes(refusal({ sets: [`${name}=1`] }), "there is no such key");
    assertStringIncludes(refusal({ preset: name }), "there is no such preset");
    assertStringIncludes(refusal({ file: file(`{"${name}": 1}`) }), "there is no such key");
  }
});

Deno.test("resolveConfig() refuses planned presets, keys and values as not built yet", () => {
  for (const preset of PLANNED_PRESETS) {
    assertStringIncludes(refusal({ preset }), `Cannot use preset ${preset}: it is not built yet; built are baseline`);
    assert(!Object.hasOwn(PRESETS, preset));
  }
  for (const key of Object.keys(PLANNED_KEYS)) {
    assertEquals(refusal({ sets: [`${key}=1`] }), `Cannot set ${key}: it is not built yet`);
    assertStringIncludes(refusal({ file: file({ [key]: 1 }) }), `Cannot set ${key}: it is not built yet, in file`);
  }
});

Deno.test("resolveConfig() refuses a --set that is not key=value", () => {
  assertEquals(refusal({ sets: ["gro"] }), "Cannot read --set gro: it must be written key=value, such as gro=off");
  assertEquals(refusal({ sets: ["=on"] }), "Cannot read --set =on: it must be written key=value");
  assertEquals(refusal({ sets: [""] }), "Cannot read --set : it must be written key=value");
  assertStringIncludes(refusal({ sets: ["preset=nocopy"] }), "Cannot set preset: it is no key");
  assertEquals(resolveConfig({ sets: ["profile=a=b"] }).config.profile, "a=b");
});

Deno.test("resolveConfig() refuses what is not an object of keys, with file and line", () => {
  assertEquals(
    refusal({ file: file('{\n  "gro": "off",\n  "hz": tru\n}') }),
    'Cannot read the configuration: it is not JSONC, unexpected token "tru" on line 3, in file folder/mine.jsonc',
  );
  assertStringIncludes(refusal({ file: file("") }), "it is not JSONC, unexpected end");
  assertStringIncludes(refusal({ file: file("[]") }), "it must be an object of keys, not an array");
  assertStringIncludes(refusal({ file: file("null") }), "it must be an object of keys, not null");
  assertStringIncludes(refusal({ file: file("[".repeat(200_000)) }), "it is nested too deeply");
  assertStringIncludes(refusal({ file: file({ preset: 1 }) }), "Cannot read preset: it takes a name as a string");
  assertEquals(resolveConfig({ file: file('\uFEFF{ "hz": 100, /* rare */ }'), sets: [] }).config.hz, 100);
});

Deno.test("resolveConfig() refuses GRO without GSO on a gateway, with the reason", () => {
  const message = refusal({ preset: "nocopy", sets: ["gro=on"] });
  assertStringIncludes(
    message,
    "Cannot combine path=forward with gro=on with gso=off: a received buffer that GRO merged",
  );
  assertStringIncludes(refusal({ preset: "nocopy-gro", sets: ["gso=off"] }), "Cannot combine path=forward");
  assertEquals(resolveConfig({ preset: "nocopy", sets: ["gro=on", "gso=xfrm"] }).config.gro, "on");
});

Deno.test("resolveConfig() refuses to fill more fragments than an skb holds", () => {
  assertEquals(
    refusal({ sets: ["build_frags=18"] }),
    "Cannot combine build_frags=18 with max_skb_frags=17: the stack cannot fill more fragments than an skb holds",
  );
  assertEquals(resolveConfig({ sets: ["build_frags=18", "max_skb_frags=18", "gro=on", "gso=xfrm"] }).warnings, []);
  assertEquals(resolveConfig({ sets: ["max_skb_frags=45"] }).config.build_frags, 17);
  assertStringIncludes(refusal({ sets: ["max_skb_frags=16"] }), "it takes an integer from 17 to 45 (fragments)");
});

Deno.test("resolveConfig() warns of a written value that changes nothing", () => {
  assertEquals(resolveConfig({ preset: "baseline", sets: ["rx_cow=if-shared", "tx_dst=new-page"] }).warnings, [
    "rx_cow=if-shared changes nothing: it acts on path receive or host-to-host, not on forward",
    "tx_dst=new-page changes nothing: it is idle with tx_tail=linearize",
  ]);
  assertEquals(resolveConfig({ file: file({ local: "10.0.0.1" }), sets: [] }).warnings.length, 1);
  assertEquals(resolveConfig({ sets: ["local=10.0.0.1", "tunnel=local"] }).warnings, []);
});

Deno.test("resolveConfig() labels what no kernel had", () => {
  const labels = (preset: string, ...sets: string[]): number => resolveConfig({ preset, sets }).counterfactual.length;
  assertEquals(labels("baseline"), 0);
  assertEquals(labels("nocopy"), 3);
  assertEquals(labels("nocopy", "era=6.1", "tx_dst=new-page"), 0);
  assertEquals(labels("baseline", "era=6.1"), 2);
  assertEquals(labels("baseline", "crypto_pages=any"), 1);
  assertEquals(labels("nocopy-gro") + 1, labels("nocopy-gro", "gro_overflow=stop"));
  assertEquals(
    labels("nocopy", "gcm_sg=single") + 1,
    labels("nocopy", "era=6.1", "tx_dst=new-page", "gcm_sg=single") + 3,
  );
});

Deno.test("ConfigError stays one readable line whatever the input holds", () => {
  assertEquals(
    refusal({ sets: ["a\nb\u202e=1"] }),
    "Cannot set a\\u{a}b\\u{202e}: there is no such key, the verb configs lists them",
  );
  assert(refusal({ sets: ["gro=" + "x".repeat(1e6)] }).length < 200);
  assert(refusal({ preset: "\ud800".repeat(100) }).length < 1000);
});

Deno.test("resolveConfig() takes the default that a key has on the path, unless a preset, file or --set says otherwise", () => {
  const modeOf = (input: ConfigInput) => resolveConfig(input).config.mode;
  assertEquals(modeOf({ sets: [] }), "tunnel");
  assertEquals(modeOf({ sets: ["path=send"] }), "transport");
  assertEquals(resolveConfig({ sets: ["path=send"] }).provenance.mode, "default");
  assertEquals(modeOf({ sets: ["mode=tunnel", "path=send"] }), "tunnel");
  assertEquals(modeOf({ file: file('{"path": "send", "mode": "tunnel"}'), sets: [] }), "tunnel");
});

Deno.test("resolveConfig() refuses sockets with GSO where nobody would cut what they send", () => {
  assertStringIncludes(
    refusal({ sets: ["path=send", "socket_gso=on"] }),
    "Cannot combine path=send with socket_gso=on with gso=off",
  );
  assertEquals(resolveConfig({ sets: ["path=send", "socket_gso=on", "gso=xfrm"] }).config.socket_gso, "on");
});

Deno.test("resolveConfig() refuses a callback on a CPU that there is not, with pcrypt only", () => {
  const sets = ["async=callback", "net_cpus=2", "crypto_cpus=2", "callback_cpu=4"];
  assertEquals(
    refusal({ sets: [...sets, "crypto=pcrypt"] }),
    "Cannot combine callback_cpu=4 with net_cpus=2 and crypto_cpus=2: CPUs are numbered from 0 to 3",
  );
  assertEquals(resolveConfig({ sets: [...sets, "crypto=cryptd"] }).config.callback_cpu, 4);
});

Deno.test("policies that no Linux had are counterfactual, those of 4.16 are not", () => {
  const said = (...sets: string[]): string =>
    resolveConfig({ preset: "linux-6.1-module", sets }).counterfactual.join("; ");
  const cryptd = "crypto=cryptd";
  assertEquals(said(cryptd, "async=callback", "busy=softirq-queue"), "");
  assertEquals(said(cryptd, "async=callback", "gso=xfrm"), "");
  assertStringIncludes(said(cryptd, "async=callback"), "waits in a queue of the CPU");
  assertStringIncludes(
    said(cryptd, "async=crypto-qdisc", "busy=crypto-qdisc"),
    "no Linux has a queue discipline that encrypts",
  );
  assertStringIncludes(said(cryptd, "async=encap-then-crypto"), "no Linux queues ESP packets");
});

Deno.test("resolveConfig() refuses what no NIC does, with the way out", () => {
  const cases: readonly (readonly [sets: readonly string[], words: string])[] = [
    [["cipher=null-sha256"], "NICs encrypt with aes-gcm-128 and aes-gcm-256 only"],
    [["cipher=aes-gcm-256-icv8"], "ICV of 16 bytes; add one of these, or offload=none"],
    [["encap=udp"], "Linux offloads no SA with UDP encapsulation"],
    [["crypto=cryptd", "async=callback"], "what the NIC encrypts is not the engine's; add crypto=cpu"],
  ];
  for (const preset of ["offload-crypto", "offload-packet"]) {
    for (const [sets, words] of cases) assertStringIncludes(refusal({ preset, sets }), words);
  }
  for (const path of ["path=receive", "path=host-to-host"]) {
    for (const off of ["gro=off", "esp_gro=off"]) {
      assertStringIncludes(refusal({ preset: "offload-crypto", sets: [path, off] }), "GRO handler of ESP alone");
      resolveConfig({ preset: "offload-packet", sets: [path, off] });
    }
  }
  resolveConfig({ preset: "offload-crypto", sets: ["path=forward", "gro=off"] });
});

Deno.test("crypto offload is counterfactual before 4.12, packet offload in both eras", () => {
  const labels = (preset: string, ...sets: string[]): string => {
    return resolveConfig({ preset, sets }).counterfactual.join("; ");
  };
  assertEquals(labels("offload-crypto"), "");
  assertEquals(labels("linux-4.14", "offload=crypto"), "");
  assertStringIncludes(labels("baseline", "offload=crypto"), "Linux has NICs encrypt ESP since 4.12");
  assertStringIncludes(labels("offload-packet"), "offload=packet: Linux leaves all of ESP to NICs since 6.2");
  assertStringIncludes(labels("linux-4.4", "offload=packet"), "since 6.2");
});

Deno.test("keys of the NIC are idle where it has nothing to do", () => {
  const idle = (...sets: string[]): readonly string[] => resolveConfig({ preset: "offload-crypto", sets }).warnings;
  assertEquals(idle("nic_gso_esp=off"), []);
  assertStringIncludes(idle("nic_gso_esp=off", "offload=packet")[0]!, "idle with offload=packet");
  assertStringIncludes(idle("nic_tso=off")[0]!, "idle with path=forward and offload=crypto");
  assertEquals(idle("nic_tso=off", "offload=packet"), []);
  assertStringIncludes(idle("nic_tx_csum=off", "path=receive")[0]!, "idle with path=receive and then=socket");
  assertEquals(idle("nic_tx_csum=off", "path=receive", "then=forward", "offload=none"), []);
});
