import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type Actor, Engine, EngineError } from "./engine.ts";

/** An actor that does `act` when it is woken. */
function actor(act: (nowNs: number) => void): Actor {
  return { wake: act };
}

Deno.test("Engine.run() wakes actors by time, in the order of scheduling at one time", () => {
  const engine = new Engine();
  const log: string[] = [];
  const named = (name: string): Actor => actor((nowNs) => log.push(`${name}${nowNs}`));
  for (const [timeNs, name] of [[30, "a"], [10, "b"], [30, "c"], [10, "d"]] as const) {
    engine.schedule(timeNs, named(name));
  }
  assertEquals(engine.run(), true);
  assertEquals(log, ["b10", "d10", "a30", "c30"]);
  assertEquals([engine.nowNs, engine.nextEventNs], [30, Infinity]);
});

Deno.test("Engine time never goes back, whatever actors schedule", () => {
  const delays = fc.array(fc.nat(50), { minLength: 1, maxLength: 60 });
  fc.assert(fc.property(delays, (script) => {
    const engine = new Engine();
    const woken: number[] = [];
    let next = 0;
    const self = actor((nowNs) => {
      assertEquals(engine.nowNs, nowNs);
      woken.push(nowNs);
      for (let i = 0; i < 2 && next < script.length; i++) engine.schedule(nowNs + script[next++]!, self);
    });
    engine.schedule(7, self);
    engine.run();
    assertEquals(woken.length, 1 + script.length);
    assertEquals(woken, woken.toSorted((a, b) => a - b));
  }));
});

Deno.test("Engine.schedule() refuses a time that has passed, and takes the present", () => {
  const engine = new Engine();
  let woken = 0;
  engine.schedule(
    100,
    actor(() => {
      const message = "Cannot schedule at 99 ns: it is 100 ns already";
      assertThrows(() => engine.schedule(99, actor(() => {})), EngineError, message);
      engine.schedule(100, actor(() => woken++));
    }),
  );
  assertEquals([engine.run(), woken], [true, 1]);
});

Deno.test("Engine.run() pauses before the next event and goes on where it stopped", () => {
  const engine = new Engine();
  const log: number[] = [];
  for (const timeNs of [1, 2, 2, 3]) {
    engine.schedule(
      timeNs,
      actor((nowNs) => {
        log.push(nowNs);
        if (nowNs === 2) engine.paused = true;
      }),
    );
  }
  assertEquals([engine.run(), log.join(), engine.nowNs, engine.nextEventNs], [false, "1,2", 2, 2]);
  assertEquals([engine.run(), log.join()], [false, "1,2"]);
  engine.paused = false;
  assertEquals([engine.run(), log.join()], [false, "1,2,2"]);
  engine.paused = false;
  assertEquals([engine.run(), log.join()], [true, "1,2,2,3"]);
});

Deno.test("Engine.run() of nothing is done at once, and can go on when something is scheduled later", () => {
  const engine = new Engine();
  assertEquals([engine.run(), engine.nowNs], [true, 0]);
  let wokenNs = -1;
  engine.schedule(5, actor((nowNs) => wokenNs = nowNs));
  assertEquals([engine.run(), wokenNs], [true, 5]);
});

Deno.test("Engine.run() gives up on an actor that wakes itself at one instant for ever", () => {
  const engine = new Engine();
  const endless = actor((nowNs) => engine.schedule(nowNs, endless));
  engine.schedule(12, endless);
  const message = "Cannot advance time: an actor wakes itself at 12 ns without end";
  assertThrows(() => engine.run(), EngineError, message);
});

Deno.test("Engine.run() counts the wakes of each instant from the start", () => {
  const engine = new Engine();
  let wakes = 0;
  const busy = actor((nowNs) => {
    wakes += 1;
    if (wakes < 12_000_000) engine.schedule(wakes === 6_000_000 ? nowNs + 1 : nowNs, busy);
  });
  engine.schedule(0, busy);
  assertEquals([engine.run(), wakes, engine.nowNs], [true, 12_000_000, 1]);
});
