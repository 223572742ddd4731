import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { openCapture, sourceOfBytes } from "../capture/mod.ts";
import { readAll } from "../capture/testing.ts";
import { PRESETS } from "../config/presets.ts";
import { resolveConfig } from "../config/resolve.ts";
import { PROFILES } from "../cost/profiles.ts";
import { type PacketRecord, Packets } from "../ledger/packets.ts";
import { explanationJson, renderExplanation } from "../report/explanation.ts";
import { explain, type PacketLife, PacketNumberError, sameShape } from "./explain.ts";
import { PacketStory } from "./packet_story.ts";
import { type CaptureInput, replay, type ReplayRequest, UnplayableError } from "./run.ts";
import { bulk, captureOf, flatProfile, Recorder, tcpFrame } from "./testing.ts";

const FIXTURE = Deno.readFileSync(new URL("../../fixtures/bulk-tcp-ipv4.pcap", import.meta.url));
const FRAMES = (await readAll(await openCapture(sourceOfBytes(FIXTURE), "fixture"))).map(({ bytes }) => bytes);

function requestOf(input: CaptureInput, preset: string, sets: readonly string[] = []): ReplayRequest {
  return { input, resolved: resolveConfig({ preset, sets }), profile: PROFILES.get("published")!, poison: true };
}

/** The rows of packets.csv. */
async function recordsOf(request: ReplayRequest): Promise<PacketRecord[]> {
  const records: PacketRecord[] = [];
  const packets = new Packets((record) => records.push(record));
  await replay({ ...request, folds: [packets] });
  packets.finish();
  return records;
}

/** The story sums to the row of packets.csv, as rows and as JSON, and can be told. */
function assertCloses(life: PacketLife, record: PacketRecord): void {
  const where = `packet ${life.number}, ${life.run.resolved.name}`;
  const fields = ({ outcome, copies, copiedBytes, costPs, tLeaveNs, reason }: PacketRecord) => {
    return { outcome, copies, copiedBytes, costPs, tLeaveNs, reason };
  };
  assertEquals(fields(life.record), fields(record), where);
  const rows = life.chapters.flatMap(({ steps }) => steps.flatMap((step) => "row" in step ? [step.row] : []));
  const sum = (name: "copies" | "copiedBytes" | "costPs") => rows.reduce((total, row) => total + row[name], 0);
  const sums = { copies: sum("copies"), copiedBytes: sum("copiedBytes"), costPs: sum("costPs") };
  assertEquals(sums, { copies: record.copies, copiedBytes: record.copiedBytes, costPs: record.costPs }, where);
  assertEquals(life.chapters.reduce((total, { costPs }) => total + costPs, 0), record.costPs, where);
  const times = rows.map(({ tNs }) => tNs);
  assertEquals(times, times.toSorted((a, b) => a - b), where);
  const json = JSON.parse(explanationJson(life));
  assertEquals([json.packet, json.copies, json.copied_bytes], [life.number, record.copies, record.copiedBytes], where);
  assertEquals(Math.round(json.cost_ns * 1000), record.costPs, where);
  assert(renderExplanation(life).endsWith(".\n"), where);
}

/** Of the packets of a run every ninth is told, of the next run others. */
const TOLD = 9;

for (
  const [turn, [preset, sets]] of ([
    ...Object.keys(PRESETS).map((name) => [name, []] as const),
    ["nocopy-gro", ["era=6.1"]],
    [
      "nocopy-gro",
      ["era=6.1", "rx_layout=kmalloc"],
    ],
    [
      "nocopy-gro",
      ["rx_layout=virtio"],
    ],
    [
      "nocopy-gro",
      ["tx_tail=linearize", "rx_ring=8"],
    ],
    ["baseline", ["oversize=drop", "tx_ring=16", "link_gbps=0.3"]],
    ["linux-6.1", ["path=receive"]],
    [
      "linux-6.1",
      ["path=receive", "then=forward", "rx_layout=kmalloc", "tap=packet-socket"],
    ],
    [
      "linux-6.1-module",
      ["path=receive", "then=forward", "nic_tso=off", "tap=mmap"],
    ],
    ["linux-4.4", ["path=receive", "mode=transport"]],
  ] as const).entries()
) {
  Deno.test(`explain() closes with packets.csv, every ninth of 90 packets (${[preset, ...sets].join(" ")})`, async () => {
    const request = requestOf(captureOf(FRAMES.slice(0, 90)), preset, sets);
    const records = await recordsOf(request);
    assertEquals(records.length, 90);
    for (const record of records.filter(({ packet }) => packet % TOLD === turn % TOLD)) {
      assertCloses(await explain(request, record.packet + 1), record);
    }
  });
}

Deno.test("explain() changes nothing: the rows with a probe are those without", async () => {
  for (const preset of Object.keys(PRESETS)) {
    const [plain, probed] = [new Recorder(), new Recorder()];
    const request = requestOf(captureOf(FRAMES.slice(0, 120)), preset);
    await replay({ ...request, folds: [plain] });
    await explain({ ...request, folds: [probed] }, 44);
    assertEquals(probed.rows.length, plain.rows.length);
    assertEquals(
      probed.rows.map((row) => Object.values(row).join()),
      plain.rows.map((row) => Object.values(row).join()),
    );
  }
});

Deno.test("explain() starts each chapter where a stage begins, in order of time", async () => {
  const { chapters } = await explain(requestOf(captureOf(FRAMES.slice(0, 40)), "nocopy-gro"), 6);
  const stages = chapters.map(({ stage }) => stage);
  const road = ["gro", "forward", "gso", "xfrm-output", "esp-output", "ip-output", "qdisc", "driver-tx", "nic"];
  assertEquals(stages.slice(0, 2), ["rx-ring", "driver-rx"]);
  assertEquals(stages.filter((stage) => road.includes(stage)), [...road, "driver-tx"]);
  const times = chapters.map(({ tNs }) => tNs);
  assertEquals(times, times.toSorted((a, b) => a - b));
});

