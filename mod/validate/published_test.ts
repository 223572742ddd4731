import { assert, assertAlmostEquals, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { resolveConfig } from "../config/resolve.ts";
import { PROFILES } from "../cost/profiles.ts";
import type { CaptureInput } from "../replay/run.ts";
import { renderCsv, renderJson } from "../report/columns.ts";
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
    parsePublished(text).map((row) => [row.id, row.role, row.gbps, row.cpuOf, row.txCpuPercent, row.rxCpuPercent]),
    [
      ["c", "fitted", 4.5, "busiest", undefined, undefined],
      ["e", "fitted", 4.5, "busiest", undefined, undefined],
      ["b", "held-out", 4.5, "all", 96, 132],
      ["a", "shape-only", 4.5, "busiest", 50.5, undefined],
      ["d", "shape-only", 4.5, "busiest", undefined, undefined],
    ],
  );
});

Deno.test("parsePublished() reads the clock where one is published", () => {
  const clocks = ["lsw-a-plain", "mlx5tx-plain-1", "seed-1"].map((id) => row(id).clockGhz);
  assertEquals(clocks, [3.5, 2.4, undefined]);
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
  assertEquals(plays.map(({ preset, sets: [cipher] }) => [preset, cipher]), [
    ["baseline", "cipher=null"],
    ["baseline", "cipher=aes-gcm-256"],
    ["nocopy-gro-gso", "cipher=null"],
    ["nocopy-gro-gso", "cipher=aes-gcm-256"],
  ]);
  for (const { sets, profile } of plays) {
    assertEquals([...sets.slice(1), profile], ["mode=transport", "gcm_sg=single", "reader_cpu=same", "netdev11"]);
  }
});

Deno.test("predictPublished() predicts what replay says, leaves the rest empty with a reason, and names what is fitted", async () => {
  const rows = [row("seed-1"), row("mlx5rx-non-24"), row("mlx5tx-both-1"), { ...row("seed-1"), id: "new" }];
  const [seed, unplayed, both, unknown] = await predictPublished(rows, capture());
  assertEquals([seed!.profile, seed!.isFitted, seed!.reason], ["netdev11", true, ""]);
  assertEquals(seed!.config, "baseline cipher=null mode=transport gcm_sg=single reader_cpu=same");
  assert(seed!.predicted!.gbps > 1 && seed!.predicted!.gbps < 10);
  assertEquals(both!.profile, "haswell-2020");
  assert(both!.predicted!.rxCpuPercent > both!.predicted!.txCpuPercent);
  assertEquals([unplayed!.predicted, unplayed!.profile, unplayed!.config], [undefined, "", ""]);
  assertMatch(unplayed!.reason, /24 tunnels/);
  assertEquals([unknown!.predicted, unknown!.reason], [undefined, "nobody has said yet how to play it"]);
  const [header, seedLine, unplayedLine] = renderCsv(PREDICTION_COLUMNS, [seed!, unplayed!]).split("\n");
  assertEquals(
    header,
    "id,role,gbps,predicted_gbps,error_percent,cpu_percent,predicted_cpu_percent,cpu_error_points," +
      "rx_cpu_percent,predicted_rx_cpu_percent,rx_cpu_error_points,profile,fit,clock_ghz,config,reason",
  );
  assertMatch(
    seedLine!,
    /^seed-1,fitted,2\.6000,\d\.\d{4},-?[\d.]+,71\.0,[\d.]+,-?[\d.]+,,[\d.]+,,netdev11,fitted profile,/,
  );
  const reason = "24 tunnels on 24 CPUs: the capture has not so many connections";
  assertEquals(unplayedLine, `mlx5rx-non-24,shape-only,23.0000,,,1248.0,,,1608.0,,,,,,,${reason}`);
  const [json] = JSON.parse(renderJson(PREDICTION_COLUMNS, [unplayed!]));
  assertEquals([json.profile, json.fit, json.config, json.reason], [null, null, null, reason]);
});

