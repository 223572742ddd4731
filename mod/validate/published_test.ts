import { assert, assertAlmostEquals, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { resolveConfig } from "../config/resolve.ts";
import { PROFILES } from "../cost/profiles.ts";
import type { CaptureInput } from "../replay/run.ts";
import { renderCsv } from "../report/columns.ts";
import { type Prediction, PREDICTION_COLUMNS, predictPublished, SHORT_PREDICTION_COLUMNS } from "./published.ts";
import { playOf, whyUnplayed } from "./published_plays.ts";
import { parsePublished, type PublishedRow } from "./published_rows.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url);
const ROWS = parsePublished(await Deno.readTextFile(new URL("published-results.csv", FIXTURES)));

function capture(): CaptureInput {
  return { name: "bulk", open: () => Deno.open(new URL("bulk-tcp-ipv4.pcap", FIXTURES)) };
}

function row(id: string): PublishedRow {
  return ROWS.find((other) => other.id === id)!;
}

const HEADER = "id,year,source,cpu,ghz,nic,mtu,mode,cipher,config,gbps,cpu_percent,cores,notes";

Deno.test("parsePublished() reads CPU of one CPU and of all, and leaves open what is published otherwise", () => {
  const cells = (id: string, cpu: string, cores: string, role: string): string => {
    return `${id},2020,s,c,,n,m,o,a,c,4.5,${cpu},${cores},trust=A; role=${role}; more`;
  };
  const text = [
    HEADER,
    cells("a", "50.5", "1", "CHECK"),
    cells("b", "send 4 / recv 5.5 (avg over 24)", "24 logical", "HELD"),
    cells("c", "send 4 / recv 5.5", "", "FIT"),
    cells("d", "send 4 / recv 5.5 (avg)", "unknown", "CHECK"),
    cells("e", "1 pinned core", "1", "FIT"),
  ].join("\n");
  assertEquals(
    parsePublished(text).map((read) => [read.id, read.role, read.gbps, read.txCpuPercent, read.rxCpuPercent]),
    [
      ["c", "fitted", 4.5, undefined, undefined],
      ["e", "fitted", 4.5, undefined, undefined],
      ["b", "held-out", 4.5, 96, 132],
      ["a", "shape-only", 4.5, 50.5, undefined],
      ["d", "shape-only", 4.5, undefined, undefined],
    ],
  );
});

Deno.test("parsePublished() refuses a row without a known role or a number of Gbps, and names it", () => {
  const read = (gbps: string, notes: string) => () => parsePublished(`${HEADER}\nx,2020,s,,,,,,,,${gbps},,,${notes}`);
  assertThrows(read("1", "trust=A"), RangeError, "row x has no known role");
  assertThrows(read("1", "role=NO"), RangeError, "row x has no known role");
  assertThrows(read("fast", "role=FIT"), RangeError, "gbps of row x is not a number");
  assertThrows(read("", "role=FIT"), RangeError, "gbps of row x is not a number");
});

Deno.test("every published row either is played, by a preset and profile that are there, or has a reason why not", () => {
  for (const { id } of ROWS) {
    const play = playOf(id);
    if (play === undefined) {
      assert(whyUnplayed(id) !== whyUnplayed("no such row"), id);
      continue;
    }
    resolveConfig({ preset: play.preset, sets: ["path=host-to-host", ...play.sets] });
    assert(PROFILES.has(play.profile), id);
  }
});

Deno.test("the slides are played in transport mode, baseline against avoiding the copy with GRO and GSO, with both ciphers", () => {
  const plays = ["seed-1", "seed-2", "seed-3", "seed-4"].map((id) => playOf(id)!);
  assertEquals(plays.map(({ preset, sets, profile }) => [preset, ...sets, profile]), [
    ["baseline", "cipher=null", "mode=transport", "netdev11"],
    ["baseline", "cipher=aes-gcm-256", "mode=transport", "netdev11"],
    ["nocopy-gro-gso", "cipher=null", "mode=transport", "netdev11"],
    ["nocopy-gro-gso", "cipher=aes-gcm-256", "mode=transport", "netdev11"],
  ]);
});

Deno.test("predictPublished() predicts what replay says, leaves the rest empty with a reason, and names what is not fitted", async () => {
  const rows = [row("seed-1"), row("mlx5tx-plain-1"), row("mlx5tx-both-1"), { ...row("seed-1"), id: "new" }];
  const [seed, plain, both, unknown] = await predictPublished(rows, capture());
  assertEquals([seed!.profile, seed!.isFitted, seed!.reason], ["netdev11", false, ""]);
  assertEquals(seed!.config, "baseline cipher=null mode=transport");
  assert(seed!.predicted!.gbps > 1 && seed!.predicted!.gbps < 10);
  assertEquals(both!.profile, "haswell-2020");
  assert(both!.predicted!.rxCpuPercent > both!.predicted!.txCpuPercent);
  assertEquals([plain!.predicted, plain!.profile, plain!.config], [undefined, "", ""]);
  assertMatch(plain!.reason, /TCP without ESP/);
  assertEquals([unknown!.predicted, unknown!.reason], [undefined, "nobody has said yet how to play it"]);
  const [header, seedLine, plainLine] = renderCsv(PREDICTION_COLUMNS, [seed!, plain!]).split("\n");
  assertEquals(
    header,
    "id,role,gbps,predicted_gbps,error_percent,cpu_percent,predicted_cpu_percent,cpu_error_points," +
      "rx_cpu_percent,predicted_rx_cpu_percent,rx_cpu_error_points,profile,fit,config,reason",
  );
  assertMatch(
    seedLine!,
    /^seed-1,fitted,2\.6000,\d\.\d{4},-?[\d.]+,71\.0,[\d.]+,-?[\d.]+,,[\d.]+,,netdev11,not fitted,/,
  );
  const reason = "TCP without ESP: the model has no such path";
  assertEquals(plainLine, `mlx5tx-plain-1,fitted,28.0000,,,96.0,,,136.8,,,,,,${reason}`);
});

Deno.test("predictPublished() gives two rows of one configuration the same, and again the same", async () => {
  const rows = [row("mlx5tx-non-1"), row("mlx5tx-before-non-1")];
  const first = await predictPublished(rows, capture());
  assertEquals(first[0]!.predicted, first[1]!.predicted);
  assertEquals(await predictPublished(rows.slice(1), capture()), first.slice(1));
});

function cellsOf(prediction: Prediction): Record<string, string | number | undefined> {
  return Object.fromEntries(PREDICTION_COLUMNS.map(({ name, value }) => [name, value(prediction)]));
}

Deno.test("PREDICTION_COLUMNS gives errors with their sign, predicted less published", () => {
  const published: PublishedRow = { id: "a", role: "held-out", gbps: 4, txCpuPercent: 90, rxCpuPercent: 60 };
  const predicted = { gbps: 3, txCpuPercent: 95.5, rxCpuPercent: 50 };
  const prediction = { row: published, predicted, profile: "p", isFitted: true, config: "c", reason: "" };
  const cells = cellsOf(prediction);
  assertAlmostEquals(Number(cells["error_percent"]), -25);
  assertAlmostEquals(Number(cells["cpu_error_points"]), 5.5);
  assertAlmostEquals(Number(cells["rx_cpu_error_points"]), -10);
  assertEquals(cells["fit"], "fitted");
  const unknown = cellsOf({ ...prediction, row: { ...published, txCpuPercent: undefined }, isFitted: false });
  assertEquals([unknown["cpu_percent"], unknown["cpu_error_points"], unknown["fit"]], [
    undefined,
    undefined,
    "not fitted",
  ]);
  assertAlmostEquals(Number(unknown["predicted_cpu_percent"]), 95.5);
});

Deno.test("SHORT_PREDICTION_COLUMNS begins with the eight of the contract", () => {
  assertEquals(SHORT_PREDICTION_COLUMNS.slice(0, 8), PREDICTION_COLUMNS.slice(0, 8));
  assertEquals(SHORT_PREDICTION_COLUMNS.map(({ name }) => name).slice(8), ["profile", "fit", "reason"]);
});
