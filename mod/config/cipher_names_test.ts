import { assertEquals, assertThrows } from "@std/assert";
import { CIPHER_NAMES, CIPHER_NAMES_SHOWN } from "./cipher_names.ts";
import { ConfigError } from "./errors.ts";
import { resolveConfig } from "./resolve.ts";

function refusal(...sets: string[]): string {
  return assertThrows(() => resolveConfig({ sets }), ConfigError).message;
}

/** The names that a short form stands for: `a-<b|c>[-d]` is a-b, a-c, a-b-d, a-c-d. */
function namesOf(shown: string): string[] {
  const [, before, choices, after] = /^(.*?)([<[][^<>[\]]*(?:<[^<>]*>)?[>\]])(.*)$/.exec(shown) ?? [];
  if (choices === undefined) return [shown];
  const inside = choices.slice(1, -1);
  const parts = choices.startsWith("<")
    ? inside.split("|")
    : ["", ...inside.includes("<") ? [inside] : inside.split("|")];
  return parts.flatMap((part) => namesOf(`${before}${part}${after}`));
}

Deno.test("CIPHER_NAMES_SHOWN stands for every name, and for no other", () => {
  assertEquals(CIPHER_NAMES_SHOWN.flatMap(namesOf).toSorted(), [...CIPHER_NAMES].toSorted());
});

Deno.test("resolveConfig() takes every cipher suite, esn and encap", () => {
  for (const cipher of CIPHER_NAMES) {
    const { config } = resolveConfig({ sets: [`cipher=${cipher}`, "esn=on", "encap=udp"] });
    assertEquals([config.cipher, config.esn, config.encap], [cipher, "on", "udp"]);
  }
});

Deno.test("resolveConfig() names and refuses cipher suites that are not built, and those that nobody has", () => {
  const shown = CIPHER_NAMES_SHOWN.join(", ");
  assertEquals(
    refusal("cipher=3des-cbc-sha1"),
    `Cannot use cipher=3des-cbc-sha1: it is not built yet; built are ${shown}`,
  );
  for (const cipher of ["camellia-cbc-sha256", "null-md5"]) {
    assertEquals(refusal(`cipher=${cipher}`), `Cannot use cipher=${cipher}: it is not built yet; built are ${shown}`);
  }
  const unknown = refusal("cipher=aes-gcm-265");
  assertEquals(
    unknown.startsWith("Cannot set cipher=aes-gcm-265: it takes aes-gcm-<128|192|256>[-icv8|-icv12], "),
    true,
  );
  assertEquals(unknown.endsWith(" (nearest: aes-gcm-256)"), true, unknown);
});

Deno.test("resolveConfig() refuses extended sequence numbers without a replay window to guess them from", () => {
  assertEquals(
    refusal("path=receive", "esn=on", "replay_window=0"),
    "Cannot combine path=receive with esn=on with replay_window=0: the upper half of an extended sequence number is guessed " +
      "from the replay window; add replay_window=64",
  );
  resolveConfig({ sets: ["path=forward", "esn=on", "replay_window=0"] });
});

Deno.test("resolveConfig() refuses UDP_GRO of the encapsulation socket where nothing comes to it", () => {
  assertEquals(
    refusal("path=forward", "udp_gro=encap"),
    "Cannot combine path=forward with udp_gro=encap: what a gateway forwards comes to none of its sockets; add " +
      "udp_gro=forward, or udp_gro=off",
  );
});

Deno.test("resolveConfig() calls ESP over IPv6 in UDP counterfactual before Linux 5.8", () => {
  const reasons = (...sets: string[]) => resolveConfig({ sets: ["encap=udp", ...sets] }).counterfactual.join();
  assertEquals(reasons("era=4.4", "ip=6").includes("since 5.8"), true);
  assertEquals(reasons("era=4.4", "ip=4").includes("since 5.8"), false);
  assertEquals(reasons("era=6.1", "ip=6").includes("since 5.8"), false);
});
