import { assert } from "@std/assert";
import { Scratch } from "./scratch.ts";

Deno.test("Scratch.room() gives what was asked for, and the same bytes again while they are enough", () => {
  const scratch = new Scratch();
  for (const bytes of [1, 60, 1514, 65_549]) {
    const room = scratch.room(bytes);
    assert(room.length >= bytes);
    for (const less of [bytes, bytes - 1, 0]) assert(scratch.room(less) === room);
  }
});
