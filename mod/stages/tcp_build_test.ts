/** Layouts of the buffers of TCP sockets (linux-datapath 1.10, 11.3). */

import { assertEquals } from "@std/assert";
import { Frag, type Skb } from "../skb/skb.ts";
import { SkbFixture } from "../skb/testing.ts";
import { OutgoingPacket } from "./outgoing.ts";
import { hasSocketGso, TcpBuilder } from "./tcp_build.ts";

const COPIES = { sendfile: "off", nic_sg: "on" } as const;

/** A packet with `bytes` bytes of payload in pages of `pageBytes` bytes. */
function packetOf(fixture: SkbFixture, bytes: number, pageBytes: number): OutgoingPacket {
  const packet = new OutgoingPacket(0, fixture.memory.allocate(1));
  packet.payloadBytes = bytes;
  for (let at = 0; at < bytes; at += pageBytes) {
    packet.pieces.push(new Frag(fixture.memory.allocate(pageBytes), 0, Math.min(pageBytes, bytes - at)));
  }
  return packet;
}

interface Layout {
  endOffset: number;
  headroom: number;
  linear: number;
  behind: number;
  frags: number[];
}

function layoutOf(skb: Skb): Layout {
  const { headroom, headlen, head, tail } = skb;
  const frags = head.frags.map(({ bytes }) => bytes);
  return { endOffset: head.endOffset, headroom, linear: headlen, behind: head.endOffset - tail, frags };
}

/** The buffers that `bytes` bytes written at once become. */
function buffersOf(
  era: "4.4" | "6.1",
  mss: number,
  bytes: number,
  { maxSegments = 1, sendfile = "off" as "on" | "off", sizes = {} } = {},
): Layout[] {
  const fixture = new SkbFixture(era, sizes);
  const builder = new TcpBuilder(fixture.skbs, { sendfile, nic_sg: "on" }, maxSegments);
  const packet = packetOf(fixture, bytes, sendfile === "on" ? 4096 : bytes);
  const buffers: Skb[] = [];
  for (let done = 0; done < bytes;) {
    const skb = builder.newBuffer(mss);
    const goal = Math.min(builder.sizeGoal(mss), bytes - done);
    for (let taken = -1; taken !== 0 && skb.len < goal;) {
      taken = builder.append(skb, mss, packet, done + skb.len, goal - skb.len);
    }
    done += skb.len;
    buffers.push(skb);
  }
  const layouts = buffers.map(layoutOf);
  fixture.free(...buffers);
  builder.release();
  packet.release(fixture.memory);
  fixture.assertNothingLives();
  return layouts;
}

Deno.test("TcpBuilder in era 4.4 puts a segment into the linear area: 1400 bytes leave 24 of 1728, 1394 leave 30", () => {
  const linear = (mss: number): Layout => buffersOf("4.4", mss, mss)[0]!;
  assertEquals(linear(1400), { endOffset: 1728, headroom: 304, linear: 1400, behind: 24, frags: [] });
  assertEquals(linear(1394), { endOffset: 1728, headroom: 304, linear: 1394, behind: 30, frags: [] });
  assertEquals(linear(1414), { endOffset: 1728, headroom: 304, linear: 1414, behind: 10, frags: [] });
  // 1425 is rounded up to 1428: one byte more than class 2048 has room for.
  assertEquals(linear(1425).endOffset, 3776);
});

Deno.test("TcpBuilder in era 4.4 caps the linear area at a page, unless the fragments would not hold the rest", () => {
  assertEquals(buffersOf("4.4", 8894, 8894)[0], {
    endOffset: 3776,
    headroom: 304,
    linear: 3472,
    behind: 0,
    frags: [5422],
  });
  assertEquals(buffersOf("4.4", 3471, 3471)[0]!.linear, 3471);
  assertEquals(buffersOf("4.4", 3472 + 16 * 4096 + 1, 70000)[0]!.frags, []);
});

Deno.test("TcpBuilder in era 4.4 with GSO has 1424 linear bytes and the rest in pages of 32 KiB", () => {
  const [first] = buffersOf("4.4", 1394, 64124, { maxSegments: Infinity });
  assertEquals(first, { endOffset: 1728, headroom: 304, linear: 1424, behind: 0, frags: [32768, 29932] });
});

