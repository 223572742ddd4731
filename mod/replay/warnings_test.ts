/** Every warning of a run in its words: counts, what was done, and the key that decides. */

import { assertEquals } from "@std/assert";
import type { CaptureReader } from "../capture/mod.ts";
import { resolveConfig } from "../config/resolve.ts";
import { Delivery } from "../ledger/delivery.ts";
import { foldOf } from "../ledger/testing.ts";
import { Oddities } from "./oddities.ts";
import { replayWarnings } from "./warnings.ts";

/** A reader that has read packets of Ethernet and of a link type that is not understood. */
const LINK_TYPES = [{ linkType: 1, packets: 9 }, { linkType: 105, packets: 3 }];
const READER: Pick<CaptureReader, "warnings" | "linkTypes"> = { warnings: [], linkTypes: LINK_TYPES };

/** Warnings about a run of 10000 packets with those oddities. */
function warningsOf(
  odd: Partial<Oddities>,
  sets: readonly string[] = [],
  frameBytes = 1514,
  packets = 10_000,
  tooLarge = 0,
): string[] {
  const resolved = resolveConfig({ sets });
  const oddities = Object.assign(new Oddities(), odd);
  const delivery = foldOf(new Delivery(), [{ event: "send", bytes: frameBytes, flow: 0 }]);
  return replayWarnings(
    READER as CaptureReader,
    { packets, oddities },
    { delivery, tooLarge, sentBefore: 0 },
    resolved,
    [],
  );
}

Deno.test("replayWarnings() says nothing about a run in which nothing is odd", () => {
  assertEquals(warningsOf({}), []);
  assertEquals(warningsOf({ ignored: 5 }), []);
});

const WARNINGS: [odd: Partial<Oddities>, sets: string[], warning: string][] = [
  [{ otherLink: 3 }, [], "3 packets are ignored: their link type is not understood (ieee802-11)"],
  [
    { reframed: 4 },
    [],
    "4 packets were captured with tags or another link layer: they arrive as plain Ethernet frames",
  ],
  [
    { superPackets: 22, superSegments: 401 },
    [],
    "22 packets are larger than the MTU of 1500 (super-packets of a host with offloads): they arrive as aggregates of " +
    "401 segments",
  ],
  [
    { superPackets: 2, superSegments: 9 },
    ["rx_layout=kmalloc", "mtu=9000"],
    "2 packets are larger than the MTU of 9000 (super-packets of a host with offloads): they arrive as aggregates of " +
    "9 segments, in page fragments whatever rx_layout=kmalloc",
  ],
  [
    { superPackets: 2, superSegments: 9 },
    ["rx_layout=kmalloc", "path=receive"],
    "2 packets are larger than the MTU of 1500 (super-packets of a host with offloads): they arrive as 9 segments, each " +
    "in ESP of its own",
  ],
  [
    { unopened: 3 },
    ["path=receive"],
    "3 ESP packets are not opened by the SA (SPI 0x1001): of another SA, damaged, or not whole",
  ],
  [{ unsealable: 3 }, ["path=receive"], "3 packets are ignored, since ESP does not take them: too long"],
  [
    { unsealable: 3 },
    ["path=receive", "mode=transport"],
    "3 packets are ignored, since ESP does not take them: fragments, which transport mode cannot protect, or too long",
  ],
  [
    { aboveMtu: 5 },
    [],
    "5 packets are larger than the MTU of 1500 (super-packets of a host with offloads): dropped",
  ],
  [{ tooLong: 2 }, ["path=send", "tx_ring=128"], "2 packets are longer than a socket can send: refused"],
  [
    { recut: 6 },
    ["oversize=mss"],
    "6 packets hold more TCP payload than fits into the tunnel: re-cut to its MSS (oversize=mss)",
  ],
  [
    { cut: 7 },
    [],
    "7 packets lack bytes (snap length): filled with a fixed pattern, their checksums count as good",
  ],
  [{ checksumLeft: 8 }, [], "8 packets hold the pseudo-header's checksum only (captured on the sender): completed"],
];

for (const [odd, sets, warning] of WARNINGS) {
  Deno.test(`replayWarnings() counts: ${warning}`, () => {
    assertEquals(warningsOf(odd, sets), [warning]);
  });
}

Deno.test("replayWarnings() says that transport mode is unusual on a gateway", () => {
  assertEquals(warningsOf({}, ["mode=transport"]), [
    "mode=transport is unusual on a gateway (path=forward): packets keep the addresses of their hosts, so it is the " +
    "receiving host that must decrypt them",
  ]);
});

Deno.test("replayWarnings() says that the egress MTU grew, where it may and did", () => {
  const grown = "ESP makes packets of up to 1556 bytes: the egress MTU of 1500 grew to fit (oversize=grow)";
  assertEquals(warningsOf({}, [], 1570), [grown]);
  for (const sets of [["oversize=drop"], ["oversize=mss"], ["mtu=1556"], ["path=receive"]]) {
    assertEquals(warningsOf({}, sets, 1570), []);
  }
});

Deno.test("replayWarnings() says that packets were dropped for their size, and what to do about it", () => {
  assertEquals(warningsOf({}, ["oversize=drop"], 1514, 10_000, 7), [
    "7 packets are dropped: ESP makes them larger than the MTU of 1500 (oversize=drop); oversize=mss re-cuts TCP as " +
    "path-MTU discovery would, or grow the MTU",
  ]);
  assertEquals(warningsOf({}, ["oversize=mss"], 1514, 10_000, 7), [
    "7 packets are dropped: ESP makes them larger than the MTU of 1500 (oversize=mss)",
  ]);
  assertEquals(warningsOf({}, ["path=receive", "then=forward"], 1514, 10_000, 7), [
    "7 packets are dropped: they are larger than the MTU of 1500",
  ]);
});

Deno.test("replayWarnings() says that a run is short below 20 fillings of the ring", () => {
  const short = "the run is short: 319 packets, 320 fill the RX ring 20 times (rx_ring)";
  assertEquals(warningsOf({}, ["rx_ring=16"], 1514, 319), [short]);
  assertEquals(warningsOf({}, ["rx_ring=16"], 1514, 320), []);
});
