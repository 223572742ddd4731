/** Reordering, from a sender that reorders to the replay window of its receiver: 32, 64 and 1024 numbers, drops with their reason. */

import { assert, assertEquals } from "@std/assert";
import { Packets } from "../ledger/packets.ts";
import { PACKET_COLUMNS } from "../report/packets.ts";
import { SUMMARY_COLUMNS } from "../report/summary.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { get32 } from "../wire/bytes.ts";
import { bulk, captureOf, runOf, type TestRun } from "./testing.ts";

/** Offset of the sequence number in a frame of IPv4 without options. */
const SEQUENCE_AT = ETH_HLEN + 20 + 4;

const column = ({ run }: TestRun, name: string): number => {
  return Number(SUMMARY_COLUMNS.find((each) => each.name === name)!.value({ number: 1, run }));
};

/** ESP frames of one flow as a gateway sends them, small ones in order. */
async function esp(count: number): Promise<Uint8Array[]> {
  const { sent } = await runOf(captureOf(bulk(count, { payloadBytes: 10 })), "nocopy", ["cipher=null-sha256"]);
  return sent.map(({ bytes }) => bytes);
}

/** What a receiver drops, "reason sequence number". */
async function dropsOf(frames: readonly Uint8Array[], ...sets: string[]): Promise<string[]> {
  const settings = ["path=receive", "cipher=null-sha256", "rx_ring=512", ...sets];
  const { run, events } = await runOf(captureOf(frames), "linux-6.1", settings);
  assertEquals(run.failures, []);
  const drops = events.of("drop");
  assertEquals(run.delivery.delivered, frames.length - drops.length);
  return drops.map(({ reason, packet }) => `${reason} ${get32(frames[packet]!, SEQUENCE_AT)}`);
}

for (const window of [32, 64, 1024]) {
  Deno.test(`a replay window of ${window} takes what is ${window - 1} numbers late, and drops what is ${window} late`, async () => {
    const inOrder = await esp(window + 200);
    for (const late of [1, window - 1, window, window + 90]) {
      const drops = late < window ? [] : ["replay 51"];
      const frames = inOrder.toSpliced(50, 1).toSpliced(50 + late, 0, inOrder[50]!);
      assertEquals(await dropsOf(frames, `replay_window=${window}`), drops, `${late} late`);
    }
  });

  Deno.test(`a replay window of ${window} takes two halves of it that come in turns, and each number once`, async () => {
    const inOrder = await esp(4 * window);
    const half = window / 2;
    const frames: Uint8Array[] = [];
    for (let at = 0; at < inOrder.length; at += window) {
      for (let i = 0; i < half; i++) frames.push(inOrder[at + half + i]!, inOrder[at + i]!);
    }
    assertEquals(await dropsOf(frames, `replay_window=${window}`), []);
    const again = frames.flatMap((frame, i) => i === 10 ? [frame, frame] : [frame]);
    assertEquals(await dropsOf(again, `replay_window=${window}`), [`replay ${get32(frames[10]!, SEQUENCE_AT)}`]);
  });
}

Deno.test("a replay window of 0 drops nothing, however late or often it comes", async () => {
  const inOrder = await esp(100);
  assertEquals(await dropsOf([...inOrder.slice(1), inOrder[0]!, inOrder[0]!], "replay_window=0"), []);
});

Deno.test("reorder_depth is what a replay window has to span: of a gateway that met a busy NIC, and its receiver", async () => {
  const records: (number | undefined)[] = [];
  const fold = new Packets((record) => records.push(record.reorderDepth));
  const sets = ["oversize=grow", "link_gbps=1", "tx_ring=16", "cipher=null-sha256"];
  const gateway = await runOf(captureOf(bulk(1500)), "linux-6.1-module", sets, { foldsBeside: [fold] });
  fold.finish();
  assertEquals(gateway.run.failures, []);
  const depths = records.map((depth) => depth!);
  const depthMax = column(gateway, "reorder_depth_max");
  assert(column(gateway, "reordered") > 10 && depthMax > 10);
  assertEquals(Math.max(...depths), depthMax);
  assertEquals(depths.filter((depth) => depth > 0).length, column(gateway, "reordered"));

  const frames = gateway.sent.map(({ bytes }) => bytes);
  for (const window of [depthMax + 1, depthMax, Math.ceil(depthMax / 2)]) {
    const tooLate = depths.filter((depth) => depth >= window).length;
    const drops = await dropsOf(frames, `replay_window=${window}`);
    assertEquals(drops.length, tooLate, `a window of ${window}`);
    assertEquals(drops.every((drop) => drop.startsWith("replay ")), true);
  }
});

Deno.test("packets.csv has the depth of a packet in a column, empty where it did not leave", async () => {
  const rows: string[] = [];
  const depth = PACKET_COLUMNS.find(({ name }) => name === "reorder_depth")!;
  const fold = new Packets((record) => rows.push(`${record.outcome} ${depth.value(record)}`));
  await runOf(captureOf(bulk(3, { payloadBytes: 2000 })), "linux-6.1", ["mtu=1400"], { foldsBeside: [fold] });
  fold.finish();
  const sent: string[] = [];
  const inOrder = new Packets((record) => sent.push(`${record.outcome} ${depth.value(record)}`));
  await runOf(captureOf(bulk(3)), "nocopy", [], { foldsBeside: [inOrder] });
  inOrder.finish();
  assertEquals([rows, sent], [Array(3).fill("dropped undefined"), Array(3).fill("sent 0")]);
});
