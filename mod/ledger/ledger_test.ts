import { assertEquals } from "@std/assert";
import { type EventBlock, type Fold, Ledger } from "./ledger.ts";
import { EVENT, EVENT_COLUMNS, EVENT_NAMES, NONE, REASON, REASONS, STAGE, STAGE_NAMES } from "./schema.ts";

/** Keeps every row as a list of its columns, and how many rows each block had. */
class Rows implements Fold {
  readonly rows: number[][] = [];
  readonly blocks: number[] = [];

  add(block: EventBlock): void {
    this.blocks.push(block.rows);
    for (let row = 0; row < block.rows; row++) {
      const { tNs, cpu, stage, event, reason, packet, skb, into, bytes, count, costPs, payloadBytes, flow } = block;
      const named = [tNs, cpu, stage, event, reason, packet, skb, into, bytes, count, costPs, payloadBytes, flow];
      const columns = [...named, block.steps];
      this.rows.push(columns.map((column) => column[row]!));
    }
  }
}

Deno.test("Ledger.write() fills every column, prices the row and moves the step's time on", () => {
  const prices: number[][] = [];
  const rows = new Rows();
  const ledger = new Ledger((...asked) => prices.push(asked) * 1500, [rows]);
  ledger.stage = STAGE.gso;
  ledger.beginStep(2, 100, 700);
  assertEquals(ledger.nowNs, 100);
  ledger.write(EVENT.copy, REASON.pullTail, 11, 12, 13, 14, 15, 16);
  assertEquals(ledger.nowNs, 102);
  ledger.write(EVENT.merge, REASON.moveFrags, 21, 22, 23, 24, 25, 26);
  assertEquals([ledger.nowNs, ledger.endStep(), ledger.rowCount], [105, 5200, 2]);
  ledger.finish();
  assertEquals(rows.rows, [
    [100, 2, STAGE.gso, EVENT.copy, REASON.pullTail, 11, 12, 13, 14, 15, 1500, 16, NONE, 0],
    [102, 2, STAGE.gso, EVENT.merge, REASON.moveFrags, 21, 22, 23, 24, 25, 3000, 26, NONE, 0],
  ]);
  assertEquals(rows.rows[0]!.length, EVENT_COLUMNS.length);
  assertEquals(prices, [
    [EVENT.copy, STAGE.gso, REASON.pullTail, 14, 15],
    [EVENT.merge, STAGE.gso, REASON.moveFrags, 24, 25],
  ]);
});

Deno.test("Ledger.request() writes the steps of one row, and of no other", () => {
  const rows = new Rows();
  const ledger = new Ledger(() => 0, [rows]);
  ledger.beginStep(0, 7, 0);
  ledger.request(EVENT.seal, REASON.aesGcm, { id: 2, packet: 1 }, 1448, 3, 4);
  ledger.note(EVENT.free, REASON.sent, { id: 2, packet: 1 }, 0);
  ledger.finish();
  assertEquals(rows.rows.map((row) => [row[8], row[9], row.at(-1)]), [[1448, 3, 4], [0, 1, 0]]);
});

Deno.test("Ledger.visit() changes the stage of the rows that follow", () => {
  const rows = new Rows();
  const ledger = new Ledger(() => 0, [rows]);
  ledger.beginStep(0, 7, 0);
  ledger.visit(STAGE.forward, 1, 2, 3, 4);
  ledger.write(EVENT.drop, REASON.ttl, 1, 2, NONE, 3, 1, 5);
  ledger.finish();
  assertEquals(rows.rows, [
    [7, 0, STAGE.forward, EVENT.visit, REASON.none, 1, 2, NONE, 3, 4, 0, 0, NONE, 0],
    [7, 0, STAGE.forward, EVENT.drop, REASON.ttl, 1, 2, NONE, 3, 1, 0, 5, NONE, 0],
  ]);
});

Deno.test("Ledger.writeDevice() costs nothing, has its own time and stage, and leaves the running step alone", () => {
  const rows = new Rows();
  const ledger = new Ledger(() => 1000, [rows]);
  ledger.stage = STAGE.gro;
  ledger.beginStep(0, 50, 0);
  ledger.writeDevice(33, STAGE.nic, EVENT.send, REASON.none, 1, 2, 1514, 1, 1448, 9);
  ledger.write(EVENT.visit, REASON.none, 1, 2, NONE, 0, 1, 0);
  assertEquals(ledger.endStep(), 1000);
  ledger.finish();
  assertEquals(rows.rows, [
    [33, NONE, STAGE.nic, EVENT.send, REASON.none, 1, 2, NONE, 1514, 1, 0, 1448, 9, 0],
    [50, 0, STAGE.gro, EVENT.visit, REASON.none, 1, 2, NONE, 0, 1, 1000, 0, NONE, 0],
  ]);
});

Deno.test("Ledger hands full blocks of 1024 rows to every fold, then the rest, each row once and in order", () => {
  for (const count of [0, 1, 1023, 1024, 1025, 2048, 3000]) {
    const folds = [new Rows(), new Rows()];
    const ledger = new Ledger((_event, _stage, _reason, bytes) => bytes, folds);
    ledger.beginStep(0, 0, 0);
    for (let row = 0; row < count; row++) {
      if (row % 3 === 0) ledger.writeDevice(row, STAGE.nic, EVENT.send, REASON.none, row, row, row, 1, 0, row);
      else ledger.write(EVENT.copy, REASON.pullTail, row, row, row, row, 1, 0);
    }
    ledger.finish();
    assertEquals(ledger.rowCount, count);
    for (const fold of folds) {
      assertEquals(fold.blocks.slice(0, Math.floor(count / 1024)), new Array(Math.floor(count / 1024)).fill(1024));
      assertEquals(fold.rows.length, count);
      for (const [row, [, cpu, , , , packet, skb, into, bytes, , costPs, , flow]] of fold.rows.entries()) {
        const device = row % 3 === 0;
        const expected = device ? [NONE, row, row, NONE, row, 0, row] : [0, row, row, row, row, row, NONE];
        assertEquals([cpu, packet, skb, into, bytes, costPs, flow], expected);
      }
    }
  }
});

Deno.test("the schema numbers names from 0 on, and its names are not used twice", () => {
  EVENT_NAMES.forEach((name, i) => assertEquals(EVENT[name], i));
  STAGE_NAMES.forEach((name, i) => assertEquals(STAGE[name], i));
  Object.values(REASON).forEach((number, i) => assertEquals(number, i));
  for (const names of [EVENT_NAMES, STAGE_NAMES, REASONS.map((reason) => reason.name)]) {
    assertEquals(new Set<string>(names).size, names.length);
  }
});

Deno.test("the schema fits the columns of a block", () => {
  assertEquals([EVENT_NAMES.length < 256, STAGE_NAMES.length < 256, REASONS.length < 256], [true, true, true]);
});
