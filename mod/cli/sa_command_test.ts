/** `--sa`, `--write-sa` and `--trace sas` as a user meets them; keys stay where they are, and nonces are used once. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parse } from "@std/csv";
import { sourceOfBytes } from "../capture/byte_source.ts";
import { CapturePacket, openCapture } from "../capture/mod.ts";
import { inFolder, tailbits } from "./testing.ts";

const SHORT = "fixtures/exchange-tcp-ipv4.pcap";
const BULK = "fixtures/bulk-tcp-ipv4.pcap";
/** Secrets that are in nothing else; the characters of the last are the secret of Wireshark's form. */
const KEY = "d3a94f1c7be65802e1f49a3d6c8b5f70b2c4d6e8fa0c1e3f5a7b9c8d7e6f5a4b";
const SALT = "9f8e7d6c";
const AUTH = "c7b1e5a2f9d36c48b0e7a1d5c9f2836b4e8d7c1a5f9b3e6d2c8a4f7b1e5d9c3a";
const CBC = `{ "spi": "0x2002", "src": "192.0.2.7", "dst": "192.0.2.8", "cipher": "aes-cbc-256-sha256",
  "key": "${KEY}", "auth_key": "${AUTH}", "mode": "tunnel", "encap": "none" }`;
const GCM = `{ "spi": "0x2001", "src": "192.0.2.7", "dst": "192.0.2.8", "cipher": "aes-gcm-256",
  "key": "0x${KEY}${SALT}", "mode": "tunnel", "encap": "none" }`;

function rowsOf(path: string): Record<string, string>[] {
  return parse(Deno.readTextFileSync(path), { skipFirstRow: true });
}

/** All files below a folder, one character a byte. */
function contentOf(folder: string): string {
  return [...Deno.readDirSync(folder)].map((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory ? contentOf(path) : new TextDecoder("latin1").decode(Deno.readFileSync(path));
  }).join("\n");
}

/** Neither the secrets, nor a good part of one, as digits or as bytes. */
function assertTellsNothing(text: string, what: string): void {
  const digits = text.toLowerCase();
  for (const secret of [KEY, KEY + SALT, AUTH]) {
    for (let i = 0; i + 12 <= secret.length; i += 2) {
      assert(!digits.includes(secret.slice(i, i + 12)), `${what}: digits of a key`);
      const raw = new TextDecoder("latin1").decode(Uint8Array.fromHex(secret.slice(i, i + 12)));
      assert(!text.includes(raw), `${what}: bytes of a key`);
    }
  }
}

Deno.test("replay --sa seals under the first SA, --write-sa writes it, and receive --sa opens all of it again", async () => {
  await inFolder(async (folder) => {
    Deno.writeTextFileSync(`${folder}/sas.jsonc`, `[${GCM}, ${CBC}]`);
    const sealed = ["replay", SHORT, "--sa", `${folder}/sas.jsonc`, "--set", "oversize=grow", "-q"];
    const { code, stderr } = await tailbits([
      ...sealed,
      ...["--write-pcap", `${folder}/esp.pcap`, "--write-sa", `${folder}/esp_sa`, "-o", `${folder}/out`],
    ]);
    assertEquals([code, stderr], [0, ""]);
    const [summary] = rowsOf(`${folder}/out/summary.csv`);
    assertEquals([summary!["cipher"], summary!["mode"]], ["aes-gcm-256", "tunnel"]);
    assertStringIncludes(Deno.readTextFileSync(`${folder}/esp_sa`), '"192.0.2.7","192.0.2.8","0x00002001"');
    for (const file of ["esp_sa", "sas.jsonc"]) {
      const opened = await tailbits([
        ...["replay", `${folder}/esp.pcap`, "--sa", `${folder}/${file}`, "--set", "path=receive", "-q"],
        ...["-c", "linux-6.1", "-o", `${folder}/back`, "--trace", "sas,packets"],
      ]);
      assertEquals([opened.code, opened.stderr], [0, ""]);
      const [sa, ...more] = rowsOf(`${folder}/back/sas.csv`);
      assertEquals(more, []);
      assertEquals([sa!["spi"], sa!["src"], sa!["suite"], sa!["mode"]], [
        "0x00002001",
        "192.0.2.7",
        "aes-gcm-256",
        "tunnel",
      ]);
      assertEquals([sa!["packets"], sa!["sequence_last"]], [summary!["esp_packets"], summary!["esp_packets"]]);
      for (const column of ["lost", "reordered", "replayed", "icv_failures", "sequence_gaps", "other_drops"]) {
        assertEquals(sa![column], "0", column);
      }
      assert(rowsOf(`${folder}/back/packets.csv`).every((row) => row["outcome"] === "delivered"));
    }
  });
});

