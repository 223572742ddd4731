/** `mode=none` as a user meets it: what ESP costs against none, clear frames, and what without SAs is refused. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { parse } from "@std/csv";
import { sourceOfBytes } from "../capture/byte_source.ts";
import { openCapture } from "../capture/mod.ts";
import { readAll } from "../capture/testing.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import { inFolder, tailbits } from "./testing.ts";

const SHORT = "fixtures/exchange-tcp-ipv4.pcap";
const PLAIN = ["--set", "mode=none"];

Deno.test("compare holds ESP against none: a file with mode=none beside its preset", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/plain.jsonc`, `{ "preset": "linux-6.1", "mode": "none" }`);
    const { code, stdout } = await tailbits([
      ...["compare", SHORT, "-c", `linux-6.1,${folder}/plain.jsonc`, "--set", "path=host-to-host", "-q"],
      ...["--check", "--format", "csv", "--columns", "config,cipher,mode,esp_packets,crypto_bytes,cycles_per_packet"],
    ]);
    assertEquals(code, 0);
    const [esp, plain] = parse(stdout, { skipFirstRow: true });
    assertEquals([plain!["config"], plain!["cipher"], plain!["mode"], plain!["esp_packets"], plain!["crypto_bytes"]], [
      ...["plain", "none", "none", "0", "0"],
    ]);
    assertEquals([esp!["cipher"], esp!["mode"]], ["aes-gcm-256", "transport"]);
    assert(Number(esp!["cycles_per_packet"]) > Number(plain!["cycles_per_packet"]));
  });
});

Deno.test("replay --write-pcap with mode=none writes clear frames, of both hosts, whatever engine says", async () => {
  await inFolder(async (folder) => {
    const pcap = `${folder}/clear.pcap`;
    const { code, stderr } = await tailbits([
      ...[
        "replay",
        SHORT,
        "-c",
        "linux-6.1",
        ...PLAIN,
        "--set",
        "path=host-to-host",
        "--set",
        "engine=skip",
        "--check",
      ],
      ...["--write-pcap", pcap, "-o", `${folder}/out`, "--trace", "packets,events,sas"],
    ]);
    assertEquals(code, 0, stderr);
    assertMatch(stderr, /engine=skip changes nothing: it is idle with mode=none/);
    const frames = await readAll(await openCapture(sourceOfBytes(await Deno.readFile(pcap)), "clear.pcap"));
    assert(frames.length > 0);
    for (const { bytes } of frames) assertEquals(ipv4.protocol(bytes, ETH_HLEN), PROTOCOL_TCP);
    assertEquals((await Deno.readTextFile(`${folder}/out/sas.csv`)).split("\n").length, 2);
    assertEquals(JSON.parse(await Deno.readTextFile(`${folder}/out/run.json`)).engine, null);
  });
});

Deno.test("replay refuses files of SAs with mode=none: there is none", async () => {
  await inFolder(async (folder) => {
    const refused = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await tailbits(["replay", SHORT, ...PLAIN, ...args]);
      assertEquals(code, 2, stderr);
      return stderr;
    };
    const key = "00".repeat(36);
    await Deno.writeTextFile(
      `${folder}/sas.jsonc`,
      `[{ "spi": "0x2001", "src": "192.0.2.7", "dst": "192.0.2.8", "cipher": "aes-gcm-256", "key": "0x${key}" }]`,
    );
    assertMatch(await refused("--write-sa", `${folder}/esp_sa`), /Cannot use --write-sa with mode=none: without IPsec/);
    assertMatch(await refused("--sa", `${folder}/sas.jsonc`), /Cannot use --sa with mode=none: without IPsec/);
    assertMatch(await refused("--set", "offload=crypto"), /Cannot combine mode=none with offload=crypto/);
  });
});

Deno.test("explain tells of a packet that goes out in the clear", async () => {
  const { code, stdout } = await tailbits([
    ...[
      "explain",
      "fixtures/bulk-tcp-ipv4.pcap",
      "--packet",
      "40",
      "-c",
      "linux-6.1",
      ...PLAIN,
      "--set",
      "nic_tso=off",
      "-q",
    ],
  ]);
  assertEquals(code, 0);
  assertMatch(stdout, /Routed on, time to live decremented \(ip_rcv, ip_forward\)\./);
  assertMatch(
    stdout,
    /The aggregate is cut on its way to the driver: 10 segments .* \(validate_xmit_skb,\s+skb_segment\)\./s,
  );
});
