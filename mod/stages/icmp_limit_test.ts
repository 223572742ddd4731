/** How many ICMP errors go out (icmp_global_allow, inet_peer_xrlim_allow). */

import { assertEquals } from "@std/assert";
import { IcmpLimit } from "./icmp_limit.ts";

const MS = 1000000;
const SECOND = 1000 * MS;

/** How many of `count` errors at `nowNs` are allowed. */
function allowed(count: number, allows: () => boolean): number {
  return Array.from({ length: count }, allows).filter(Boolean).length;
}

Deno.test("IcmpLimit allows 50 errors at once, then one for each millisecond, in steps of 20", () => {
  const limit = new IcmpLimit(SECOND);
  const at = (nowNs: number): number => allowed(100, () => limit.allowsOneMore(nowNs));
  assertEquals(at(0), 50);
  assertEquals(at(19 * MS), 0);
  assertEquals(at(20 * MS), 20);
  assertEquals(at(10 * SECOND), 50);
});

Deno.test("IcmpLimit allows six errors to one receiver at once, then one for each interval", () => {
  const limit = new IcmpLimit(SECOND);
  const to = (peer: string, nowNs: number): number => allowed(10, () => limit.allowsTo(peer, nowNs));
  assertEquals(to("a", 0), 6);
  assertEquals(to("b", 0), 6);
  assertEquals(to("a", SECOND - 1), 0);
  assertEquals(to("a", SECOND), 1);
  assertEquals(to("a", 100 * SECOND), 6);
});

Deno.test("IcmpLimit forgets the receiver that it has known longest when there are 4096", () => {
  const limit = new IcmpLimit(SECOND);
  assertEquals(allowed(10, () => limit.allowsTo("first", 0)), 6);
  for (let i = 0; i < 4096; i++) limit.allowsTo(`${i}`, 0);
  assertEquals(allowed(10, () => limit.allowsTo("first", 0)), 6);
});
