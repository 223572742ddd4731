/**
 * The model against the recordings, and validate() against recordings that say something wrong: every difference has to be
 * found, and named.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { LEFT_OUT } from "./left_out.ts";
import type { RecordingFolder } from "./recording.ts";
import { ALL_ROOTS, cell, changed, foldersIn, SHIPPED, shipped } from "./testing.ts";
import { isGood, validate, type Validation } from "./validation.ts";

async function validateAll(folders: readonly RecordingFolder[]): Promise<Validation[]> {
  const rows: Validation[] = [];
  for (const folder of folders) rows.push(await validate(folder));
  return rows;
}

function bad(rows: readonly Validation[]): string[] {
  return rows.filter((row) => !isGood(row)).map(({ scenario, firstDifference }) => `${scenario}: ${firstDifference}`);
}

function total(rows: readonly Validation[], count: (row: Validation) => number | undefined): number {
  return rows.reduce((sum, row) => sum + (count(row) ?? 0), 0);
}

Deno.test("validate() finds no difference in the shipped recordings, and compares values by the ten thousand", async () => {
  const rows = await validateAll(foldersIn(SHIPPED));
  assertEquals(bad(rows), []);
  assert(total(rows, ({ compared }) => compared) > 90_000);
  const reasons = new Set(rows.flatMap(({ reason }) => reason === "" ? [] : reason.split("; ")));
  const listed = new Set<string>(Object.values(LEFT_OUT));
  assertEquals([...reasons].filter((reason) => !listed.has(reason)), []);
});

const ALL = ALL_ROOTS.flatMap(foldersIn);
/** A page of a socket's pool was used again from its start, because what was in it had been acknowledged meanwhile. */
const PAGE_USED_AGAIN = [
  "esn-tx-tunnel-gcm256-nooffload",
  "esp-tx-tunnel-null-nooffload-gsoon",
  "esp-tx-tunnel-nullsha256-nooffload-gsooff",
  "esp-tx-tunnel-nullsha256-nooffload-gsoon",
];

/** Lets sockets send again what a recorded host sent, as the shipped recordings do; null where nothing was sent so. */
async function withWrites(folder: RecordingFolder): Promise<RecordingFolder | null> {
  const scenario = JSON.parse(new TextDecoder().decode(await folder.read("scenario.json")));
  if (scenario.path !== "send" || PAGE_USED_AGAIN.includes(folder.name)) return null;
  return changed(folder, { "scenario.json": JSON.stringify({ ...scenario, writes: "as-recorded" }) });
}

Deno.test({
  name: "validate() finds no difference in all recordings there are, and compares values by the hundred thousand",
  ignore: ALL.length === 0,
  async fn() {
    const rows: Validation[] = [];
    for (const folder of ALL) rows.push(await validate(folder));
    assertEquals(bad(rows), []);
    assert(total(rows, ({ compared }) => compared) > 950_000);
  },
});

Deno.test({
  name: "validate() finds no difference where sockets send again what recorded hosts sent",
  ignore: ALL.length === 0,
  async fn() {
    const rows: Validation[] = [];
    for (const folder of ALL) {
      const changedFolder = await withWrites(folder);
      if (changedFolder !== null) rows.push(await validate(changedFolder));
    }
    assertEquals(bad(rows), []);
    assert(rows.length > 80);
  },
});

/** A recording, a change of it, and what the first difference has to say. */
type Wrong = [scenario: string, file: string, change: (text: string) => string, difference: RegExp];

const WRONG: readonly Wrong[] = [
  ["gro-tcp-win-change", "expected.csv", cell(0, "len", "1"), /^expected\.csv row 0 len: model \d+, recorded 1$/],
  ["gro-tcp-win-change", "expected_inputs.csv", cell(3, "gro_ret", "HELD"), /^expected_inputs\.csv row 3 gro_ret: /],
  [
    "fwd-esp-gcm256-grooff-frags-offload",
    "expected.csv",
    cell(2, "branch", "cow"),
    /row 2 branch: model pagefrag, recorded cow$/,
  ],
  [
    "fwd-esp-gcm256-grooff-frags-offload",
    "expected.csv",
    cell(2, "headroom", "79"),
    /row 2 headroom: model 78, recorded 79$/,
  ],
  [
    "fwd-esp-gcm256-frags-nooffload",
    "expected_gso.csv",
    cell(0, "n_segs", "29"),
    /row 0 n_segs: model 30, recorded 29$/,
  ],
  ["fwd-esp-gcm256-frags-nooffload", "expected_tx.csv", cell(4, "nr_frags", "1"), /^expected_tx\.csv row 4 nr_frags: /],
  [
    "fwd-esp-gcm256-frags-nooffload",
    "expected_copies.csv",
    cell(4, "bytes", "1361"),
    /^expected_copies\.csv sum of skb_copy_and/,
  ],
  [
    "esp-tx-tunnel-gcm256-offload-gsooff",
    "expected.csv",
    cell(0, "bytes_copied", "0"),
    /row 0 bytes_copied: model 320, recorded 0$/,
  ],
  ["suite-gmac128-fwd-grooff-frags", "expected_wire.csv", cell(0, "clen", "4"), /^expected_wire\.csv row 0 clen: /],
];

