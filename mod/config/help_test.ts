/** @module */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { explainRows, keyRows, presetRows, renderExplain, renderKeys, renderPresets } from "./help.ts";
import { PLANNED_KEYS } from "./planned_keys.ts";
import { PLANNED_PRESETS, PRESETS } from "./presets.ts";
import { resolveConfig } from "./resolve.ts";
import { definitionOf, KEY_NAMES } from "./schema.ts";

Deno.test("keyRows() and presetRows() hold every key and preset once", () => {
  assertEquals(keyRows().map(({ key }) => key), [...KEY_NAMES]);
  assertEquals(presetRows().map(({ preset }) => preset), Object.keys(PRESETS));
});

Deno.test("keyRows() gives values, range, default, unit, paths and what makes a key idle", () => {
  const row = (name: string) => keyRows().find(({ key }) => key === name)!;
  assertEquals(row("tx_dst"), {
    key: "tx_dst",
    values: ["inplace", "new-page"],
    default: "inplace",
    unit: "",
    paths: ["forward", "send", "host-to-host"],
    idle_when: ["tx_tail=linearize", "mode=none"],
    doc: definitionOf("tx_dst").doc,
    question: definitionOf("tx_dst").question ?? "",
    planned: [],
  });
  assertEquals([row("mtu").values, row("mtu").unit], [["576..65535"], "bytes"]);
});

Deno.test("renderKeys() shows a key with what it takes, why, where it acts and what is not built", () => {
  const text = renderKeys();
  for (
    const part of [
      "gso=off|xfrm|l2 (default off)\n    Who segments",
      "Not built yet: 3des-cbc-<hmac>",
      "rx_ring=1..4096 descriptors (default 128)",
      "Slides: RX: only linearize if the buffer is not writable.",
      "Acts on: forward, send, host-to-host; idle with tx_tail=linearize, or mode=none.",
      "idle with path=receive and then=socket, or path=forward|send|host-to-host and offload=none and mode=tunnel|transport.",
      ...KEY_NAMES,
      ...Object.keys(PLANNED_KEYS),
    ]
  ) assertStringIncludes(text, part);
});

Deno.test("renderPresets() shows every preset, marks the default and lists what is not built", () => {
  const text = renderPresets();
  for (const preset of Object.keys(PRESETS)) {
    assert(text.includes(`${preset}\n`) || text.includes(`${preset} (default)\n`));
  }
  assertStringIncludes(text, "nocopy (default)\n");
  for (const preset of PLANNED_PRESETS) assertStringIncludes(text, preset);
});

Deno.test("explainRows() and renderExplain() say where each value came from", () => {
  const resolved = resolveConfig({ preset: "nocopy", sets: ["rx_ring=64", "rx_cow=always"] });
  const rows = explainRows(resolved);
  assertEquals(rows.length, KEY_NAMES.length);
  assertEquals(rows.find(({ key }) => key === "rx_ring"), { key: "rx_ring", value: "64", from: "--set" });
  assertEquals(rows.find(({ key }) => key === "gro"), { key: "gro", value: "off", from: "preset nocopy" });
  const text = renderExplain(resolved);
  assertStringIncludes(text, "Configuration nocopy\nrx_cow            always       --set\n");
  assertStringIncludes(text, "Counterfactual: era=4.4 with tx_tail=fragment");
  assertStringIncludes(text, "Warning: rx_cow=always changes nothing");
});
