/** The command line as a user meets it: exit codes, one clear line, nothing left behind, the same bytes everywhere. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parse } from "@std/csv";
import { type How, inFolder, type Outcome, ROOT, tailbits, tailbitsProcess } from "./testing.ts";

const FIXTURE = "fixtures/bulk-tcp-ipv4.pcap";
/** A capture that takes no time. */
const SHORT = "fixtures/exchange-tcp-ipv4.pcap";

function isRoot(): boolean {
  const { stdout } = new Deno.Command("id", { args: ["-u"] }).outputSync();
  return new TextDecoder().decode(stdout).trim() === "0";
}

/** Every file below a folder, by its path there. */
function filesBelow(folder: string, prefix = ""): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of [...Deno.readDirSync(folder)].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) Object.assign(files, filesBelow(path, `${prefix}${entry.name}/`));
    else files[prefix + entry.name] = new TextDecoder("latin1").decode(Deno.readFileSync(path));
  }
  return files;
}

function assertOneLine({ stderr }: Outcome, pattern: RegExp): void {
  assertMatch(stderr, /^tailbits: Cannot [^\n]+\n$/);
  assertMatch(stderr, pattern);
}

/** Command lines of every exit code but 4, which needs a file in the way. */
const ALIKE: readonly (readonly [code: number, ...args: string[]])[] = [
  [0, "inspect", SHORT],
  [0, "compare", SHORT, "-c", "baseline,nocopy", "--set", "path=send"],
  [2, "repaly", SHORT],
  [2, "replay", SHORT, "--set", "gro=onn"],
  [3, "replay", "fixtures"],
];

for (const [code, ...args] of ALIKE) {
  Deno.test(`tailbits ${args.join(" ")}: in a process of its own as in this one, exit ${code}`, async () => {
    const alone = await tailbitsProcess(args);
    assertEquals(alone.code, code);
    assertEquals(await tailbits(args), alone);
  });
}

Deno.test("replay -o writes summary.csv, copies.csv, series.csv and run.json, and nothing else", async () => {
  await inFolder(async (folder) => {
    const { code, stdout } = await tailbits(["replay", FIXTURE, "-c", "baseline", "-o", `${folder}/new/out`]);
    assertEquals(code, 0);
    const files = filesBelow(`${folder}/new/out`);
    assertEquals(Object.keys(files), ["copies.csv", "run.json", "series.csv", "summary.csv"]);
    assertEquals(files["summary.csv"], stdout);
    const [row] = parse(stdout, { skipFirstRow: true });
    assertEquals([row!["packets_in"], row!["copied_bytes"], row!["linearized"]], ["4770", "5235256", "3100"]);
    const run = JSON.parse(files["run.json"]!);
    assertEquals(run.capture.name, "bulk-tcp-ipv4.pcap");
    assertEquals(JSON.stringify(run).includes("/"), false);
  });
});

Deno.test("compare prints one row per configuration and warns of keys that are idle", async () => {
  const { code, stdout, stderr } = await tailbits(["compare", SHORT, "-c", "baseline,nocopy-rx,nocopy"]);
  assertEquals(code, 0);
  assertEquals(parse(stdout, { skipFirstRow: true }).map((row) => row["config"]), ["baseline", "nocopy-rx", "nocopy"]);
  assertStringIncludes(stderr, "baseline and nocopy-rx differ only in rx_cow: idle on path forward");
});

Deno.test("two runs, two locales, file and stdin: the same bytes in every file", async () => {
  await inFolder(async (folder) => {
    const capture = await Deno.readFile(ROOT + SHORT);
    const runs: [string, string, How][] = [
      ["a", SHORT, { env: { LANG: "C", LC_ALL: "C", TZ: "UTC" } }],
      ["b", SHORT, { env: { LANG: "de_DE.UTF-8", LC_ALL: "de_DE.UTF-8", TZ: "Asia/Kathmandu" } }],
      ["c", "-", { stdin: capture }],
    ];
    const outputs: Record<string, string>[] = [];
    for (const [name, path, how] of runs) {
      const out = `${folder}/${name}`;
      const files = ["-o", out, "--write-pcap", `${out}/esp.pcap`, "--write-sa", `${out}/esp_sa`];
      await Deno.mkdir(out);
      const outcome = await tailbitsProcess(["replay", path, "-c", "nocopy-gro", ...files], how);
      assertEquals(outcome.code, 0, outcome.stderr);
      outputs.push(filesBelow(out));
    }
    assertEquals(outputs[1], outputs[0]);
    const unnamed = Object.entries(outputs[0]!).map((
      [name, text],
    ) => [name, text.replaceAll("exchange-tcp-ipv4.pcap", "stdin")]);
    assertEquals(outputs[2], Object.fromEntries(unnamed));
  });
});

