/** `tailbits bench` as a user meets it: what it prints, where, and with which exit code. */

import { assertEquals, assertMatch } from "@std/assert";
import { parse } from "@std/csv";
import { type Outcome, tailbits } from "./testing.ts";

const CAPTURE = "fixtures/bulk-tcp-ipv4.pcap";
const HEADER = "config,stage,kind,operations,bytes,ns_per_packet,ns_per_byte,median_ms,low_ms,high_ms,spread_percent," +
  "gbps,ratio,ratio_low,ratio_high,runs,engine,predicted_ns_per_packet,predicted_ratio";

const bench = (...args: readonly string[]): Promise<Outcome> => tailbits(["bench", ...args]);

Deno.test("bench prints rows as CSV into a pipe, and on stderr who encrypted", async () => {
  const { code, stdout, stderr } = await bench(CAPTURE, "--runs", "2", "--packets", "20");
  assertEquals(code, 0);
  assertEquals(stdout.split("\n")[0], HEADER);
  const rows = parse(stdout, { skipFirstRow: true });
  assertEquals(rows.map((row) => `${row["config"]} ${row["stage"]} ${row["kind"]}`), [
    "baseline driver-rx copy",
    "baseline esp-output copy",
    "baseline esp-output seal",
    "baseline all all",
    "nocopy driver-rx copy",
    "nocopy esp-output seal",
    "nocopy all all",
  ]);
  for (const row of rows) assertMatch(row["ns_per_packet"]!, /^(\d+\.\d)?$/);
  const [engine, ...warnings] = stderr.trimEnd().split("\n");
  assertMatch(engine!, /^tailbits: Encrypted by (noble; with --allow-ffi it would be OpenSSL|openssl)/);
  assertEquals(warnings, [
    "tailbits: Warning: ESP makes packets of up to 1556 bytes: the egress MTU of 1500 grew to fit (oversize=grow)",
    "tailbits: Warning: only the first 20 packets of the capture were taken",
  ]);
});

Deno.test("bench takes few packets where it is told to encrypt with noble, and says nothing of OpenSSL then", async () => {
  const { code, stderr } = await bench(CAPTURE, "-c", "nocopy", "--set", "engine=noble", "--runs", "1");
  assertEquals([code, stderr.split("\n")[0]], [0, "tailbits: Encrypted by noble"]);
  assertMatch(stderr, /only the first 500 packets of the capture were taken\n$/);
});

Deno.test("bench of a capture without packets knows no time and no spread", async () => {
  // The header of a pcap file of Ethernet frames, little-endian.
  const stdin = Uint8Array.fromHex("d4c3b2a1020004000000000000000000ffff000001000000");
  const columns = "operations,ns_per_packet,spread_percent,gbps";
  const { code, stdout } = await tailbits(["bench", "-", "-c", "nocopy", "-q", "--columns", columns], { stdin });
  assertEquals([code, stdout], [0, `${columns}\n0,,,\n`]);
});

Deno.test("bench --quiet says nothing; --columns, --format and --delimiter are those of compare", async () => {
  const flags = ["--quiet", "--runs", "1", "--packets", "5", "-c", "nocopy"];
  const semicolons = await bench(CAPTURE, ...flags, "--columns", "stage,operations", "--delimiter", ";");
  assertEquals([semicolons.stdout, semicolons.stderr], ["stage;operations\ndriver-rx;5\nesp-output;5\nall;10\n", ""]);
  const json = await bench(CAPTURE, ...flags, "--format", "json");
  assertEquals(JSON.parse(json.stdout).map((row: { stage: string }) => row.stage), ["driver-rx", "esp-output", "all"]);
  const table = await bench(CAPTURE, ...flags, "--format", "table");
  assertMatch(table.stdout, /\nnocopy +all +all +10 /);
});

Deno.test("bench takes keys, a file of configurations and stdin like other verbs", async () => {
  const args = [
    "--quiet",
    "--runs",
    "1",
    "--packets",
    "5",
    "-c",
    "linux-6.1",
    "--set",
    "mode=none",
    "--columns",
    "engine",
  ];
  const stdin = Deno.readFileSync(new URL(`../../${CAPTURE}`, import.meta.url));
  const { code, stdout } = await tailbits(["bench", "-", ...args], { stdin });
  assertEquals([code, stdout.split("\n")[0]], [0, "engine"]);
});

const REFUSED: readonly [readonly string[], number, string][] = [
  [[], 2, "Cannot go on: no capture is named (a file, or - for stdin)"],
  [[CAPTURE, CAPTURE], 2, "Cannot bench 2 captures at once: name one"],
  [["none.pcap"], 3, "Cannot read none.pcap: there is no such file"],
  [["README.md"], 3, "Cannot read README.md: it is text, not a capture"],
  [[CAPTURE, "--runs", "0"], 2, "Cannot use --runs 0: it takes a whole number from 1 to 10000"],
  [[CAPTURE, "--packets", "1e3"], 2, "Cannot use --packets 1e3: it takes a whole number from 1 to 9007199254740991"],
  [[CAPTURE, "-c", "nocopy,nocopy"], 2, "Cannot bench nocopy twice: two configurations have that name"],
  [[CAPTURE, "--set", "engine=skip"], 2, "Cannot bench baseline: with engine=skip nothing would be encrypted"],
  [[CAPTURE, "--columns", "gpbs"], 2, "Cannot print column gpbs: there is no such column, the nearest is gbps"],
  [[CAPTURE, "--repeat", "2"], 2, "Cannot use --repeat: bench has no such flag"],
];

for (const [args, expected, message] of REFUSED) {
  Deno.test(`bench refuses in one line: ${args.join(" ") || "no capture"}`, async () => {
    const { code, stdout, stderr } = await bench(...args);
    assertEquals([code, stdout], [expected, ""]);
    assertEquals(stderr.split("\n").length, 2);
    assertEquals(stderr.startsWith(`tailbits: ${message}`), true, stderr);
  });
}
