/** @module */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { ConfigError } from "./errors.ts";
import {
  checkValue,
  type ChoiceKey,
  conditionValues,
  expectation,
  formNumber,
  idleConditions,
  isPlannedValue,
  PATHS,
  valueFromText,
} from "./kinds.ts";
import { PLANNED_KEYS } from "./planned_keys.ts";
import { type Config, DEFAULTS, definitionOf, isKeyName, KEY_NAMES } from "./schema.ts";

/** Every key name of the design's section 4: its first table, then the list behind it. */
const DESIGN_KEYS =
  ("rx_cow tx_tail tx_dst gcm_sg max_skb_frags build_frags esp_frag_limit page_order crypto_pages gro " +
    "esp_gro gro_overflow gso async busy crypto crypto_cpus offload nic_gso_esp nic_tx_csum era path then local tunnel pace " +
    "repeat oversize link_gbps link_delay_us window_kib mtu rx_layout rx_ring rx_usecs rx_hash nic_rx_csum napi_weight hz " +
    "gro_flush_us tap net_cpus qdisc qdisc_limit tx_ring nic_sg nic_tso nic_fraglist cryptd_qlen tx_fault socket_gso " +
    "write_bytes nodelay sendfile cipher mode encap esn ip replay_window engine profile interval_us seed").split(" ");

/** Keys that came later. */
const LATER_KEYS = [
  "accel_gbps",
  "accel_latency_us",
  "accel_qlen",
  "bql",
  "callback_cpu",
  "reader_cpu",
  "tx_stop",
  "udp_gro",
];

Deno.test("KEYS and PLANNED_KEYS together are the keys of the design and later ones, each once", () => {
  assertEquals([...KEY_NAMES, ...Object.keys(PLANNED_KEYS)].sort(), [...DESIGN_KEYS, ...LATER_KEYS].sort());
});

Deno.test("KEYS gives every key a legal default, paths and one sentence", () => {
  for (const key of KEY_NAMES) {
    const definition = definitionOf(key);
    assertEquals(checkValue(key, definition, definition.default, ""), definition.default);
    assertEquals(valueFromText(key, definition, String(definition.default)), definition.default);
    assert(definition.paths.length > 0, key);
    assertMatch(definition.doc, /^[A-Z].*\.$/);
    assertMatch(definition.question ?? "", /^$|^[A-Z].*[.?]$/);
  }
});

Deno.test("KEYS names only keys and their values, built or planned, in idleWhen", () => {
  for (const key of KEY_NAMES) {
    const named = idleConditions(definitionOf(key)).flatMap(conditionValues);
    for (const [other, value] of named.flatMap(([name, values]) => values.map((each) => [name, each] as const))) {
      assert(isKeyName(other), `${key}: ${other}`);
      const definition = definitionOf(other);
      assert(definition.kind === "choice", `${key}: ${other}`);
      assert(
        definition.values.includes(value) || isPlannedValue(definition, String(value)),
        `${key}: ${other}=${value}`,
      );
    }
  }
});

Deno.test("KEYS keeps built and planned values apart and of one type", () => {
  for (const key of KEY_NAMES) {
    const definition = definitionOf(key);
    if (definition.kind !== "choice") continue;
    for (const value of definition.values) {
      assertEquals(typeof value, typeof definition.default);
      assertEquals(isPlannedValue(definition, String(value)), false);
    }
  }
});

Deno.test("KEYS.path lists the four paths of the design", () => {
  const definition = definitionOf("path");
  assert(definition.kind === "choice");
  assertEquals([...definition.values, ...(definition.planned ?? [])], [...PATHS]);
});

