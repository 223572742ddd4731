/** @module */

import { assertEquals } from "@std/assert";
import { describeIdle, whyIdle } from "./idle.ts";
import { resolveConfig } from "./resolve.ts";
import type { Config } from "./schema.ts";

function configured(preset: string, ...sets: string[]): Config {
  return resolveConfig({ preset, sets }).config;
}

Deno.test("describeIdle() names rx_cow for baseline and nocopy-rx on a gateway, and nothing where ESP is received", () => {
  const [baseline, nocopyRx] = [configured("baseline"), configured("nocopy-rx")];
  assertEquals(describeIdle(baseline, nocopyRx, "forward"), ["rx_cow"]);
  assertEquals(describeIdle(baseline, nocopyRx, "receive"), []);
  assertEquals(describeIdle(baseline, nocopyRx, "host-to-host"), []);
});

Deno.test("describeIdle() is empty as soon as one differing key acts, and for equal configurations", () => {
  assertEquals(describeIdle(configured("baseline"), configured("nocopy"), "forward"), []);
  assertEquals(describeIdle(configured("nocopy"), configured("nocopy"), "forward"), []);
});

Deno.test("describeIdle() knows keys that another key makes idle", () => {
  const newPage = ["tx_dst=new-page"];
  assertEquals(describeIdle(configured("baseline"), configured("baseline", ...newPage), "forward"), ["tx_dst"]);
  assertEquals(describeIdle(configured("nocopy"), configured("nocopy", ...newPage), "forward"), []);
  assertEquals(describeIdle(configured("nocopy"), configured("nocopy", "local=10.0.0.1"), "forward"), ["local"]);
  assertEquals(describeIdle(configured("nocopy"), configured("nocopy", "local=10.0.0.1"), "send"), []);
  assertEquals(describeIdle(configured("nocopy"), configured("nocopy", "nic_rx_csum=off"), "forward"), ["nic_rx_csum"]);
  assertEquals(describeIdle(configured("nocopy-gro"), configured("nocopy-gro", "nic_rx_csum=off"), "forward"), []);
});

Deno.test("describeIdle() counts a key that acts in one of the two as acting", () => {
  const filtered = configured("nocopy", "tunnel=local", "local=10.0.0.1");
  assertEquals(describeIdle(configured("nocopy"), filtered, "forward"), []);
});

Deno.test("whyIdle() gives path or key as the reason", () => {
  const config = configured("baseline");
  assertEquals(whyIdle("esp_gro", config, "forward"), "it acts on path receive or host-to-host, not on forward");
  assertEquals(whyIdle("esp_gro", config, "receive"), "it is idle with gro=off");
  assertEquals(whyIdle("mtu", config, "forward"), undefined);
});
