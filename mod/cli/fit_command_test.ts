import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { shortCaptureBytes } from "../fit/testing.ts";
import { parseProfile } from "../cost/profile.ts";
import { ROOT, tailbits } from "./testing.ts";

const FOLDER = Deno.makeTempDirSync();
globalThis.addEventListener("unload", () => Deno.removeSync(FOLDER, { recursive: true }));
const CAPTURE = `${FOLDER}/short.pcap`;
Deno.writeFileSync(CAPTURE, shortCaptureBytes(300));

const HEADER = "id,role,preset,set,gbps,cpu_percent,rx_cpu_percent\n";
const GOOD = HEADER +
  "a,fit,baseline,cipher=aes-gcm-256,1.7,,\nb,predict,nocopy-gro-gso,path=host-to-host,,,\n";

function rowsFile(text: string): string {
  const path = `${FOLDER}/rows.csv`;
  Deno.writeTextFileSync(path, text);
  return path;
}

const COMMON = ["--set", "path=host-to-host", "--set", "mode=transport", "--set", "profile=netdev11"];
const TIE = "seal aes-gcm cycles/byte=open aes-gcm cycles/byte";

Deno.test("calibrate --fit prints rows, and writes a profile that replay says the same of", async () => {
  const [out, table] = [`${FOLDER}/mine.json`, `${FOLDER}/coefficients.csv`];
  const args = ["calibrate", CAPTURE, "--fit", rowsFile(GOOD), ...COMMON, "--tie", TIE, "-o", out];
  const { code, stdout, stderr } = await tailbits([...args, "--coefficients", table, "--description", "a host"]);
  assertEquals(code, 0);
  assertEquals(stderr, "tailbits: Warning: the run is short: 154 packets, 2560 fill the RX ring 20 times (rx_ring)\n");
  const [header, first, second, ...rest] = stdout.split("\n");
  assertMatch(header!, /^id,role,gbps,predicted_gbps,error_percent,cpu_percent,/);
  assertMatch(second!, /^b,predict,,\d/);
  assertEquals(rest, [""]);

  const text = Deno.readTextFileSync(out);
  const profile = parseProfile(text, "mine.json");
  assertEquals([profile.name, profile.description, profile.base], ["mine", "a host", "published"]);
  assertMatch(
    profile.fit!,
    /^to a of rows\.csv, errors up to \d+\.\d % of Gbps and \d+\.\d points of CPU: tailbits cal/,
  );
  assertStringIncludes(profile.fit!, `short.pcap --fit rows.csv --set path=host-to-host`);
  assertStringIncludes(profile.fit!, `--tie '${TIE}'`);
  assert(!text.includes(FOLDER));
  assertMatch(Deno.readTextFileSync(table), /^coefficient,prior,fitted,low,high,at,left_percent,/);

  const sets = [...COMMON.slice(0, 4), "--set", "cipher=aes-gcm-256", "--set", `profile=${out}`];
  const again = await tailbits(["replay", CAPTURE, "-c", "baseline", ...sets, "--columns", "goodput_gbps", "-q"]);
  assertEquals(again.stdout, `goodput_gbps\n${first!.split(",")[3]}\n`);
});

Deno.test("calibrate --fit prints the coefficients under the rows in a table for people", async () => {
  const args = ["calibrate", CAPTURE, "--fit", rowsFile(GOOD), ...COMMON, "--format", "md"];
  const { stdout } = await tailbits(args);
  assertMatch(stdout, /^\| id .*\n[\s\S]*\n\n\| coefficient /);
  assertStringIncludes(stdout, "| seal aes-gcm cycles/byte |");
});

Deno.test("calibrate --fit -o - prints the profile alone, under a name of its own", async () => {
  const args = ["calibrate", CAPTURE, "--fit", rowsFile(GOOD), ...COMMON];
  const { code, stdout, stderr } = await tailbits([...args, "-o", "-", "-q"]);
  assertEquals([code, stderr], [0, ""]);
  assertEquals(parseProfile(stdout, "stdout").name, "fitted");
  await assertRejects(() => Deno.stat(`${ROOT}-`), Deno.errors.NotFound);
});