/** Records of a classic pcap file without its header, each with its own. */
function records(pcap: Uint8Array): Uint8Array[] {
  const view = new DataView(pcap.buffer, pcap.byteOffset);
  const found: Uint8Array[] = [];
  for (let at = 24; at < pcap.length; at += 16 + view.getUint32(at + 8, true)) {
    found.push(pcap.slice(at, at + 16 + view.getUint32(at + 8, true)));
  }
  return found;
}

Deno.test("sas.csv counts what is lost, late, came twice, is damaged or of nobody, and nothing of it is fatal", async () => {
  await inFolder(async (folder) => {
    Deno.writeTextFileSync(`${folder}/sas.jsonc`, `[${GCM}]`);
    await tailbits([
      ...["replay", SHORT, "--sa", `${folder}/sas.jsonc`, "--set", "oversize=grow", "-q"],
      ...["--write-pcap", `${folder}/esp.pcap`],
    ]);
    const pcap = Deno.readFileSync(`${folder}/esp.pcap`);
    const all = records(pcap);
    const [espAt, ipBytesAt] = [16 + 14 + 20, 16 + 14 + 2];
    const damaged = all[5]!.slice();
    damaged[damaged.length - 20]! ^= 1;
    const stranger = all[6]!.slice();
    stranger[espAt + 3]! ^= 0x40;
    const short = all[7]!.slice(0, espAt + 12);
    new DataView(short.buffer).setUint32(8, short.length - 16, true);
    new DataView(short.buffer).setUint32(12, short.length - 16, true);
    new DataView(short.buffer).setUint16(ipBytesAt, short.length - 16 - 14);
    // The sum of the header makes up for the length.
    const header = new DataView(short.buffer, 16 + 14, 20);
    header.setUint16(10, 0);
    let sum = 0;
    for (let i = 0; i < 20; i += 2) sum += header.getUint16(i);
    header.setUint16(10, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
    // Numbers 1 2 2 5 4, a damaged 6, a stranger 7, a short 8, 9: 3, 6, 7 and 8 never came as such.
    const order = [all[0]!, all[1]!, all[1]!, all[4]!, all[3]!, damaged, stranger, short, all[8]!];
    const bytes = order.flatMap((record) => [...record]);
    Deno.writeFileSync(`${folder}/odd.pcap`, Uint8Array.of(...pcap.subarray(0, 24), ...bytes));
    const { code } = await tailbits([
      ...["replay", `${folder}/odd.pcap`, "--sa", `${folder}/sas.jsonc`, "--set", "path=receive", "-q"],
      ...["-o", `${folder}/out`, "--trace", "sas,packets"],
    ]);
    assertEquals(code, 0);
    const rows = rowsOf(`${folder}/out/sas.csv`);
    const { packets, lost, reordered, replayed, icv_failures, sequence_gaps, other_drops, ...rest } = rows[0]!;
    assertEquals([packets, lost, reordered, replayed], ["8", "4", "1", "1"]);
    assertEquals([icv_failures, sequence_gaps, other_drops], ["1", "2", "1"]);
    assertEquals([rest["sequence_first"], rest["sequence_last"]], ["1", "9"]);
    assertEquals([rows[1]!["spi"], rows[1]!["suite"], rows[1]!["packets"]], ["0x00002041", "", "1"]);
    assertEquals(rows[1]!["other_drops"], "1");
    const reasons = rowsOf(`${folder}/out/packets.csv`).map((row) => row["reason"]).filter((reason) => reason !== "");
    assertEquals(reasons.length, 4, reasons.join());
    assertEquals(new Set(reasons).size, 4);
  });
});

Deno.test("no key of a file is in a trace, in run.json, a report, a warning or an error", async () => {
  await inFolder(async (folder) => {
    const file = `${folder}/sas.jsonc`;
    await Deno.mkdir(`${folder}/out`);
    for (const sas of [GCM, CBC]) {
      Deno.writeTextFileSync(file, `[${sas}]`);
      for (const path of ["forward", "send", "receive"]) {
        const set = ["--sa", file, "--set", `path=${path}`, "--set", "mode=tunnel", "--set", "oversize=grow"];
        const all = ["--check", "-o", `${folder}/out/${path}`, "--trace", "packets,events,sas"];
        const pcap = path === "receive" ? [] : ["--write-pcap", `${folder}/out/${path}.pcap`];
        const run = await tailbits(["replay", SHORT, ...set, ...all, ...pcap]);
        assertEquals(run.code, 0, run.stderr);
        assertTellsNothing(run.stdout + run.stderr, path);
        for (const format of ["text", "json"]) {
          const told = await tailbits(["explain", SHORT, "--packet", "1", ...set, "--format", format]);
          assertTellsNothing(told.stdout + told.stderr, `explain ${path}`);
        }
      }
      const compared = await tailbits(["compare", SHORT, "--sa", file, "--set", "oversize=grow", "--format", "json"]);
      assertTellsNothing(compared.stdout + compared.stderr, "compare");
    }
    assertTellsNothing(contentOf(`${folder}/out`), "files");
    const wrong = [
      `[${GCM.replace(SALT, "")}]`,
      `[${GCM.replace('"0x', '"')}`,
      `[${GCM.replace('"key"', '"kee"')}]`,
      KEY,
    ];
    for (const text of [...wrong, `"IPv4","*","*","0x${KEY}","NULL","","NULL",""`, `src 1.2.3.4 dst ${KEY}`]) {
      Deno.writeTextFileSync(file, text);
      const { code, stdout, stderr } = await tailbits(["replay", SHORT, "--sa", file]);
      assertEquals([code, stdout], [2, ""]);
      assertMatch(stderr, /^tailbits: Cannot read SA file sas\.jsonc: [^\n]+\n$/);
      assertTellsNothing(stderr, "error");
    }
  });
});

Deno.test("no nonce is used twice: a run whose SA is at its end sends what is left of its numbers, and drops the rest", async () => {
  await inFolder(async (folder) => {
    const left = 7;
    const last = 2 ** 32 - 1 - left;
    Deno.writeTextFileSync(`${folder}/sas.jsonc`, `[${GCM.replace("}", `, "last_sequence": ${last} }`)}]`);
    for (const preset of ["nocopy", "linux-6.1-module"]) {
      const { code } = await tailbits([
        ...["replay", BULK, "-c", preset, "--sa", `${folder}/sas.jsonc`, "--set", "oversize=grow", "-q"],
        ...["--write-pcap", `${folder}/esp.pcap`, "-o", `${folder}/${preset}`, "--trace", "events"],
      ]);
      assertEquals(code, 0);
      const frames = records(Deno.readFileSync(`${folder}/esp.pcap`));
      const ivAt = 16 + 14 + 20 + 8;
      const nonces = new Set(frames.map((frame) => frame.slice(ivAt, ivAt + 8).toHex()));
      assertEquals(nonces.size, frames.length, preset);
      assert(frames.length <= left && frames.length > 0, preset);
      const dropped = Deno.readTextFileSync(`${folder}/${preset}/events.csv`).split("\n");
      assert(dropped.some((row) => row.includes(",drop,sequence-exhausted,")), preset);
    }
  });
});