Deno.test("every row of plain TCP is played without IPsec, and what does more work for it is slower", async () => {
  const ids = ROWS.map(({ id }) => id).filter((id) => /^(mlx5tx-plain|lsw-.-plain|tcp-sg-|gso-tcp-)/.test(id));
  assertEquals(ids.length, 9);
  for (const id of ids) assert(playOf(id)!.sets.includes("mode=none"), id);
  const rows = ["gso-tcp-tso", "gso-tcp-gso", "gso-tcp-none", "tcp-sg-on", "tcp-sg-off"].map(row);
  const gbps = (await predictPublished(rows, capture())).map(({ predicted }) => predicted!.gbps);
  const [tso, gso, none, gathers, copies] = gbps;
  assert(tso! > gso! && gso! > none! && gathers! > copies!, gbps.join(" "));
});

/** Predictions of rows by their ids, with errors in % of Gbps and in points of the sender's CPU. */
async function errorsOf(...ids: readonly string[]): Promise<[percent: number, points: number][]> {
  return (await predictPublished(ids.map(row), capture())).map(({ row: { gbps, txCpuPercent }, predicted }) => {
    return [100 * (predicted!.gbps / gbps - 1), predicted!.txCpuPercent - txCpuPercent!];
  });
}

Deno.test("the slides come out within 1 % and 1 point where they are fitted to, and row 4 within 8 % and 3 points", async () => {
  const [first, second, third, fourth] = await errorsOf("seed-1", "seed-2", "seed-3", "seed-4");
  for (const [percent, points] of [first!, second!, third!]) {
    assert(Math.abs(percent) < 1 && Math.abs(points) < 1, `${percent} % ${points}`);
  }
  assert(Math.abs(fourth![0]) < 8 && Math.abs(fourth![1]) < 3, String(fourth));
});

Deno.test("held-out rows with ESP come out within 25 % of Gbps and of the sender's CPU, and in their order", async () => {
  const rows = ["mlx5tx-plain-1", "mlx5tx-both-1", "mlx5tx-non-1"].map(row);
  const predictions = (await predictPublished(rows, capture())).map(({ predicted }) => predicted!);
  for (const [i, { gbps, txCpuPercent }] of predictions.entries()) {
    assert(Math.abs(gbps / rows[i]!.gbps - 1) < 0.25, `${rows[i]!.id}: ${gbps} Gbps`);
    assert(Math.abs(txCpuPercent / rows[i]!.txCpuPercent! - 1) < 0.25, `${rows[i]!.id}: ${txCpuPercent} %`);
  }
  const [plain, offload, software] = predictions;
  assert(plain!.gbps > offload!.gbps && offload!.gbps > software!.gbps);
  // That of the software row is a third too low (mod/cost/README.md).
  assert(Math.abs(offload!.rxCpuPercent / 141.6 - 1) < 0.25, String(offload!.rxCpuPercent));
});

Deno.test("what GSO saves per byte comes out within 25 %: none, GSO and TSO as 7.51 : 3.14 : 1", async () => {
  const rows = ["gso-tcp-none", "gso-tcp-gso", "gso-tcp-tso"].map(row);
  const perByte = (await predictPublished(rows, capture())).map(({ predicted }) => {
    return predicted!.txCpuPercent / predicted!.gbps;
  });
  const [none, gso, tso] = perByte;
  assertAlmostEquals(none! / gso!, 7.51 / 3.14, 0.25 * 7.51 / 3.14);
  assertAlmostEquals(gso! / tso!, 3.14, 0.25 * 3.14);
  assertAlmostEquals(none! / tso!, 7.51, 0.25 * 7.51);
});