Deno.test("calibrate --fit prints the columns and the CSV that were asked for", async () => {
  const rows = rowsFile(HEADER + "a,predict,baseline,path=send,1.7,,\nb,fit,baseline,path=send,1.7,,\n");
  const args = ["calibrate", CAPTURE, "--fit", rows, "--columns", "role,id", "--delimiter", ";", "--bom", "-q"];
  assertEquals((await tailbits([...args, "--format", "csv"])).stdout, "\ufeffrole;id\npredict;a\nfit;b\n");
  const { code, stderr } = await tailbits([...args.slice(0, 5), "gbsp"]);
  assertEquals([code, stderr.includes("Cannot print column gbsp")], [2, true]);
  const file = `${FOLDER}/semicolons.csv`;
  await tailbits([...args, "--coefficients", file]);
  assertMatch(await Deno.readTextFile(file), /^\ufeffcoefficient;prior;/);
});

Deno.test("calibrate --fit warns as replay does, and names the row where it is not all of them", async () => {
  const rows = rowsFile(HEADER + "a,fit,baseline,path=send,1.7,,\nb,predict,baseline,path=send repeat=70,,,\n");
  const { code, stderr } = await tailbits(["calibrate", CAPTURE, "--fit", rows]);
  assertEquals(code, 0);
  assertMatch(stderr, /^tailbits: Warning: row a: the run is short: 154 packets, [^\n]+\n$/);
});

Deno.test("calibrate --fit says what cannot be written before it fits, and leaves nothing behind", async () => {
  const unfit = rowsFile(HEADER + "a,fit,baseline,path=send,1.7,,50\n");
  const before = [...Deno.readDirSync(FOLDER)].length;
  const args = ["calibrate", CAPTURE, "--fit", unfit, "-o", `${FOLDER}/new/mine.json`, "--coefficients"];
  const { code, stderr } = await tailbits([...args, `${CAPTURE}/c.csv`]);
  assertEquals([code, /^tailbits: Cannot (write|make)/.test(stderr)], [4, true], stderr);
  assertEquals((await tailbits([...args, `${FOLDER}/new/c.csv`])).code, 2);
  assertEquals([...Deno.readDirSync(FOLDER)].length, before);
});

const REFUSED: readonly (readonly [what: string, rows: string, args: readonly string[], says: string])[] = [
  ["rows that are not there", "", ["--fit", "no/rows.csv"], "Cannot read no/rows.csv: there is no such file or folder"],
  ["a wrong cell", HEADER + "a,fit,,,x,,\n", [], "Cannot read rows.csv: row 2, column gbps: x is not a number from"],
  ["a wrong setting", HEADER + "a,fit,,gro=onn,1,,\n", [], "(nearest: on) (row 2 of rows.csv)"],
  ["a wrong preset", HEADER + "a,fit,baselin,,1,,\n", [], "the nearest is baseline (row 2 of rows.csv)"],
  [
    "a profile of a row",
    HEADER + "a,fit,,profile=published,1,,\n",
    [],
    "row 2, column set: the profile is that of --set",
  ],
  ["a wrong tie", GOOD, ["--tie", "a"], "Cannot tie a: two labels"],
  ["coefficients on stdout", GOOD, ["--coefficients", "-"], "Cannot use --coefficients -: it takes a file"],
  ["one file for two", GOOD, ["-o", "a", "--coefficients", "a"], "both the profile and the coefficients to a: two"],
  ["a format of a profile", GOOD, ["-o", "-", "--format", "csv"], "Cannot use --format with -o -: stdout takes the"],
  ["rows that are no text", "", ["--fit", CAPTURE], `Cannot read ${CAPTURE}: it is not UTF-8 text`],
  ["two captures", GOOD, ["b.pcap"], "Cannot fit with 2 captures: all rows are played with one"],
  ["no such profile", GOOD, ["--set", "profile=netdev12"], "the nearest is netdev11"],
];

for (const [what, rows, args, says] of REFUSED) {
  Deno.test(`calibrate --fit refuses ${what} in one line, with exit code 2`, async () => {
    const given = args.includes("--fit") ? args : ["--fit", rowsFile(rows), ...args];
    const { code, stdout, stderr } = await tailbits(["calibrate", CAPTURE, ...given]);
    assertEquals([code, stdout], [2, ""]);
    assertEquals(stderr.trimEnd().split("\n").length, 1);
    assertStringIncludes(stderr, says);
  });
}
