/** The byte work of a run, recorded and done again: the same frames, all of the work, and no operation without effect. */

import { assert, assertEquals } from "@std/assert";
import { PRESETS } from "../config/presets.ts";
import { ENGINES } from "../crypto/engines.ts";
import { EVENT, REASON, STAGE, STAGE_NAMES } from "../ledger/schema.ts";
import { bulk, captureOf, inputOf, runOf } from "../replay/testing.ts";
import { ByteProgram, DIGEST_START, digestOf, OP, REST, type WorkKind } from "./byte_program.ts";
import { CipherRequest, pieceCipher } from "./primitives.ts";
import { isRight, record, type Recorded } from "./testing.ts";
import { WorkRecorder } from "./work_recorder.ts";

const fixture = (name: string) => inputOf(Deno.readFileSync(new URL(`../../fixtures/${name}`, import.meta.url)));
const PATHS = ["forward", "send", "receive", "host-to-host"];
/** Keys that change what happens to bytes, one after the other. */
const VARIANTS: readonly (readonly string[])[] = [
  ["path=receive", "gcm_sg=single", "esn=on"],
  ["path=forward", "gcm_sg=single", "esn=on"],
  ["path=receive", "tap=mmap", "nic_rx_csum=off"],
  ["path=receive", "then=forward"],
  ["path=receive", "encap=udp", "ip=6"],
  ["path=send", "sendfile=on"],
  ["path=send", "encap=udp", "ip=6"],
  ["path=forward", "oversize=drop"],
  ["path=forward", "oversize=mss"],
  ["path=forward", "cipher=aes-cbc-128-sha256"],
  ["path=forward", "cipher=null"],
  ["path=forward", "mode=none"],
  ["path=receive", "rx_layout=hdrsplit:2"],
];

/** Bytes of what is timed: operations `op`, or rows of some kinds. */
function operationBytes({ program: { parts } }: Recorded, op: number): number {
  return parts.bytes.reduce((sum, bytes, i) => parts.ops[i] === op && parts.rowOf[i] !== REST ? sum + bytes : sum, 0);
}
function rowBytes({ program: { parts } }: Recorded, kinds: readonly WorkKind[]): number {
  return parts.rows.reduce((sum, { kind, bytes }) => kinds.includes(kind) ? sum + bytes : sum, 0);
}

/** What the ledger has counted is in the program, byte for byte, and the program gives the bytes of the model, twice. */
function assertComplete(recorded: Recorded, what: string): void {
  const { recorder, program, run: { tally } } = recorded;
  const counted = (event: "copy" | "user-copy" | "checksum"): number => tally.sum({ event }).bytes;
  assertEquals(recorder.misfits, 0, what);
  assertEquals(rowBytes(recorded, ["copy", "copy+checksum"]), counted("copy"), what);
  assertEquals(rowBytes(recorded, ["user-copy", "user-copy+checksum"]), counted("user-copy"), what);
  assertEquals(operationBytes(recorded, OP.copy), counted("copy") + counted("user-copy"), what);
  assertEquals(operationBytes(recorded, OP.sum), counted("checksum"), what);
  assert(isRight(program) && isRight(program), what);
}

for (const path of PATHS) {
  Deno.test(`WorkRecorder records all byte work of every preset: path ${path}`, async () => {
    for (const preset of Object.keys(PRESETS)) {
      for (const name of ["exchange-tcp-ipv4.pcap", "imix-udp-ipv4.pcap"]) {
        const recorded = await record(fixture(name), preset, [`path=${path}`], { maxPackets: 60 });
        assertComplete(recorded, `${preset} ${name}`);
      }
    }
  });
}

Deno.test("WorkRecorder records all byte work under keys that change it", async () => {
  for (const sets of VARIANTS) {
    for (const preset of ["baseline", "linux-4.14", "nocopy-gro"]) {
      assertComplete(
        await record(fixture("exchange-tcp-ipv4.pcap"), preset, sets, { maxPackets: 60 }),
        `${preset} ${sets}`,
      );
    }
  }
});

Deno.test("ByteProgram.moved() works in memory of its own alone", async () => {
  for (const sets of [["cipher=aes-gcm-128"], ["cipher=null-sha256", "path=receive"]]) {
    const { program } = await record(captureOf(bulk(100)), "nocopy", sets);
    const before = program.parts.arena.slice();
    const moved = program.moved();
    // Whoever still worked in the first memory would be wrong now.
    program.parts.arena.fill(0);
    assert(isRight(moved) && isRight(moved));
    assert(program.parts.arena.every((byte) => byte === 0));
    assert(moved.parts.requests.every(({ request }) => request.u8 === moved.parts.arena));
    program.parts.arena.set(before);
    assert(isRight(program));
  }
});

Deno.test("a byte program gives the frames that the run has sent, in their order", async () => {
  for (const sets of [["path=forward"], ["path=send"], ["path=forward", "gro=on", "gso=l2"]]) {
    const { program, sent } = await record(captureOf(bulk(40)), "nocopy", sets);
    const digest = sent.reduce((sum, { bytes }) => digestOf(sum, bytes, 0, bytes.length), DIGEST_START);
    assertEquals(program.verify(program.parts.associations.map((sa) => pieceCipher(sa, ENGINES.noble))), digest);
    assert(sent.length > 0);
  }
});

