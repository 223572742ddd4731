/** `tailbits validate` as a user meets it: what it prints, where, and with which exit code. */

import { assertEquals, assertMatch } from "@std/assert";
import { parse } from "@std/csv";
import { type Outcome, ROOT, tailbits, tailbitsProcess } from "./testing.ts";

const RECORDING = "fixtures/kernel/gro-tcp-short-last";

const validate = (...args: readonly string[]): Promise<Outcome> => tailbits(["validate", ...args]);

/** Runs `body` with a copy of a recording that is gone afterwards. */
async function withCopy(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const { name } of Deno.readDirSync(`${ROOT}${RECORDING}`)) {
      await Deno.copyFile(`${ROOT}${RECORDING}/${name}`, `${folder}/${name}`);
    }
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const HEADER = "scenario,compare,compared,differ,not_compared,reason,first_difference";

Deno.test("validate prints one row per recording into a pipe as CSV, and nothing else", async () => {
  const { code, stdout, stderr } = await tailbitsProcess(["validate", RECORDING], { permissions: ["-R"] });
  assertEquals([code, stderr], [0, ""]);
  const [header, row, end] = stdout.split("\n");
  assertEquals([header, end], [HEADER, ""]);
  assertMatch(row!, /^gro-tcp-short-last,exact,\d+,0,0,,$/);
});

Deno.test("validate without a folder takes the recordings that come with the program", async () => {
  const { code, stdout } = await validate();
  assertEquals(code, 0);
  const rows = parse(stdout, { skipFirstRow: true });
  const shipped = [...Deno.readDirSync(`${ROOT}fixtures/kernel`)].filter((entry) => entry.isDirectory);
  assertEquals(rows.map((row) => row["scenario"]), shipped.map(({ name }) => name).toSorted());
});

Deno.test("validate takes several folders and the other formats", async () => {
  const json = await validate(RECORDING, "fixtures/kernel/gro-off", "--format", "json");
  assertEquals(JSON.parse(json.stdout).map((row: { scenario: string }) => row.scenario), [
    "gro-tcp-short-last",
    "gro-off",
  ]);
  const table = await validate(RECORDING, "--format", "table");
  assertMatch(table.stdout, /\ngro-tcp-short-last +exact +\d+ +0 +0\n$/);
});

Deno.test("validate ends with 1 and says what differs, in one line", async () => {
  await withCopy(async (folder) => {
    const file = `${folder}/expected.csv`;
    await Deno.writeTextFile(file, (await Deno.readTextFile(file)).replace(/(\n0,0,)\d+/, "$199"));
    const { code, stdout, stderr } = await validate(folder);
    assertEquals(code, 1);
    assertMatch(stdout, /expected\.csv row 0 n_inputs: model \d+, recorded 99"\n$/);
    assertMatch(stderr, /^tailbits: Check failed: [^\n]+: expected\.csv row 0 n_inputs: model \d+, recorded 99\n$/);
  });
});

Deno.test("validate ends with 1 at a damaged recording or an unknown column, and goes on with the others", async () => {
  await withCopy(async (folder) => {
    const file = `${folder}/expected.csv`;
    await Deno.writeTextFile(file, (await Deno.readTextFile(file)).replace("gso_size", "gso_sise"));
    const { code, stdout, stderr } = await validate(folder, RECORDING);
    assertEquals(code, 1);
    assertEquals(stdout.split("\n").length, 4);
    assertMatch(stderr, /there is no such column, the nearest is gso_size, expected\.csv, line 1, column gso_sise\n$/);
  });
});

Deno.test("validate --published prints every row of fixtures/published-results.csv, roles apart, and needs to read only", async () => {
  const { code, stdout, stderr } = await tailbitsProcess(["validate", "--published"], { permissions: ["-R"] });
  assertEquals([code, stderr], [0, ""]);
  const rows = parse(stdout, { skipFirstRow: true });
  const published = parse(await Deno.readTextFile(`${ROOT}fixtures/published-results.csv`), { skipFirstRow: true });
  assertEquals(rows.map(({ id }) => id).toSorted(), published.map(({ id }) => id).toSorted());
  const roles = rows.map(({ role }) => role);
  assertEquals(roles.filter((role, i) => role !== roles[i - 1]), ["fitted", "held-out", "shape-only"]);
  for (const { id, predicted_gbps: predicted, reason } of rows) assertEquals(predicted === "", reason !== "", id);
  const played = rows.filter(({ reason }) => reason === "").map(({ id }) => id);
  const needed = ["seed-1", "seed-2", "seed-3", "seed-4", "mlx5tx-non-1", "mlx5tx-both-1"];
  assertEquals(needed.filter((id) => !played.includes(id)), []);
});

Deno.test("validate refuses folders that are not there or hold no recording, and a folder with --published", async () => {
  const cases: [string[], RegExp][] = [
    [
      ["/there/is/no/such/folder"],
      /^tailbits: Cannot validate \/there\/is\/no\/such\/folder: there is no such file or folder\n$/,
    ],
    [["mod"], /^tailbits: Cannot validate mod: there is no recording in it \(a folder with scenario\.json\)\n$/],
    [[RECORDING, "--published"], /^tailbits: Cannot validate a folder with --published: its table is one\n$/],
    [[RECORDING, "--format", "yaml"], /^tailbits: Cannot use --format yaml/],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await validate(...args);
    assertEquals([code, stdout], [2, ""]);
    assertMatch(stderr, message);
  }
});