Deno.test("a profile of no machine takes the clock of the row: what 3.5 GHz are to 2.3 comes out within 5 %", async () => {
  for (const suites of [["aes128-sha1", "aes128sha1"], ["null-sha1", "null-sha1"], ["aes256-sha1", "aes256-sha1"]]) {
    const [a, b] = [row(`lsw-a-${suites[0]}`), row(`lsw-b-${suites[1]}`)];
    const [fast, slow] = await predictPublished([a, b], capture());
    assertEquals([fast!.clockGhz, slow!.clockGhz], [3.5, 2.3]);
    const ratio = fast!.predicted!.gbps / slow!.predicted!.gbps;
    assert(Math.abs(ratio / (a.gbps / b.gbps) - 1) < 0.05, `${suites[0]}: ${ratio}`);
  }
  // A profile of one machine keeps its own, whatever is printed on the CPU.
  const [plain] = await predictPublished([row("mlx5tx-plain-1")], capture());
  assertEquals([plain!.row.clockGhz, plain!.clockGhz], [2.4, 2.59]);
});

Deno.test("predictPublished() gives two rows of one configuration the same, and again the same", async () => {
  const rows = [row("mlx5tx-non-1"), row("mlx5tx-before-non-1")];
  const first = await predictPublished(rows, capture());
  assertEquals(first[0]!.predicted, first[1]!.predicted);
  assertEquals(await predictPublished(rows.slice(1), capture()), first.slice(1));
});

Deno.test("predictPublished() holds a mean over all CPUs against all CPUs of a host, and else the busiest of them", async () => {
  const average = row("mlx5tx-both-1");
  assertEquals([average.cpuOf, row("seed-1").cpuOf], ["all", "busiest"]);
  const rows = [average, { ...average, cpuOf: "busiest" as const }];
  const [all, busiest] = (await predictPublished(rows, capture())).map(({ predicted }) => predicted!);
  assertEquals(all!.gbps, busiest!.gbps);
  assertAlmostEquals(all!.txCpuPercent, busiest!.txCpuPercent, 1e-9);
  assert(all!.rxCpuPercent > busiest!.rxCpuPercent + 10, "softirq and process have a CPU each");
});

function cellsOf(prediction: Prediction): Record<string, string | number | undefined> {
  return Object.fromEntries(PREDICTION_COLUMNS.map(({ name, value }) => [name, value(prediction)]));
}

Deno.test("PREDICTION_COLUMNS gives errors with their sign, predicted less published", () => {
  const times = { cpuOf: "busiest", txCpuPercent: 90, rxCpuPercent: 60 } as const;
  const published: PublishedRow = { id: "a", role: "held-out", clockGhz: 3, gbps: 4, ...times };
  const predicted = { gbps: 3, txCpuPercent: 95.5, rxCpuPercent: 50 };
  const prediction = { row: published, predicted, profile: "p", clockGhz: 3, isFitted: true, config: "c", reason: "" };
  const cells = cellsOf(prediction);
  assertAlmostEquals(Number(cells["error_percent"]), -25);
  assertAlmostEquals(Number(cells["cpu_error_points"]), 5.5);
  assertAlmostEquals(Number(cells["rx_cpu_error_points"]), -10);
  assertEquals(cells["fit"], "fitted profile");
  const unknown = cellsOf({ ...prediction, row: { ...published, txCpuPercent: undefined }, isFitted: false });
  assertEquals([unknown["cpu_percent"], unknown["cpu_error_points"], unknown["fit"]], [
    undefined,
    undefined,
    "unfitted profile",
  ]);
  assertAlmostEquals(Number(unknown["predicted_cpu_percent"]), 95.5);
});

Deno.test("SHORT_PREDICTION_COLUMNS begins with the eight of the contract", () => {
  assertEquals(SHORT_PREDICTION_COLUMNS.slice(0, 8), PREDICTION_COLUMNS.slice(0, 8));
  assertEquals(SHORT_PREDICTION_COLUMNS.map(({ name }) => name).slice(8), ["profile", "fit", "reason"]);
});
