/** DSCP, ECN and DF of outer and inner headers (RFC 3168, section 9.1.1; `flag` and `extra-flag` of `ip xfrm state`). */

import { assertEquals } from "@std/assert";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { outerDontFragment, writeOuterHeader } from "./framing.ts";
import { DEFAULT_TUNNEL_HEADER, innerDsField, outerDsField, type TunnelHeaderOptions } from "./tunnel_header.ts";

/** Expedited forwarding, and class selector 1. */
const EF = 46 << 2;
const CS1 = 8 << 2;
const [NOT_ECT, ECT_1, ECT_0, CE] = [0, 1, 2, 3] as const;
const MARKS = [NOT_ECT, ECT_1, ECT_0, CE];

function options(changes: Partial<TunnelHeaderOptions>): TunnelHeaderOptions {
  return { ...DEFAULT_TUNNEL_HEADER, ...changes };
}

Deno.test("outerDsField() copies DSCP and ECN, congestion as ECT(0); each flag takes its part away", () => {
  const outer = (changes: Partial<TunnelHeaderOptions>) =>
    MARKS.map((mark) => outerDsField(EF | mark, options(changes)));
  assertEquals(outer({}), [EF, EF | ECT_1, EF | ECT_0, EF | ECT_0]);
  assertEquals(outer({ ecn: false }), [EF, EF, EF, EF]);
  assertEquals(outer({ encapsulatesDscp: false }), [NOT_ECT, ECT_1, ECT_0, ECT_0]);
  assertEquals(outer({ ecn: false, encapsulatesDscp: false }), [0, 0, 0, 0]);
  assertEquals(outer({ decapsulatesDscp: true, pathMtuDiscovery: false }), outer({}));
});

Deno.test("innerDsField() marks a packet that takes part in ECN when the outer header met congestion, and no other", () => {
  const inner = (outside: number, changes: Partial<TunnelHeaderOptions> = {}) => {
    return MARKS.map((mark) => innerDsField(CS1 | mark, EF | outside, options(changes)));
  };
  const unchanged = MARKS.map((mark) => CS1 | mark);
  assertEquals(inner(CE), [CS1, CS1 | CE, CS1 | CE, CS1 | CE]);
  for (const outside of [NOT_ECT, ECT_1, ECT_0]) assertEquals(inner(outside), unchanged);
  assertEquals(inner(CE, { ecn: false }), unchanged);
  assertEquals(inner(CE, { encapsulatesDscp: false, pathMtuDiscovery: false }), inner(CE));
});

Deno.test("innerDsField() takes the DSCP of the outer header with decap-dscp, and leaves ECN to the other rule", () => {
  const inner = (outside: number, ecn: boolean) => {
    return MARKS.map((mark) => innerDsField(CS1 | mark, EF | outside, options({ decapsulatesDscp: true, ecn })));
  };
  assertEquals(inner(ECT_0, true), MARKS.map((mark) => EF | mark));
  assertEquals(inner(CE, true), [EF, EF | CE, EF | CE, EF | CE]);
  assertEquals(inner(CE, false), MARKS.map((mark) => EF | mark));
});

Deno.test("writeOuterHeader() leaves DF clear with nopmtudisc, and counts ids then", () => {
  const u8 = new Uint8Array(100);
  u8.set([0x45, CS1], 40);
  u8[40 + ipv4.OFFSET_FRAGMENT] = 0x40;
  const addresses = [Uint8Array.of(192, 0, 2, 1), Uint8Array.of(192, 0, 2, 2)] as const;
  for (const pathMtuDiscovery of [true, false]) {
    const own = options({ pathMtuDiscovery, encapsulatesDscp: false });
    writeOuterHeader(u8, 0, 40, 1500, 7, ...addresses, own);
    assertEquals([ipv4.dontFragment(u8, 0), outerDontFragment(u8, 40, own)], [pathMtuDiscovery, pathMtuDiscovery]);
    assertEquals([ip.dsField(u8, 0), ipv4.headerChecksumOk(u8, 0)], [0, true]);
  }
});