Deno.test("TcpBuilder in era 6.1 has no linear payload: a head of 704 bytes, and pieces of 32 KiB", () => {
  assertEquals(buffersOf("6.1", 1394, 1394)[0], {
    endOffset: 704,
    headroom: 320,
    linear: 0,
    behind: 384,
    frags: [1394],
  });
  const bulk = buffersOf("6.1", 1394, 3 * 64124, { maxSegments: Infinity });
  assertEquals(bulk.map(({ frags }) => frags), [[32768, 31356], [1412, 32768, 29944], [2824, 32768, 28532]]);
});

Deno.test("TcpBuilder.sizeGoal() is whole segments of 64 KiB less the headers, and one segment without GSO", () => {
  const { skbs } = new SkbFixture("6.1");
  assertEquals(new TcpBuilder(skbs, COPIES, Infinity).sizeGoal(1394), 46 * 1394);
  assertEquals(new TcpBuilder(skbs, COPIES, Infinity).sizeGoal(1448), 45 * 1448);
  assertEquals(new TcpBuilder(skbs, COPIES, 4).sizeGoal(1448), 4 * 1448);
  assertEquals(new TcpBuilder(skbs, COPIES, 1).sizeGoal(1448), 1448);
  assertEquals(new TcpBuilder(skbs, COPIES, Infinity).sizeGoal(65300), 65300);
});

Deno.test("TcpBuilder ends a buffer where it would need more fragments than are to be built, or smaller pages", () => {
  const sizes = { pageOrder: 0, buildFrags: 4 };
  const buffers = buffersOf("6.1", 1394, 30000, { maxSegments: Infinity, sizes });
  assertEquals(buffers.map(({ frags }) => frags), [[4096, 4096, 4096, 4096], [4096, 4096, 4096, 1328]]);
});

Deno.test("TcpBuilder with sendfile refers to the pages of the file, 17 in a buffer, also in era 4.4", () => {
  for (const era of ["4.4", "6.1"] as const) {
    const buffers = buffersOf(era, 1394, 17 * 4096, { maxSegments: Infinity, sendfile: "on" });
    assertEquals(buffers.map(({ frags, linear }) => [frags.length, linear]), [[16, 0], [2, 0]]);
    assertEquals(buffers[0]!.frags.reduce((sum, bytes) => sum + bytes, 0), 64124);
  }
});

Deno.test("hasSocketGso() follows gso=l2, or that of an SA that is offloaded, unless it is said", () => {
  const ofEsp = { mode: "transport", era: "6.1", nic_sg: "on" } as const;
  assertEquals(hasSocketGso({ ...ofEsp, socket_gso: "auto", gso: "xfrm", offload: "crypto" }), true);
  assertEquals(hasSocketGso({ ...ofEsp, socket_gso: "auto", gso: "off", offload: "packet" }), false);
  assertEquals(hasSocketGso({ ...ofEsp, socket_gso: "auto", gso: "l2", offload: "none" }), true);
  assertEquals(hasSocketGso({ ...ofEsp, socket_gso: "auto", gso: "xfrm", offload: "none" }), false);
  assertEquals(hasSocketGso({ ...ofEsp, socket_gso: "on", gso: "xfrm", offload: "none" }), true);
  assertEquals(hasSocketGso({ ...ofEsp, socket_gso: "off", gso: "l2", offload: "none" }), false);
});

Deno.test("hasSocketGso() without IPsec is always on in 6.1, and in 4.4 where the device gathers, whatever gso says", () => {
  const plain = { mode: "none", gso: "off", offload: "none", socket_gso: "auto" } as const;
  assertEquals(hasSocketGso({ ...plain, era: "6.1", nic_sg: "off" }), true);
  assertEquals(hasSocketGso({ ...plain, era: "4.4", nic_sg: "on" }), true);
  assertEquals(hasSocketGso({ ...plain, era: "4.4", nic_sg: "off", gso: "l2" }), false);
  assertEquals(hasSocketGso({ ...plain, era: "6.1", nic_sg: "on", socket_gso: "off" }), false);
});