Deno.test("--write-pcap to a name that ends in .pcapng writes the same frames, with interface, ns stamps and comments", async () => {
  await inFolder(async (folder) => {
    const paths = ["pcap", "pcapng"].map((form) => `${folder}/esp.${form}`);
    for (const path of paths) {
      const { code } = await tailbits(["replay", SHORT, "--set", "oversize=grow", "-q", "--write-pcap", path]);
      assertEquals(code, 0);
    }
    const [plain, rich] = await Promise.all(paths.map(async (path) => {
      const reader = await openCapture(sourceOfBytes(Deno.readFileSync(path)), path);
      const packet = new CapturePacket();
      const seen: string[] = [];
      while (await reader.fill()) {
        while (reader.next(packet)) {
          const { bytes, offset, capturedBytes, timeNs } = packet;
          seen.push(`${timeNs} ${bytes.subarray(offset, offset + capturedBytes).toHex()}`);
        }
      }
      return seen;
    }));
    assert(plain!.length > 0);
    assertEquals(rich, plain);
    const text = new TextDecoder("latin1").decode(Deno.readFileSync(paths[1]!));
    assertStringIncludes(text, "nic1");
    assertMatch(text, /packet 1, tx-nic: sent, last bit at \d+ ns/);
  });
});

const CAPTURES = new URL("../../../shared/captures/", import.meta.url).pathname;

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Real captures, how many packets of ESP are in each, and whether the file has their keys. */
const REAL: [string, string, number, boolean][] = [
  ["esp-natt-gcm-ctr-cbc.pcapng", "esp-natt-gcm-ctr-cbc", 24, true],
  ["esp-transport-v4v6.pcap", "esp-transport-v4v6", 240, true],
  ["esp-tunnel-aes256cbc.pcap", "esp-tunnel-aes256cbc", 8, true],
  // IKE and NAT keepalives beside ESP in UDP, and ESP behind AH.
  ["ike-natt-esp-834.pcap", "esp-natt-gcm-ctr-cbc", 315, false],
  ["ikev2-esp-ipv6.pcap", "esp-natt-gcm-ctr-cbc", 162, false],
];

