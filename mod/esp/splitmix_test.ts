import { assertEquals } from "@std/assert";
import { splitmix64 } from "./splitmix.ts";

Deno.test("splitmix64() gives the published first outputs", () => {
  assertEquals(splitmix64(0n), 0xe220a8397b1dcdafn);
  assertEquals(splitmix64(1234567n), 6457827717110365317n);
});

Deno.test("splitmix64() takes its seed modulo 2^64", () => {
  assertEquals(splitmix64((1n << 64n) + 5n), splitmix64(5n));
  assertEquals(splitmix64(-1n), splitmix64((1n << 64n) - 1n));
});