Deno.test("DEFAULTS has the types of the table and the rules of Linux 4.4", () => {
  // The annotations are the test of the derived types.
  const gro: "on" | "off" = DEFAULTS.gro;
  const hz: 100 | 250 | 300 | 1000 = DEFAULTS.hz;
  const mtu: number = DEFAULTS.mtu;
  const local: string = DEFAULTS.local;
  const config: Config = { ...DEFAULTS, tx_tail: "fragment" };
  assertEquals([gro, hz, mtu, local, config.tx_tail], ["off", 250, 1500, "auto", "fragment"]);
  assertEquals([DEFAULTS.era, DEFAULTS.rx_cow, DEFAULTS.tx_tail, DEFAULTS.tx_dst], [
    "4.4",
    "always",
    "linearize",
    "inplace",
  ]);
});

Deno.test("valueFromText() converts numbers and refuses what is not a decimal number of the range", () => {
  const mtu = definitionOf("mtu");
  assertEquals(valueFromText("mtu", mtu, "9000"), 9000);
  assertEquals(valueFromText("mtu", mtu, "1.5e3"), 1500);
  for (const text of ["", " 1500", "1500 ", "0x600", "1500.5", "575", "65536", "NaN", "Infinity", "1e999", "1500n"]) {
    assertThrows(() => valueFromText("mtu", mtu, text), ConfigError, "it takes an integer from 576 to 65535 (bytes)");
  }
  assertEquals(valueFromText("link_gbps", definitionOf("link_gbps"), ".5"), 0.5);
  assertThrows(() => valueFromText("link_gbps", definitionOf("link_gbps"), "0"), ConfigError);
  assert(Object.is(valueFromText("seed", definitionOf("seed"), "-0"), 0));
});

Deno.test("valueFromText() keeps numbers of a choice as numbers", () => {
  assertEquals(valueFromText("hz", definitionOf("hz"), "1000"), 1000);
  assertEquals(valueFromText("era", definitionOf("era"), "4.4"), "4.4");
  assertThrows(
    () => valueFromText("hz", definitionOf("hz"), "251"),
    ConfigError,
    "Cannot set hz=251: it takes 100, 250, 300 or 1000 (nearest: 250)",
  );
});

