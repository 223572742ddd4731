/** Settings are read strictly: a key that is not known, or whose value cannot be, is named. */

import { assertEquals, assertThrows } from "@std/assert";
import { commandSettings } from "./command_settings.ts";
import { RecordingError } from "./errors.ts";
import { parseScenario } from "./scenario.ts";

const SA = { src: "192.0.2.1", dst: "192.0.2.2", spi: "0x1001", mode: "tunnel" };
const MINIMAL = { name: "mine", path: "send", compare: "per-stage", era: "6.1", mtu: 1500 };

function refused(settings: unknown): string {
  const parse = () => parseScenario("mine", typeof settings === "string" ? settings : JSON.stringify(settings));
  return assertThrows(parse, RecordingError).message.replace("Cannot read recording mine: ", "");
}

Deno.test("parseScenario() reads what a recording needs and no more", () => {
  assertEquals(parseScenario("mine", JSON.stringify(MINIMAL)), { queues: false, ...MINIMAL } as never);
});

Deno.test("parseScenario() refuses unknown keys with the nearest, also those of an association", () => {
  assertEquals(refused({ ...MINIMAL, colour: 1 }), 'there is no key "colour", scenario.json');
  assertEquals(refused({ ...MINIMAL, mtus: 1 }), 'there is no key "mtus", the nearest is mtu, scenario.json');
  assertEquals(
    refused({ ...MINIMAL, sa: [{ ...SA, aed: "x" }] }),
    'there is no key "sa[0].aed", the nearest is sa[0].aead, scenario.json',
  );
  assertEquals(refused({ ...MINIMAL, toString: 1 }).startsWith("there is no key"), true);
});

Deno.test("parseScenario() refuses values that cannot be, and says what would be right", () => {
  const wrong: [Record<string, unknown>, string][] = [
    [{ path: "both" }, "the key path is not gro or forward or receive or send"],
    [{ mtu: -1 }, "the key mtu is not an integer"],
    [{ mtu: "1500" }, "the key mtu is not an integer"],
    [{ gro: true }, "the key gro is not on or off"],
    [{ rx_layout: "frags:99" }, "the key rx_layout is not an rx_layout"],
    [{ rx_layout: [] }, "the key rx_layout is not an rx_layout"],
    [{ batches: [1, "x"] }, "the key batches is not a list, each an integer"],
    [{ sa: {} }, "the key sa is not a list of associations"],
    [{ sa: [{ ...SA, key: "0xabc" }] }, "the key sa[0].key is not hexadecimal bytes, 0x in front"],
    [{ sa: [{ ...SA, mode: "beet" }] }, "the key sa[0].mode is not tunnel or transport"],
  ];
  for (const [change, reason] of wrong) assertEquals(refused({ ...MINIMAL, ...change }), `${reason}, scenario.json`);
});

Deno.test("parseScenario() refuses what is no JSON object, and names the key that is missing", () => {
  assertEquals(refused("{"), "it is not JSON, scenario.json");
  assertEquals(refused("[]"), "it is no JSON object, scenario.json");
  assertEquals(refused("null"), "it is no JSON object, scenario.json");
  assertEquals(refused({ ...MINIMAL, path: "gro" }), "the key rx_layout is missing, scenario.json");
  assertEquals(refused({ ...MINIMAL, mtu: undefined }), "the key mtu is missing, scenario.json");
  assertEquals(refused({ ...MINIMAL, sa: [{ ...SA, spi: undefined }] }), "the key sa[0].spi is missing, scenario.json");
});

Deno.test("commandSettings() finds what only the commands say", () => {
  const setup = [
    "ip -n R link set orc0 gro_max_size 16000",
    "ip -n R xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1001 tfcpad 1000 extra-flag dont-encap-dscp",
  ];
  const found = commandSettings("mine", JSON.stringify({ setup }));
  assertEquals(found, { gro_max_size: 16000, tfc_pad: 1000, dont_encap_dscp: true });
  assertEquals(commandSettings("mine", "{}"), {});
  assertEquals(commandSettings("mine", "null"), {});
  assertThrows(() => commandSettings("mine", '{"setup": [1]}'), RecordingError, "config.json");
});
