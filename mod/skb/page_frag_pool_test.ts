import { assertEquals, assertNotEquals } from "@std/assert";
import { Memory } from "./memory.ts";
import { PageFragPool } from "./page_frag_pool.ts";

function newPool(): [Memory, PageFragPool] {
  const memory = new Memory({ poison: true });
  return [memory, new PageFragPool(memory)];
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