Deno.test("explain() counts an allocation where it happens, though it is told whose it is only later", async () => {
  const request = {
    ...requestOf(captureOf(FRAMES.slice(0, 40)), "nocopy-gro"),
    profile: flatProfile("alloc", "gso", "ns/op", 7),
  };
  const life = await explain(request, 6);
  assertCloses(life, (await recordsOf(request))[5]!);
  const rows = life.chapters.flatMap(({ steps }) => steps.flatMap((step) => "row" in step ? [step.row] : []));
  assertEquals(rows.filter(({ costPs }) => costPs > 0).map(({ event, stage, costPs }) => [event, stage, costPs]), [
    ["alloc", "gso", 7000],
  ]);
});

Deno.test("explain() sees the same buffer at the end of a stage and at the start of the next", async () => {
  const { chapters } = await explain(requestOf(captureOf(FRAMES.slice(0, 40)), "baseline"), 4);
  let shape = chapters.find(({ before }) => before !== undefined)!.before!;
  for (const { before, steps } of chapters.slice(2)) {
    const shapes = steps.flatMap((step) => "shape" in step ? [step.shape] : []);
    if (before !== undefined && shapes.length > 0) assert(!sameShape(before, shapes[0]!));
    shape = shapes.at(-1) ?? shape;
  }
  assertEquals([shape.headroom, shape.linear, shape.frags], [28, 1570, []]);
});

Deno.test("explain() begins on the second host with the buffer that its driver has got, not with that of the first", async () => {
  const request = requestOf(captureOf(FRAMES.slice(0, 40)), "baseline", ["path=host-to-host", "mode=none"]);
  const { chapters } = await explain(request, 4);
  const arrivals = chapters.filter(({ stage, steps }) => {
    return stage === "driver-rx" && steps.some((step) => "row" in step && step.row.event === "alloc");
  });
  assertEquals(arrivals.map(({ before }) => [before?.headroom, before?.linear, before?.packets]), [[64, 0, 1]]);
});

Deno.test("explain() refuses a packet that the capture does not have, and says how many there are", async () => {
  const message = "Cannot explain packet 4: the capture has 3";
  const request = requestOf(captureOf(bulk(3)), "nocopy");
  await assertRejects(() => explain(request, 4), PacketNumberError, message);
  await assertRejects(
    () => explain(requestOf(captureOf([]), "nocopy"), 1),
    PacketNumberError,
    "Cannot explain packet 1: the capture has 0",
  );
});

Deno.test("PacketStory keeps nothing of other packets but their joining", async () => {
  const story = new PacketStory(5);
  await replay({ ...requestOf(captureOf(FRAMES.slice(0, 100)), "nocopy-gro"), folds: [story], probe: story });
  const others = story.moments.filter(({ row }) => row.packet !== 5 && row.packet !== -1);
  assertEquals(new Set(others.map(({ row }) => row.event)), new Set(["merge"]));
  assertEquals(others.every(({ row }) => row.costPs === 0 && row.copies === 0), true);
  assertEquals(story.packets, 100);
});

Deno.test("explain() of any packet of any capture tells a story that closes, or throws what it says", async () => {
  const fields = fc.record({
    payloadBytes: fc.constantFrom(0, 1, 200, 216, 1000, 1460),
    flags: fc.constantFrom(0x10, 0x18, 0x11, 0x02),
    ttl: fc.constantFrom(0, 1, 2, 64),
    fragmentWord: fc.constantFrom(0x4000, 0, 0x2000, 0x00b9),
    padding: fc.constantFrom(0, 6),
    checksumError: fc.constantFrom(0, 0, 1),
    sourcePort: fc.constantFrom(40000, 40001),
  });
  const built = fc.tuple(fields, fc.nat(3)).map(([values, count]) => bulk(count + 1, values));
  const damaged = fc.tuple(fields, fc.nat(60), fc.nat(255)).map(([values, at, byte]) => {
    const frame = tcpFrame(values);
    frame[at % frame.length] = byte;
    return [frame];
  });
  const frames = fc.array(fc.oneof(built, damaged, fc.uint8Array({ maxLength: 100 }).map((frame) => [frame])), {
    maxLength: 12,
  });
  const preset = fc.constantFrom(...Object.keys(PRESETS));
  const set = fc.subarray([
    "era=6.1",
    "oversize=drop",
    "tx_dst=new-page",
    "tunnel=local",
    "rx_ring=4",
    "link_gbps=0.1",
  ]);
  const path = fc.constantFrom(
    [],
    ["path=receive", "local=0.0.0.0/0"],
    ["path=receive", "local=0.0.0.0/0", "mode=transport"],
    ["path=receive", "local=0.0.0.0/0", "then=forward", "nic_tso=off"],
  );
  const which = fc.integer({ min: 1, max: 30 });
  await fc.assert(
    fc.asyncProperty(frames, preset, set, path, which, async (lists, name, sets, keys, number) => {
      const capture = captureOf(lists.flat());
      const request = requestOf(capture, name, [...sets, ...keys]);
      let life: PacketLife;
      try {
        life = await explain(request, number);
      } catch (error) {
        assert(error instanceof PacketNumberError || error instanceof UnplayableError, String(error));
        return;
      }
      assertCloses(life, (await recordsOf(request))[number - 1]!);
    }),
    { numRuns: 150 },
  );
});