Deno.test("--trace writes a row per packet and per event; --columns, --delimiter and --bom shape what is printed", async () => {
  await inFolder(async (folder) => {
    const shape = ["--columns", "config,copied_bytes", "--delimiter", "tab", "--bom"];
    const args = ["replay", FIXTURE, "-c", "nocopy-gro", "-q", "-o", folder, "--trace", "packets,events", ...shape];
    const { code, stdout } = await tailbits(args);
    assertEquals([code, stdout], [0, "\ufeffconfig\tcopied_bytes\nnocopy-gro\t4646912\n"]);
    const files = filesBelow(folder);
    const names = ["copies.csv", "events.csv", "packets.csv", "run.json", "series.csv", "summary.csv"];
    assertEquals(Object.keys(files), names);
    const packets = parse(files["packets.csv"]!.slice(3), { skipFirstRow: true, separator: "\t" });
    assertEquals([packets.length, packets[0]!["packet"], packets.at(-1)!["packet"]], [4770, "1", "4770"]);
    const copied = packets.reduce((sum, row) => sum + Number(row["copied_bytes"]), 0);
    assertEquals(copied, 4646912);
    assertMatch(files["events.csv"]!, /^\xef\xbb\xbft_ns\tcpu\tstage\tevent\treason\t/);
  });
});

Deno.test("the engine changes no figure and no frame", async () => {
  const rows = [];
  for (const engine of ["auto", "noble", "skip"]) {
    rows.push((await tailbits(["replay", SHORT, "--set", `engine=${engine}`, "-q"])).stdout);
  }
  assertEquals(new Set(rows).size, 1);
});

const REFUSED_INPUT: [string, Uint8Array, RegExp][] = [
  ["an empty file", new Uint8Array(0), /empty/],
  ["text", new TextEncoder().encode("hello, this is not a capture\n"), /text/],
  ["cut pcapng", Uint8Array.of(0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28, 0x1a, 0x2b, 0x3c, 0x4d), /ends inside a block/],
  ["cut gzip", Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3), /gzip data is cut off/],
];

for (const [what, bytes, reason] of REFUSED_INPUT) {
  Deno.test(`replay refuses ${what}: one line, exit 3, nothing left behind`, async () => {
    await inFolder(async (folder) => {
      const files = [
        "-o",
        `${folder}/out`,
        "--trace",
        "packets,events",
        "--write-pcap",
        `${folder}/esp.pcap`,
        "--write-sa",
        `${folder}/sa`,
      ];
      const outcome = await tailbits(["replay", "-", ...files], { stdin: bytes });
      assertEquals(outcome.code, 3);
      assertOneLine(outcome, reason);
      assertEquals(outcome.stdout, "");
      assertEquals(filesBelow(folder), {});
    });
  });
}

Deno.test("a capture that is not there, or is a folder, is refused with exit 3", async () => {
  for (const path of ["no/such.pcap", "fixtures"]) {
    const outcome = await tailbits(["replay", path]);
    assertEquals(outcome.code, 3);
    assertOneLine(outcome, /no such file|it is a folder/);
  }
});

Deno.test("a record cut off by the end of the file: the packets before it, and one warning that says where", async () => {
  const capture = (await Deno.readFile(ROOT + FIXTURE)).subarray(0, 100_000);
  const outcome = await tailbits(["replay", "-"], { stdin: capture });
  assertEquals(outcome.code, 0);
  const [row] = parse(outcome.stdout, { skipFirstRow: true });
  const packets = Number(row!["packets_in"]);
  assertEquals(packets > 50, true);
  const damage = outcome.stderr.split("\n").filter((line) => line.includes("ends inside a packet"));
  assertEquals(damage.length, 1);
  assertStringIncludes(damage[0]!, `after ${packets} packets, at byte `);
});

