/** What `mode=none` goes with, what it makes idle, and what it leaves alone. */

import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "./errors.ts";
import { whyIdle } from "./idle.ts";
import { PRESETS } from "./presets.ts";
import { resolveConfig, type ResolvedConfig } from "./resolve.ts";
import { type Config, KEY_NAMES, type KeyName } from "./schema.ts";

const PATHS = ["forward", "send", "receive", "host-to-host"] as const;

function plain(preset: string, ...sets: string[]): ResolvedConfig {
  return resolveConfig({ preset, sets: ["mode=none", ...sets] });
}

/** Keys that act on a path with `mode=tunnel` and not with `mode=none`, and the other way round. */
function changes(path: Config["path"]): readonly [idle: KeyName[], acting: KeyName[]] {
  const sets = [`path=${path}`, "gro=on", "gso=xfrm", "tx_tail=fragment"];
  const [tunnel, none] = ["tunnel", "none"].map((mode) => {
    const { config } = resolveConfig({ preset: "linux-6.1", sets: [...sets, `mode=${mode}`] });
    return new Set(KEY_NAMES.filter((key) => whyIdle(key, config, path) === undefined));
  });
  return [[...tunnel!.difference(none!)], [...none!.difference(tunnel!)]];
}

Deno.test("mode=none makes every key idle that is about ESP, and has the NIC's keys act", () => {
  const sealing: KeyName[] = [
    "tx_tail",
    "tx_dst",
    "gcm_sg",
    "esp_frag_limit",
    "crypto_pages",
    "gso",
    "async",
    "crypto",
  ];
  const suite: KeyName[] = ["offload", "cipher", "ip", "esn", "encap", "engine", "seed"];
  const sorted = (keys: readonly KeyName[]): KeyName[] => KEY_NAMES.filter((key) => keys.includes(key));
  const nic: KeyName[] = ["nic_tso", "nic_tx_csum", "nic_fraglist"];
  const sends = [...sealing, ...suite];
  assertEquals(changes("send"), [sorted(sends), nic]);
  assertEquals(changes("forward"), [sorted([...sends, "page_order", "oversize"]), nic]);
  const received: KeyName[] = ["rx_cow", "gcm_sg", "crypto_pages", "esp_gro", "crypto", "replay_window", ...suite];
  assertEquals(changes("receive"), [sorted(received), sorted(["nic_rx_csum", "gro_flush_us"])]);
  assertEquals(changes("host-to-host"), [
    sorted([...sends, "rx_cow", "esp_gro", "replay_window"]),
    sorted(["nic_rx_csum", "gro_flush_us", ...nic]),
  ]);
});

Deno.test("mode=none goes with every preset that neither offloads nor has asynchronous crypto", () => {
  const others = ["callback", "crypto-qdisc", "encap-then-crypto", "requeue", "softirq-queue", "pcrypt"];
  for (const path of PATHS) {
    const refused = Object.keys(PRESETS).filter((preset) => {
      try {
        return plain(preset, `path=${path}`).config.mode !== "none";
      } catch (error) {
        return error instanceof ConfigError;
      }
    });
    assertEquals(refused, [...others, "offload-crypto", "offload-packet"]);
  }
});

Deno.test("mode=none is refused with what encrypts, and with ESP in UDP", () => {
  const refused = [
    [["offload=crypto"], "mode=none with offload=crypto: without IPsec there is nothing for a NIC to encrypt"],
    [["offload=packet"], "mode=none with offload=packet: without IPsec"],
    [
      ["crypto=cryptd", "async=callback"],
      "mode=none with crypto=cryptd: without IPsec nothing is encrypted; add crypto=cpu",
    ],
    [["crypto=accel"], "mode=none with crypto=accel"],
    [["async=callback"], "crypto=cpu with async=callback"],
    [["encap=udp"], "mode=none with encap=udp: without IPsec there is no ESP to put into UDP; add encap=none"],
  ] as const;
  for (const [sets, message] of refused) {
    assertThrows(() => plain("nocopy", ...sets), ConfigError, `Cannot combine ${message}`);
  }
});

Deno.test("mode=none takes aggregates and sockets with GSO under gso=off, since it is the device that cuts", () => {
  assertEquals(plain("nocopy", "gro=on", "gso=off").config.gro, "on");
  for (const path of ["send", "host-to-host"]) {
    assertEquals(plain("nocopy", `path=${path}`, "socket_gso=on", "gso=off").config.socket_gso, "on");
  }
});

Deno.test("mode=none is counterfactual by what acts, not by what would have been done to ESP", () => {
  const of = (preset: string, ...sets: string[]): readonly string[] => plain(preset, ...sets).counterfactual;
  // These presets differ from a Linux of their era in what they do to ESP.
  for (const preset of ["baseline", "nocopy", "nocopy-gro-gso", "linux-4.14", "linux-6.1-module"]) {
    for (const path of PATHS) assertEquals(of(preset, `path=${path}`), []);
  }
  assertEquals(of("linux-4.4", "path=send", "socket_gso=on"), []);
  assertEquals(of("linux-4.4", "path=send", "socket_gso=off"), []);
  assertEquals(of("fair-buffers", "path=forward").length, 1);
  const always = [
    "era=6.1 with path=send with mode=none with socket_gso=off: Linux has GSO on in every TCP socket since 4.17",
  ];
  assertEquals(of("linux-6.1", "path=send", "socket_gso=off"), always);
  assertEquals(of("linux-4.4", "path=host-to-host", "socket_gso=on", "nic_sg=off").length, 1);
});

Deno.test("resolveConfig() warns of what was written about ESP together with mode=none", () => {
  assertEquals(plain("nocopy", "cipher=null", "socket_gso=off", "path=send").warnings, [
    "cipher=null changes nothing: it is idle with mode=none",
  ]);
});