Deno.test("valueFromText() takes an address or prefix of either IP version for local", () => {
  const local = definitionOf("local");
  const ipv6 = ["::", "::1", "2001:DB8::1", "2001:db8::/32", "::ffff:10.0.0.1", "1:2:3:4:5:6:7:8/128", "::/0"];
  for (const text of ["auto", "0.0.0.0", "255.255.255.255", "10.0.0.0/8", "10.1.2.3/32", "0.0.0.0/0", ...ipv6]) {
    assertEquals(valueFromText("local", local, text), text);
  }
  for (const text of ["", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.0/33", "10.0.0.0/", "10.0.0.1\n"]) {
    assertThrows(() => valueFromText("local", local, text), ConfigError, "it takes auto, an IP address");
  }
  for (const text of [":", ":::", "1::2::3", "12345::", "::1/129", "fe80::1%eth0", "[::1]", "::/", "::1\n", "auto/8"]) {
    assertThrows(() => valueFromText("local", local, text), ConfigError, "it takes auto, an IP address");
  }
});

Deno.test("valueFromText() takes the forms of rx_layout with a number of their range", () => {
  const layout = definitionOf("rx_layout");
  for (const text of ["frags:1", "frags:9", "frags:10", "frags:17", "hdrsplit:3"]) {
    assertEquals(valueFromText("rx_layout", layout, text), text);
  }
  const wrong = ["frags:", "frags:0", "frags:01", "frags:18", "frags:1.5", "frags:3 ", "frags:+3", "frags", "xfrags:3"];
  for (const text of wrong) {
    const message = "napi-linear, frags:<1..17> or hdrsplit:<1..17>";
    assertThrows(() => valueFromText("rx_layout", layout, text), ConfigError, message);
  }
});

Deno.test("valueFromText() takes decimal rates and speeds for pace, and says what is right", () => {
  const pace = definitionOf("pace");
  const right = ["rate:10", "rate:2.5", "rate:0.000001", "rate:999999.999999", "capture", "capture*4", "capture*0.25"];
  for (const text of ["max", "line", ...right]) assertEquals(valueFromText("pace", pace, text), text);
  const wrong = [
    "rate:",
    "rate",
    "rate:0",
    "rate:0.0",
    "rate:-1",
    "rate:1e3",
    "rate:01",
    "rate:1.",
    "rate:.5",
    "rate:1 ",
  ];
  for (const text of [...wrong, "rate:1000000", "rate:0.0000001", "capture*", "capture*0", "capture*x", "Line", ""]) {
    const message = "it takes max, line, capture, rate:<Gbps> or capture*<N>";
    assertThrows(() => valueFromText("pace", pace, text), ConfigError, message);
  }
});

Deno.test("formNumber() returns the number of a form and of no other value", () => {
  assertEquals(["frags:17", "hdrsplit:2", "kmalloc"].map((value) => formNumber(value, "frags:")), [
    17,
    undefined,
    undefined,
  ]);
});

Deno.test("isPlannedValue() lets a placeholder stand for any text but none", () => {
  const planned = ["line", "rate:<Gbps>", "capture", "capture*N"];
  const pace: ChoiceKey = { kind: "choice", values: ["max"], planned, default: "max", paths: PATHS, doc: "" };
  assertEquals(["rate:10", "rate:2.5", "capture", "capture*4", "line"].map((v) => isPlannedValue(pace, v)), [
    true,
    true,
    true,
    true,
    true,
  ]);
  assertEquals(["rate:", "rate", "capture*", "max", "", "linear"].map((v) => isPlannedValue(pace, v)), [
    false,
    false,
    false,
    false,
    false,
    false,
  ]);
});

Deno.test("valueFromText() refuses every planned value as not built yet", () => {
  for (const key of KEY_NAMES) {
    const definition = definitionOf(key);
    if (definition.kind !== "choice") continue;
    for (const form of definition.planned ?? []) {
      const text = form.replace(/<[^>]+>|N$/, "3");
      const message = `Cannot use ${key}=${text}: it is not built yet; built `;
      assertThrows(() => valueFromText(key, definition, text), ConfigError, message);
    }
  }
});

Deno.test("checkValue() refuses a wrong type with what would be right", () => {
  const message = (key: string, value: unknown): string => {
    assert(isKeyName(key));
    return assertThrows(() => checkValue(key, definitionOf(key), value, ", in file x.jsonc"), ConfigError).message;
  };
  assertEquals(
    message("gro", true),
    'Cannot set gro=true: it takes on or off as a string, not a boolean (write "on"), in file x.jsonc',
  );
  assertEquals(
    message("era", 4.4),
    'Cannot set era=4.4: it takes 4.4 or 6.1 as a string, not a number (write "4.4"), in file x.jsonc',
  );
  assertEquals(
    message("mtu", "1500"),
    'Cannot set mtu="1500": it takes an integer from 576 to 65535 (bytes) as a number, not a string (write 1500), ' +
      "in file x.jsonc",
  );
  assertMatch(message("hz", null), /not null, in file/);
  assertMatch(message("gro", { toString: 1 }), /^Cannot set gro=\{\.\.\.\}: .* not an object, in file/);
  assertMatch(message("gro", ["on"]), /^Cannot set gro=\[\.\.\.\]: .* not an array, in file/);
});

Deno.test("expectation() says values, range and unit", () => {
  assertEquals(expectation(definitionOf("gro")), "on or off");
  assertEquals(expectation(definitionOf("pace")), "max, line, capture, rate:<Gbps> or capture*<N>");
  assertEquals(expectation(definitionOf("rx_ring")), "an integer from 1 to 4096 (descriptors)");
  assertEquals(expectation(definitionOf("link_gbps")), "a number from 0.000001 to 1000000 (Gbit/s)");
});