const REFUSED_USAGE: [readonly string[], RegExp][] = [
  [[], /verb is missing/],
  [["repaly", FIXTURE], /nearest is replay/],
  [["sweep", FIXTURE], /not built yet/],
  [["replay"], /no capture is named/],
  [["replay", FIXTURE, "--formt", "csv"], /nearest is --format/],
  [["replay", FIXTURE, "--format", "cvs"], /nearest: csv/],
  [["replay", FIXTURE, "--trace", "packets"], /without -o/],
  [["replay", FIXTURE, "--trace", "packts", "-o", "x"], /nearest: packets/],
  [["replay", FIXTURE, "--columns", "run,copyed_bytes"], /nearest is copied_bytes/],
  [["replay", FIXTURE, "--delimiter", "::"], /one character/],
  [["replay", FIXTURE, "--sa", "no-such-file"], /Cannot read SA file no-such-file: there is no such file/],
  [["replay", FIXTURE, "--sa", "deno.json"], /Cannot read SA file deno\.json: it is no array of associations/],
  [["replay", FIXTURE, "-c"], /value is missing/],
  [["replay", FIXTURE, "-c", "nocpy"], /nearest is nocopy/],
  [["replay", FIXTURE, "-c", "no/such.jsonc"], /no such file/],
  [["replay", FIXTURE, "--set", "gr0=on"], /nearest is gro/],
  [["replay", FIXTURE, "--set", "gro=onn"], /nearest: on/],
  [["replay", FIXTURE, "--set", "cipher=null-md5"], /not built yet/],
  [["replay", FIXTURE, "--set", "mtu=12"], /mtu/],
  [["replay", FIXTURE, "--set", "gro=on", "--set", "gso=off"], /gso/],
  [["replay", FIXTURE, "--set", "profile=publishd"], /nearest is published/],
  [["replay", FIXTURE, "--set", "profile=no/such.json"], /no such file/],
  [["replay", FIXTURE, "--set", "engine=skip", "--write-pcap", "x.pcap"], /not encrypted/],
  [["compare", FIXTURE, "-c", "nocopy,nocopy"], /that name/],
  [["explain", "--packet", "1"], /no capture is named/],
  [["explain", FIXTURE], /no packet is named/],
  [["explain", FIXTURE, "--packet", "0"], /packet 0: it is not a whole number from 1 on/],
  [["explain", FIXTURE, "--packet", "1.5"], /packet 1.5: it is not a whole number/],
  [["explain", FIXTURE, "--packet", "1e2"], /packet 1e2: it is not a whole number/],
  [["explain", FIXTURE, "--packet=-4"], /packet -4: it is not a whole number/],
  [["explain", FIXTURE, "--packet", "four"], /packet four: it is not a whole number/],
  [["explain", FIXTURE, "--packet", "99999999999999999999"], /it is not a whole number/],
  [["explain", FIXTURE, "--packet", "9999", "-q"], /Cannot explain packet 9999: the capture has 4770\n/],
  [["explain", FIXTURE, "--packet", "4", "--packet", "5"], /more than once/],
  [["explain", FIXTURE, FIXTURE, "--packet", "4"], /2 captures at once/],
  [["explain", FIXTURE, "--packet", "4", "--format", "jsn"], /nearest: json/],
  [["explain", FIXTURE, "--packet", "4", "-c", "nocpy"], /nearest is nocopy/],
];

for (const [args, reason] of REFUSED_USAGE) {
  Deno.test(`tailbits ${args.join(" ")}: exit 2 and one line`, async () => {
    const outcome = await tailbits(args);
    assertEquals(outcome.code, 2);
    assertOneLine(outcome, reason);
  });
}

Deno.test("a folder that cannot be written to: exit 4, one line, nothing left behind", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "in the way");
    for (const args of [["-o", `${folder}/file/out`], ["--write-pcap", `${folder}/none/esp.pcap`]]) {
      const outcome = await tailbits(["replay", FIXTURE, "-q", ...args]);
      assertEquals(outcome.code, 4);
      assertOneLine(outcome, /not a folder|no such file or folder/);
    }
    assertEquals(filesBelow(folder), { file: "in the way" });
  });
});

Deno.test({
  name: "a read-only folder: exit 4, one line",
  ignore: isRoot(), // Root may write everywhere.
  fn: async () => {
    await inFolder(async (folder) => {
      await Deno.chmod(folder, 0o555);
      const outcome = await tailbits(["replay", FIXTURE, "-q", "-o", folder]);
      await Deno.chmod(folder, 0o755);
      assertEquals(outcome.code, 4);
      assertOneLine(outcome, /permission denied/);
      assertEquals(filesBelow(folder), {});
    });
  },
});

Deno.test("a pipe closed by its reader ends the program quietly", async () => {
  const script =
    `"$0" run --no-check -R -W cli.ts replay ${SHORT} --write-pcap - -q | head -c 1 >/dev/null; echo "\${PIPESTATUS[0]}"`;
  const command = new Deno.Command("bash", {
    args: ["-c", script, Deno.execPath()],
    cwd: ROOT,
    stdout: "piped",
    stderr: "piped",
  });
  const { stdout, stderr } = await command.output();
  assertEquals(new TextDecoder().decode(stderr), "");
  assertEquals(new TextDecoder().decode(stdout), "0\n");
});