Deno.test("validate() finds a wrong value in any table, and names table, row, column and both values", async () => {
  for (const [scenario, file, change, difference] of WRONG) {
    const row = await validate(await changed(shipped(scenario), { [file]: change }));
    assert(row.differ! >= 1, `${scenario}, ${file}`);
    assertMatch(row.firstDifference, difference);
  }
});

Deno.test("validate() finds a frame with one wrong bit", async () => {
  const folder = shipped("fwd-esp-gcm256-grooff-frags-offload");
  const packed = new Blob([await folder.read("output.pcap.gz") as Uint8Array<ArrayBuffer>]).stream();
  const bytes = new Uint8Array(await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
  const behindOuterHeader = 24 + 16 + 14 + 20;
  bytes[behindOuterHeader + 200]! ^= 1;
  const row = await validate(await changed(folder, { "output.pcap.gz": null, "output.pcap": bytes }));
  assertMatch(row.firstDifference, /^output\.pcap row 0 ICV: model icv, recorded good$/);
});

Deno.test("validate() counts every value: what is compared and what is left out are all results of the tables", async () => {
  const { compared, notCompared, reason } = await validate(shipped("tx6-plain"));
  assert(compared! > 0 && notCompared! > 0);
  assertEquals(reason, [LEFT_OUT.otherDevice, LEFT_OUT.timing].join("; "));
});

Deno.test("validate() says of a damaged recording what is wrong, and does not take it for a good one", async () => {
  const row = await validate(
    await changed(shipped("gro-off"), { "expected.csv": (text) => text.replace("len", "lenn") }),
  );
  assertEquals(isGood(row), false);
  assertEquals(row.compared, undefined);
  assertMatch(row.firstDifference, /^Cannot read recording gro-off: there is no such column, the nearest is len, /);
});

Deno.test("validate() refuses sizes that contradict each other or that no buffer has", async () => {
  const folder = shipped("fwd-esp-gcm256-grooff-frags-offload");
  const cases: [string, string, RegExp][] = [
    ["data_len", "1371", /its sizes add up to 1372 where data_len is 1371, expected\.csv, line 2, column layout$/],
    ["layout", "frags=1371/1", /it has other fragments than nr_frags, expected\.csv, line 2, column layout$/],
    ["headroom", "999999999", /no buffer has such a size, expected\.csv, line 2, column headroom$/],
    ["headroom", "-1", /no buffer has such a size, expected\.csv, line 2, column headroom$/],
    ["len", "999999999", /no buffer is that long, expected\.csv, line 2, column len$/],
  ];
  for (const [column, value, message] of cases) {
    const row = await validate(await changed(folder, { "expected.csv": cell(0, column, value) }));
    assertMatch(row.firstDifference, message);
  }
});

Deno.test("validate() ends with a row whatever one cell says", async () => {
  const folder = shipped("fwd-esp-gcm256-grooff-frags-offload");
  const tables = folder.files.filter((file) => file.endsWith(".csv"));
  const values = [
    "",
    "0",
    "-1",
    "18",
    "65536",
    "999999999999",
    "frags=1",
    "frags=1448;fraglist=1:1:0:0:0",
    "tcp id=1",
    "0x7fffffff",
  ];
  const changes = fc.record({
    file: fc.constantFrom(...tables),
    row: fc.nat(15),
    column: fc.nat(34),
    value: fc.constantFrom(...values),
  });
  await fc.assert(
    fc.asyncProperty(changes, async ({ file, row, column, value }) => {
      const change = (text: string): string => {
        const columns = text.slice(0, text.indexOf("\n")).split(",");
        const rows = text.split("\n").length - 2;
        return cell(row % rows, columns[column % columns.length]!, value)(text);
      };
      const result = await validate(await changed(folder, { [file]: change }));
      assert(!result.firstDifference.includes("the model stopped"), result.firstDifference);
    }),
    { numRuns: 60 },
  );
});