for (const [capture, sas, packets, hasKeys] of REAL) {
  Deno.test({
    name: `receive --sa takes ${packets} ESP packets of ${capture}, and passes by the rest`,
    ignore: !isThere(`${CAPTURES}esp_sa/EXPECTED.csv`),
    async fn() {
      await inFolder(async (folder) => {
        const { code, stderr } = await tailbits([
          ...["replay", `${CAPTURES}real/${capture}`, "--sa", `${CAPTURES}esp_sa/${sas}.esp_sa`, "-q"],
          ...["--set", "path=receive", "-c", "linux-6.1", "-o", folder, "--trace", "sas,packets", "--check"],
        ]);
        assertEquals([code, stderr], [0, ""]);
        const rows = rowsOf(`${folder}/sas.csv`);
        const sum = (column: string) => rows.reduce((total, row) => total + Number(row[column]), 0);
        assertEquals([sum("packets"), sum("icv_failures"), sum("replayed")], [packets, 0, 0]);
        assertEquals(sum("other_drops"), hasKeys ? 0 : packets);
        assert(rows.every((row) => (row["suite"] !== "") === hasKeys));
        const outcomes = rowsOf(`${folder}/packets.csv`).map((row) => row["outcome"]);
        assertEquals(outcomes.filter((outcome) => outcome === (hasKeys ? "delivered" : "dropped")).length, packets);
      });
    },
  });
}