/** The program on an arena of its own, without operation `index`. */
function without({ parts }: ByteProgram, index: number): ByteProgram {
  const ops = parts.ops.slice();
  if (index >= 0) ops[index] = OP.load;
  const bytes = parts.bytes.slice();
  if (index >= 0) bytes[index] = 0;
  const arena = new Uint8Array(parts.arena.length);
  arena.set(parts.arena.subarray(parts.tapeAt), parts.tapeAt);
  const moved = (pieces: readonly Uint8Array[]) => pieces.map((view) => ({ at: view.byteOffset, bytes: view.length }));
  const requests = parts.requests.map((one) => {
    const { espAt, texts, icvs, high } = one.request;
    return { ...one, request: new CipherRequest(arena, espAt, moved(texts), icvs, high) };
  });
  return new ByteProgram({ ...parts, ops, bytes, arena, requests });
}

/** Of six packets; copies in vain are those of headers that nobody sends, sums or reads afterwards. */
const REMOVALS: readonly { preset: string; sets: readonly string[]; inVain: readonly string[] }[] = [
  { preset: "baseline", sets: ["path=forward"], inVain: [] },
  // All but the headers of the first frame of an aggregate.
  { preset: "nocopy-gro-gso", sets: ["path=forward"], inVain: Array(5).fill("driver-rx") },
  { preset: "baseline", sets: ["path=send"], inVain: [] },
  // The outer IP header.
  { preset: "baseline", sets: ["path=receive", "nic_rx_csum=off"], inVain: Array(6).fill("driver-rx") },
  // That, and what of the inner IP header lies in front of the first page.
  {
    preset: "nocopy",
    sets: ["path=receive", "gcm_sg=single"],
    inVain: [...Array(6).fill("driver-rx"), ...Array(6).fill("esp-input")],
  },
];

for (const { preset, sets, inVain } of REMOVALS) {
  Deno.test(`a byte program without any one of its timed operations is not right: ${preset} ${sets}`, async () => {
    const { program } = await record(captureOf(bulk(6, { payloadBytes: 300 })), preset, sets);
    const { rowOf, rows } = program.parts;
    assert(isRight(without(program, -1)));
    const timed = [...rowOf.keys()].filter((index) => rowOf[index] !== REST);
    assert(timed.length > 6);
    const unnoticed = timed.filter((index) => isRight(without(program, index)));
    const stages = unnoticed.map((index) => STAGE_NAMES[rows[rowOf[index]! - 1]!.stage]!);
    assertEquals(stages.toSorted(), inVain);
  });
}

Deno.test("WorkRecorder puts each operation into the row of its stage and kind", async () => {
  const { program } = await record(captureOf(bulk(4)), "baseline");
  const rows = program.parts.rows.map(({ stage, kind, operations, bytes }) => {
    return [STAGE_NAMES[stage], kind, operations, bytes];
  });
  // A frame of 1514 bytes: 56 pulled by the driver, 118 by expand_head, 1460 by pull_tail; 1536 are encrypted.
  assertEquals(rows, [
    ["driver-rx", "copy", 4, 4 * 56],
    ["esp-output", "copy", 8, 4 * (118 + 1460)],
    ["esp-output", "seal", 4, 4 * 1504],
  ]);
});

Deno.test("WorkRecorder.priced() charges the run its own price, and rows that of bytes", () => {
  const recorder = new WorkRecorder(1 << 20, () => 5);
  const price = recorder.priced((_event, _stage, _reason, bytes) => bytes);
  assertEquals(price(EVENT.seal, STAGE["esp-output"], REASON.aesGcm, 1504, 1), 1504);
  assertEquals(recorder.finish(1, 1514).parts.rows.map(({ kind, costPs }) => [kind, costPs]), [["seal", 5]]);
});

Deno.test("WorkRecorder stops where its memory ends, and says so", async () => {
  const recorder = new WorkRecorder(20_000);
  const { run } = await runOf(captureOf(bulk(100)), "nocopy", [], { work: recorder });
  assertEquals([recorder.isFull, run.tally.sum({ event: "send" }).count], [true, 100]);
  assert(recorder.writer.heldBytes < 30_000);
});

Deno.test("a run is the same with somebody who records it", async () => {
  for (const path of PATHS) {
    const plain = await runOf(fixture("exchange-tcp-ipv4.pcap"), "linux-6.1", [`path=${path}`]);
    const recorded = await record(fixture("exchange-tcp-ipv4.pcap"), "linux-6.1", [`path=${path}`]);
    assertEquals(recorded.events.rows, plain.events.rows, path);
    assertEquals(recorded.sent, plain.sent, path);
  }
});

Deno.test("WorkRecorder has nothing done under NULL without authentication, and counts it", async () => {
  const { program } = await record(captureOf(bulk(4)), "nocopy", ["cipher=null"]);
  assertEquals(program.parts.requests, []);
  assertEquals(program.parts.rows.map(({ kind, operations }) => [kind, operations]), [["copy", 4], ["seal", 4]]);
  assert(isRight(program));
});
