import { assertEquals } from "@std/assert";
import { Engine } from "../sim/engine.ts";
import { TcpTimer } from "./tcp_timer.ts";

/** Times at which a timer expires that `script` starts and stops. */
function expiries(script: readonly (readonly [atNs: number, startNs: number | null])[]): number[] {
  const engine = new Engine();
  const fired: number[] = [];
  const timer = new TcpTimer(engine, (nowNs) => void fired.push(nowNs));
  for (const [atNs, startNs] of script) {
    engine.schedule(atNs, { wake: () => startNs === null ? timer.stop() : timer.start(startNs) });
  }
  engine.run();
  assertEquals(timer.isRunning, false);
  return fired;
}

Deno.test("TcpTimer expires once, when it was started for last", () => {
  assertEquals(expiries([[0, 100]]), [100]);
  assertEquals(expiries([[0, 100], [50, 150], [120, 170]]), [170]);
  assertEquals(expiries([[0, 100], [50, 60]]), [60]);
  assertEquals(expiries([[0, 100], [50, 60], [70, 90]]), [60, 90]);
});

Deno.test("TcpTimer.stop() keeps it from expiring, and it can be started again", () => {
  assertEquals(expiries([[0, 100], [50, null]]), []);
  assertEquals(expiries([[0, 100], [50, null], [60, 200]]), [200]);
  assertEquals(expiries([[0, 100], [50, null], [60, 100]]), [100]);
});