Deno.test("replay --check is content with every preset, and several captures make several runs", async () => {
  await inFolder(async (folder) => {
    await Deno.copyFile(ROOT + SHORT, `${folder}/=1+1.pcap`);
    const args = ["replay", SHORT, `${folder}/=1+1.pcap`, "-c", "nocopy-gro", "--check", "-o", `${folder}/out`];
    const outcome = await tailbits(args);
    assertEquals(outcome.code, 0, outcome.stderr);
    assertEquals(parse(outcome.stdout, { skipFirstRow: true }).map((row) => row["capture"]), [
      "exchange-tcp-ipv4.pcap",
      "'=1+1.pcap",
    ]);
    assertEquals(Object.keys(filesBelow(`${folder}/out`)).sort(), [
      "1-exchange-tcp-ipv4.pcap/copies.csv",
      "1-exchange-tcp-ipv4.pcap/run.json",
      "1-exchange-tcp-ipv4.pcap/series.csv",
      "2-=1+1.pcap/copies.csv",
      "2-=1+1.pcap/run.json",
      "2-=1+1.pcap/series.csv",
      "summary.csv",
    ]);
  });
});

Deno.test("configs lists presets and keys, explains, and prints a schema and a configuration that can be used", async () => {
  const all = await tailbits(["configs"]);
  assertStringIncludes(all.stdout, "nocopy-gro");
  assertStringIncludes(all.stdout, "tx_tail=linearize|fragment");
  const explained = await tailbits(["configs", "nocopy", "--set", "tx_dst=new-page", "--explain"]);
  assertMatch(explained.stdout, /tx_dst +new-page +--set/);
  assertMatch(explained.stdout, /tx_tail +fragment +preset nocopy/);
  assertEquals(JSON.parse((await tailbits(["configs", "--schema"])).stdout).type, "object");
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/mine.jsonc`, (await tailbits(["configs", "baseline"])).stdout);
    const { stdout } = await tailbits(["replay", FIXTURE, "-c", `${folder}/mine.jsonc`, "-q"]);
    const [row] = parse(stdout, { skipFirstRow: true });
    assertEquals([row!["config"], row!["copied_bytes"]], ["mine", "5235256"]);
  });
});

Deno.test("inspect counts packets, link types and flows, as text and as JSON", async () => {
  const text = await tailbits(["inspect", FIXTURE]);
  assertEquals(text.code, 0);
  assertStringIncludes(text.stdout, "4770");
  const json = JSON.parse((await tailbits(["inspect", FIXTURE, "--format", "json"])).stdout);
  assertEquals([json.packets, json.bytes, json.flows], [4770, 4803636, 2]);
});

Deno.test("explain tells the same from a file and from stdin, as text and as JSON", async () => {
  const args = ["--packet", "4", "-c", "baseline", "-q"];
  const file = await tailbits(["explain", FIXTURE, ...args]);
  assertEquals([file.code, file.stderr], [0, ""]);
  assertMatch(file.stdout, /^Packet 4 of bulk-tcp-ipv4\.pcap: 1514 bytes/);
  assertMatch(file.stdout, /\nSent: 3 copies, 1650 bytes copied/);
  const capture = await Deno.readFile(ROOT + FIXTURE);
  const piped = await tailbits(["explain", "-", ...args], { stdin: capture });
  assertEquals(piped.stdout, file.stdout.replace("bulk-tcp-ipv4.pcap", "stdin"));
  const json = JSON.parse((await tailbits(["explain", FIXTURE, ...args, "--format", "json"])).stdout);
  assertEquals([json.packet, json.copies, json.copied_bytes, json.outcome], [4, 3, 1650, "sent"]);
});

Deno.test("explain refuses what is no capture with exit 3 and one line", async () => {
  for (const [args, stdin] of [[["no/such.pcap"], undefined], [["-"], new TextEncoder().encode("hello\n")]] as const) {
    const outcome = await tailbits(["explain", ...args, "--packet", "1"], stdin === undefined ? {} : { stdin });
    assertEquals([outcome.code, outcome.stdout], [3, ""]);
    assertOneLine(outcome, /no such file|text|too short/);
  }
});

Deno.test("every verb has help with examples, and --version says the version", async () => {
  for (const verb of ["replay", "compare", "inspect", "explain", "configs"]) {
    const { code, stdout } = await tailbits([verb, "--help"]);
    assertEquals(code, 0);
    assertStringIncludes(stdout, "Examples:\n  tailbits " + verb);
  }
  assertMatch((await tailbits(["--version"])).stdout, /^tailbits \d+\.\d+\.\d+\n$/);
});
