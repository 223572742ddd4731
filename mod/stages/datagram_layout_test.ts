/** Layouts of local datagrams, as the kernel recordings have them. */

import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { Geometry } from "../skb/geometry.ts";
import { type DatagramLayout, Ipv4Layout, Ipv6Layout } from "./datagram_layout.ts";

const GCM_TRANSPORT = { headerBytes: 16, trailerBytes: 21 };
const GCM_TUNNEL_IPV4 = { headerBytes: 36, trailerBytes: 21 };
const GCM_TUNNEL_IPV6 = { headerBytes: 56, trailerBytes: 21 };
const geometry = new Geometry();

/** Of each buffer: bytes that end up in it, headroom, and tailroom behind what `networkBytes` and data leave. */
function buffersOf(layout: DatagramLayout, networkBytes: number, dataBytes: number): number[][] {
  const buffers: number[][] = [];
  for (layout.start(networkBytes, dataBytes); layout.next();) {
    const before = buffers.at(-1);
    // What moves to this buffer leaves the one before.
    if (before !== undefined) {
      before[0]! -= layout.gapBytes;
      before[2]! += layout.gapBytes;
    }
    const room = geometry.kmallocEndOffset(layout.allocBytes) - layout.headroom - networkBytes - layout.dataBytes;
    buffers.push([layout.dataBytes, layout.headroom, room]);
  }
  return buffers;
}

Deno.test("Ipv4Layout: datagrams that fit have room in front and behind for ESP", () => {
  const layout = new Ipv4Layout(GCM_TRANSPORT, 1466);
  assertEquals(buffersOf(layout, 20, 9), [[9, 32, 131]]);
  assertEquals(buffersOf(layout, 20, 508), [[508, 32, 144]]);
  assertEquals(buffersOf(layout, 20, 1408), [[1408, 32, 268]]);
});

Deno.test("Ipv4Layout: a larger datagram is as many buffers as fragments, and 16 bytes move on from the first", () => {
  const layout = new Ipv4Layout(GCM_TRANSPORT, 1466);
  assertEquals(buffersOf(layout, 20, 3008), [[1424, 32, 252], [1440, 16, 252], [144, 16, 524]]);
  const sizes = buffersOf(layout, 20, 8008).map(([bytes]) => bytes);
  assertEquals(sizes, [1424, 1440, 1440, 1440, 1440, 824]);
});

Deno.test("Ipv4Layout: MTU 9000, tunnel: 36 bytes move on from the first", () => {
  assertEquals(buffersOf(new Ipv4Layout(GCM_TUNNEL_IPV4, 8946), 20, 8938).map(([bytes]) => bytes), [8884, 54]);
});

Deno.test("Ipv6Layout: transport mode fills the MTU of the link behind the first buffer, tunnel mode that inside", () => {
  const transport = new Ipv6Layout(GCM_TRANSPORT, 1500, false);
  assertEquals(buffersOf(transport, 40, 9), [[9, 40, 103]]);
  assertEquals(buffersOf(transport, 40, 3008), [[1432, 40, 216], [1448, 24, 216], [128, 24, 512]]);
  const tunnel = new Ipv6Layout(GCM_TUNNEL_IPV6, 1426, true);
  assertEquals(buffersOf(tunnel, 40, 9), [[9, 80, 63]]);
  assertEquals(buffersOf(tunnel, 40, 3008).map(([bytes]) => bytes), [1376, 1376, 256]);
});

Deno.test("both layouts hold every datagram, in pieces of whole units but the last", () => {
  const room = fc.record({
    headerBytes: fc.integer({ min: 8, max: 76 }),
    trailerBytes: fc.integer({ min: 5, max: 49 }),
  });
  fc.assert(
    fc.property(room, fc.integer({ min: 600, max: 9000 }), fc.integer({ min: 0, max: 65000 }), (space, mtu, bytes) => {
      for (
        const layout of [
          new Ipv4Layout(space, mtu),
          new Ipv6Layout(space, mtu, true),
          new Ipv6Layout(space, mtu, false),
        ]
      ) {
        const networkBytes = layout instanceof Ipv4Layout ? 20 : 40;
        const sizes = buffersOf(layout, networkBytes, bytes).map(([size]) => size!);
        assertEquals(sizes.reduce((sum, size) => sum + size, 0), bytes);
        assertEquals(sizes.slice(1, -1).filter((size) => size % 8 !== 0), []);
      }
    }),
  );
});
