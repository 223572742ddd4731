import { assert, assertEquals } from "@std/assert";
import type { ProgramRequest } from "./byte_program.ts";
import { CipherRequest, type Piece, PieceViews } from "./primitives.ts";
import { RequestTable } from "./request_table.ts";

const ARENA = Uint8Array.from({ length: 4096 }, (_, i) => i);
const VIEWS = new PieceViews(ARENA);

function request(
  espAt: number,
  text: readonly Piece[],
  icv: readonly Piece[],
  rest: Partial<ProgramRequest> & { high?: number } = {},
): ProgramRequest {
  const { high = 0, association = 0, isGood = true } = rest;
  return { association, isGood, request: new CipherRequest(ARENA, espAt, text, icv, high, VIEWS) };
}

const REQUESTS: readonly ProgramRequest[] = [
  request(0, [{ at: 16, bytes: 100 }], [{ at: 116, bytes: 16 }]),
  request(200, [{ at: 216, bytes: 52 }, { at: 1024, bytes: 1448 }, { at: 3000, bytes: 4 }], [{ at: 3004, bytes: 16 }], {
    high: 0xffffffff,
    association: 3,
  }),
  request(0, [], [{ at: 16, bytes: 7 }, { at: 400, bytes: 9 }], { isGood: false }),
  // Shares a view with the first, and has two pieces of ICV as the third.
  request(300, [{ at: 16, bytes: 100 }], [{ at: 500, bytes: 3 }, { at: 600, bytes: 13 }], { association: 1 }),
];

Deno.test("RequestTable.request() is as the request was, in whatever order they are asked for", () => {
  const table = new RequestTable(REQUESTS);
  for (const index of [0, 1, 2, 3, 1, 0, 3, 2]) {
    const { request, association, isGood } = REQUESTS[index]!;
    assertEquals(table.request(index), request);
    assert(table.request(index).u8 === request.u8);
    assertEquals([table.associationOf(index), table.isGood(index)], [association, isGood]);
  }
});

Deno.test("RequestTable makes no object of a request, and none of its pieces", () => {
  const table = new RequestTable(REQUESTS);
  const first = table.request(0);
  const [texts, icvs] = [first.texts, first.icvs];
  const [view] = texts;
  assert(table.request(3) === first);
  assert(table.request(0).texts === texts);
  assert(first.icvs === icvs);
  assert(first.texts[0] === view);
});

Deno.test("RequestTable is there where a program encrypts nothing", () => {
  assertEquals(new RequestTable([]) instanceof RequestTable, true);
});
