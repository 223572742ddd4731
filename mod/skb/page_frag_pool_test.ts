import { assertEquals, assertNotEquals } from "@std/assert";
import { DEFAULT_PAGE_ORDER } from "./geometry.ts";
import { Memory } from "./memory.ts";
import { exceedsFragLimit, PageFragPool } from "./page_frag_pool.ts";

function newPool(): [Memory, PageFragPool] {
  const memory = new Memory({ poison: true });
  return [memory, new PageFragPool(memory, DEFAULT_PAGE_ORDER)];
}

Deno.test("PageFragPool.take() hands out an order-3 block front to back, with a reference for each caller", () => {
  const [memory, pool] = newPool();
  const block = pool.take(64);
  assertEquals([block.bytes, pool.takenOffset, block.refs], [32768, 0, 2]);
  assertEquals([pool.take(1500), pool.takenOffset, block.refs], [block, 64, 3]);
  assertEquals([pool.take(100), pool.takenOffset, block.refs], [block, 1564, 4]);
  assertEquals(memory.live, 1);
});

Deno.test("PageFragPool.take() fills a block to its last byte, then leaves it to its users", () => {
  const [memory, pool] = newPool();
  const block = pool.take(32000);
  assertEquals([pool.take(768), pool.takenOffset, block.refs], [block, 32000, 3]);
  const next = pool.take(1);
  assertNotEquals(next, block);
  assertEquals([pool.takenOffset, block.refs, next.refs, memory.live], [0, 2, 2, 2]);
});

Deno.test("PageFragPool.take() begins a block again when all earlier users are gone", () => {
  const [memory, pool] = newPool();
  const block = pool.take(20000);
  memory.put(block);
  assertEquals([pool.take(20000), pool.takenOffset, block.refs], [block, 0, 2]);
});

Deno.test("PageFragPool.take() does not begin a block again while one user is left", () => {
  const [memory, pool] = newPool();
  const block = pool.take(20000);
  pool.take(100);
  memory.put(block);
  assertEquals([pool.take(100), pool.takenOffset, block.refs], [block, 20100, 3]);
});

Deno.test("PageFragPool.take() carves blocks of 2^order pages", () => {
  for (const order of [0, 1, 2, 3]) {
    const memory = new Memory({ poison: true });
    const pool = new PageFragPool(memory, order);
    const pages = Array.from({ length: 16 }, () => pool.take(4096));
    assertEquals(pages.map(({ bytes }) => bytes), new Array(16).fill(4096 << order));
    assertEquals(new Set(pages).size, 16 >> order);
    assertEquals(pages.every((block) => block.at % 4096 === 0), true);
  }
});

Deno.test("PageFragPool.take() of more than a page from blocks of one page gets a block of its own size", () => {
  const pool = new PageFragPool(new Memory({ poison: true }), 0);
  assertEquals([pool.take(1536).bytes, pool.take(9000).bytes, pool.takenOffset], [4096, 16384, 0]);
});

Deno.test("PageFragPool.take() of more than 32 KiB gets a block of its own size (a departure)", () => {
  const [memory, pool] = newPool();
  memory.put(pool.take(64));
  const block = pool.take(40000);
  assertEquals([block.bytes, pool.takenOffset, block.refs, memory.live], [65536, 0, 2, 1]);
});

Deno.test("PageFragPool.release() gives the pool's own reference up, once", () => {
  const [memory, pool] = newPool();
  const block = pool.take(64);
  pool.release();
  pool.release();
  assertEquals([block.refs, memory.live], [1, 1]);
  memory.put(block);
  assertEquals(memory.live, 0);
  assertEquals([pool.take(64).refs, pool.takenOffset], [2, 0]);
});

Deno.test("exceedsFragLimit() rounds data and trailer together up to a cache line (11.3 and fwd-esp recordings)", () => {
  const vectors = [[4000, 18, false], [4080, 18, true], [4078, 18, false], [4079, 21, true], [
    4076,
    20,
    false,
  ]] as const;
  for (const [dataLen, tailBytes, exceeds] of vectors) {
    assertEquals(exceedsFragLimit(dataLen, tailBytes), exceeds, `${dataLen} + ${tailBytes}`);
  }
  assertEquals([exceedsFragLimit(0, 4096), exceedsFragLimit(0, 4097), exceedsFragLimit(4096, 0)], [false, true, false]);
});
