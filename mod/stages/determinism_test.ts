/** The same capture gives the same events, however it is read: in small pieces, through small windows, twice. */

import { assertEquals, assertNotEquals } from "@std/assert";
import { buildPcap, sourceInSteps } from "../capture/testing.ts";
import { resolveConfig } from "../config/resolve.ts";
import { PROFILES } from "../cost/profiles.ts";
import { type EventRow, inputOf, Recorder, runOf, tcpFrame, type TestRun } from "../replay/testing.ts";
import { replay } from "../replay/run.ts";
import { interleaved } from "./testing.ts";

/** Bulk flows, acknowledgments, damage, other protocols: a capture of 350 packets. */
function mixedCapture(): Uint8Array {
  const frames = interleaved(5, 65, { payloadBytes: 1448 });
  for (let i = 0; i < 12; i++) frames.splice(i * 20, 0, tcpFrame({ payloadBytes: 0, acknowledgment: i, padding: 6 }));
  for (let i = 0; i < 12; i++) {
    frames.splice(i * 27, 0, tcpFrame({ payloadBytes: 300 + i, checksumError: i % 2, ttl: i % 5 }));
  }
  frames.push(new Uint8Array(60));
  return buildPcap({}, frames.map((bytes, i) => ({ seconds: 1, fraction: i, bytes })));
}

const FILE = mixedCapture();
const CONFIGURATIONS: readonly (readonly [string, readonly string[]])[] = [
  ["baseline", []],
  ["nocopy-gro", ["era=6.1", "link_gbps=1", "tx_ring=16", "qdisc_limit=50"]],
  ["nocopy-gro", ["rx_ring=8", "link_gbps=0.3"]],
  ["nocopy-gro", ["pace=line", "era=6.1", "repeat=3"]],
  ["baseline", ["pace=rate:2.5", "rx_ring=16", "oversize=mss"]],
  ["nocopy-gro", ["pace=capture*1.5", "oversize=mss", "repeat=2", "mtu=900"]],
];

/** As assertEquals(), which takes too much memory to show how so many rows differ. */
function assertSameRows(actual: readonly EventRow[], expected: readonly EventRow[], where: string): void {
  assertEquals(actual.length, expected.length, where);
  for (const [i, row] of actual.entries()) {
    if (!isSameRow(row, expected[i]!)) assertEquals(row, expected[i]!, `row ${i}, ${where}`);
  }
}

function isSameRow(a: EventRow, b: EventRow): boolean {
  const columns = Object.keys(a) as (keyof EventRow)[];
  return columns.length === Object.keys(b).length && columns.every((column) => a[column] === b[column]);
}

for (const [preset, sets] of CONFIGURATIONS) {
  const name = [preset, ...sets].join(" ");
  // What each way is held against, played once.
  let plain: Promise<TestRun> | undefined;
  const usual = (): Promise<TestRun> => plain ??= runOf(inputOf(FILE), preset, [...sets, "engine=skip"]);

  Deno.test(`two runs write the same rows (${name})`, async () => {
    const first = await usual();
    const second = await runOf(inputOf(FILE), preset, [...sets, "engine=skip"]);
    assertEquals(first.run.failures, []);
    assertSameRows(second.events.rows, first.events.rows, "second run");
    assertEquals(second.sent, first.sent);
    assertEquals(second.run.captureSha256, first.run.captureSha256);
  });

  Deno.test(`a source that gives its bytes in odd pieces gives the same rows (${name})`, async () => {
    const whole = await usual();
    for (const steps of [[1, 2, 3, 5, 7], [65536], [16, 1], [1500, 0, 3]]) {
      const input = {
        name: "built.pcap",
        open: () => Promise.resolve({ ...sourceInSteps(FILE, steps), close: () => {} }),
      };
      const pieces = await runOf(input, preset, [...sets, "engine=skip"]);
      assertSameRows(pieces.events.rows, whole.events.rows, `pieces of ${steps}`);
      assertEquals(pieces.run.captureSha256, whole.run.captureSha256);
    }
  });

  Deno.test(`windows of any size give the same rows (${name})`, async () => {
    const { events } = await usual();
    for (const windowBytes of [1 << 18, 100_000, 5000, 2000, 1537]) {
      const narrow = await runOf(inputOf(FILE), preset, [...sets, "engine=skip"], { windowBytes });
      assertEquals(narrow.run.failures, []);
      assertSameRows(narrow.events.rows, events.rows, `through ${windowBytes} bytes`);
    }
  });

  Deno.test(`an engine that encrypts, one that does not, and none write the same rows (${name})`, async () => {
    const skipped = (await usual()).events.rows;
    const sealed = await runOf(inputOf(FILE), preset, [...sets, "engine=noble"]);
    assertSameRows(sealed.events.rows, skipped, "noble");
    const { events } = await unwatched(preset, sets);
    assertSameRows(events.rows, skipped, "no engine");
  });
}

/** A run whose frames nobody looks at: nothing is encrypted. */
async function unwatched(preset: string, sets: readonly string[]): Promise<{ events: Recorder }> {
  const events = new Recorder();
  const resolved = resolveConfig({ preset, sets });
  const run = await replay({ input: inputOf(FILE), resolved, profile: PROFILES.get("published")!, folds: [events] });
  assertEquals(run.engine, undefined);
  return { events };
}

Deno.test("the seed changes the bytes on the wire, not the rows", async () => {
  const one = await runOf(inputOf(FILE), "nocopy", ["engine=skip", "seed=1"]);
  const two = await runOf(inputOf(FILE), "nocopy", ["engine=skip", "seed=2"]);
  assertSameRows(two.events.rows, one.events.rows, "seed 2");
  assertNotEquals(two.sent, one.sent);
});
