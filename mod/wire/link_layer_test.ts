import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { isLinkTypeFollowed, LinkLayer } from "./link_layer.ts";
import {
  LINKTYPE_ETHERNET,
  LINKTYPE_IPV4,
  LINKTYPE_IPV6,
  LINKTYPE_LINUX_SLL,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_LOOP,
  LINKTYPE_NULL,
  LINKTYPE_PPP,
  LINKTYPE_RAW,
  LINKTYPE_RAW_12,
  LINKTYPE_RAW_14,
} from "./link_types.ts";

const MACS = "02000000000b02000000000a";
const IPV4 = "45000014";
const IPV6 = "60000000";
const SLL = "0000" + "0001" + "0006" + "02000000000a0000";
const SLL2 = "0000" + "00000003" + "0001" + "00" + "06" + "02000000000a0000";
const AT = 3;

/** Where the network layer is: EtherType, offset from the start of the packet, and whether it is plain Ethernet. */
function read(hex: string, linkType: number, capturedBytes = hex.length / 2): [number, number, boolean] {
  // What follows would be taken for the rest of any header: a bottom label, an odd protocol, a version.
  const u8 = new Uint8Array(AT + hex.length / 2 + 40).fill(0x45);
  u8.set(Uint8Array.fromHex(hex), AT);
  const link = new LinkLayer();
  link.read(u8, AT, capturedBytes, linkType);
  return [link.etherType, link.networkAt - AT, link.isPlainEthernet];
}

const FOLLOWED: readonly [what: string, linkType: number, hex: string, etherType: number, networkAt: number][] = [
  ["one tag", LINKTYPE_ETHERNET, MACS + "8100" + "0001" + "0800" + IPV4, 0x0800, 18],
  ["two tags", LINKTYPE_ETHERNET, MACS + "88a80001" + "81000002" + "86dd" + IPV6, 0x86dd, 22],
  ["three tags", LINKTYPE_ETHERNET, MACS + "91000001" + "88a80002" + "8100e003" + "0806" + IPV4, 0x0806, 26],
  ["a tag before something unknown", LINKTYPE_ETHERNET, MACS + "81000001" + "88cc" + "0207", 0x88cc, 18],
  ["PPPoE with IPv4", LINKTYPE_ETHERNET, MACS + "8864" + "110000070016" + "0021" + IPV4, 0x0800, 22],
  ["PPPoE with IPv6", LINKTYPE_ETHERNET, MACS + "8864" + "110000070016" + "0057" + IPV6, 0x86dd, 22],
  ["PPPoE with a short protocol field", LINKTYPE_ETHERNET, MACS + "8864" + "110000070016" + "21" + IPV4, 0x0800, 21],
  ["PPPoE with LCP", LINKTYPE_ETHERNET, MACS + "8864" + "110000070016" + "c021" + "0101", 0x8864, 14],
  ["a PPPoE header of another version", LINKTYPE_ETHERNET, MACS + "8864" + "210000070016" + "0021" + IPV4, 0x8864, 14],
  ["PPPoE with a code", LINKTYPE_ETHERNET, MACS + "8864" + "11a700070016" + "0021" + IPV4, 0x8864, 14],
  [
    "PPPoE behind two tags",
    LINKTYPE_ETHERNET,
    MACS + "88a8000181000002" + "8864" + "1100000700160021" + IPV4,
    0x0800,
    30,
  ],
  [
    "PPPoE with LCP behind a tag",
    LINKTYPE_ETHERNET,
    MACS + "81000001" + "8864" + "110000070016c021" + "01",
    0x8864,
    18,
  ],
  ["one label", LINKTYPE_ETHERNET, MACS + "8847" + "000011ff" + IPV4, 0x0800, 18],
  ["three labels", LINKTYPE_ETHERNET, MACS + "8847" + "000010ff" + "000020ff" + "000031ff" + IPV6, 0x86dd, 26],
  ["multicast labels", LINKTYPE_ETHERNET, MACS + "8848" + "000011ff" + IPV4, 0x0800, 18],
  ["labels behind a tag", LINKTYPE_ETHERNET, MACS + "81000001" + "8847" + "000011ff" + IPV4, 0x0800, 22],
  ["a label before something else", LINKTYPE_ETHERNET, MACS + "8847" + "000011ff" + "00000000", 0x8847, 14],
  ["labels without end", LINKTYPE_ETHERNET, MACS + "8847" + "000010ff" + "000010ff", 0x8847, 14],
  ["a tag that is cut", LINKTYPE_ETHERNET, MACS + "8100" + "000108", 0x8100, 14],
  ["a second tag that is cut", LINKTYPE_ETHERNET, MACS + "88a80001" + "8100" + "00", 0x8100, 18],
  ["cut PPPoE", LINKTYPE_ETHERNET, MACS + "8864" + "1100000700", 0x8864, 14],
  ["PPPoE without protocol", LINKTYPE_ETHERNET, MACS + "8864" + "110000070016", 0x8864, 14],
  ["PPPoE with half a protocol", LINKTYPE_ETHERNET, MACS + "8864" + "11000007001600", 0x8864, 14],
  ["a cut label", LINKTYPE_ETHERNET, MACS + "8847" + "000011", 0x8847, 14],
  ["a label before nothing", LINKTYPE_ETHERNET, MACS + "8847" + "000011ff", 0x8847, 14],
  ["SLL", LINKTYPE_LINUX_SLL, SLL + "0800" + IPV4, 0x0800, 16],
  ["SLL with a tag", LINKTYPE_LINUX_SLL, SLL + "8100" + "00010800" + IPV4, 0x0800, 20],
  ["SLL of netlink", LINKTYPE_LINUX_SLL, "00000338" + SLL.slice(8) + "0800" + IPV4, 0, 16],
  ["cut SLL", LINKTYPE_LINUX_SLL, SLL + "08", 0, 0],
  ["SLL2", LINKTYPE_LINUX_SLL2, "86dd" + SLL2 + IPV6, 0x86dd, 20],
  ["SLL2 with a tag", LINKTYPE_LINUX_SLL2, "8100" + SLL2 + "00010800" + IPV4, 0x0800, 24],
  [
    "SLL2 of netlink",
    LINKTYPE_LINUX_SLL2,
    "0800" + SLL2.replace("0000000003" + "0001", "0000000003" + "0338") + IPV4,
    0,
    20,
  ],
  ["cut SLL2", LINKTYPE_LINUX_SLL2, "0800" + SLL2.slice(2), 0, 0],
  ["raw IPv4", LINKTYPE_RAW, IPV4, 0x0800, 0],
  ["raw IPv6", LINKTYPE_RAW, IPV6, 0x86dd, 0],
  ["raw something", LINKTYPE_RAW, "50000000", 0, 0],
  ["raw nothing", LINKTYPE_RAW, "", 0, 0],
  ["raw IP by its number 12", LINKTYPE_RAW_12, IPV6, 0x86dd, 0],
  ["raw IP by its number 14", LINKTYPE_RAW_14, IPV4, 0x0800, 0],
  ["link type IPv4", LINKTYPE_IPV4, IPV4, 0x0800, 0],
  ["link type IPv6", LINKTYPE_IPV6, IPV6, 0x86dd, 0],
  ["loopback, little-endian", LINKTYPE_NULL, "02000000" + IPV4, 0x0800, 4],
  ["loopback, big-endian", LINKTYPE_NULL, "00000002" + IPV4, 0x0800, 4],
  ["loopback of OpenBSD", LINKTYPE_LOOP, "00000018" + IPV6, 0x86dd, 4],
  ["loopback with IPv6 of Linux", LINKTYPE_NULL, "0a000000" + IPV6, 0x86dd, 4],
  ["loopback with IPv6 of Windows", LINKTYPE_NULL, "17000000" + IPV6, 0x86dd, 4],
  ["loopback with IPv6 of FreeBSD", LINKTYPE_NULL, "0000001c" + IPV6, 0x86dd, 4],
  ["loopback with IPv6 of macOS", LINKTYPE_NULL, "1e000000" + IPV6, 0x86dd, 4],
  ["loopback with another family", LINKTYPE_NULL, "00000007" + IPV4, 0, 4],
  ["loopback with no family", LINKTYPE_NULL, "02000002" + IPV4, 0, 4],
  ["cut loopback", LINKTYPE_NULL, "020000", 0, 0],
  ["PPP", LINKTYPE_PPP, "0021" + IPV4, 0x0800, 2],
  ["PPP with HDLC framing", LINKTYPE_PPP, "ff03" + "0057" + IPV6, 0x86dd, 4],
  ["PPP with a short protocol field", LINKTYPE_PPP, "21" + IPV4, 0x0800, 1],
  ["PPP with both", LINKTYPE_PPP, "ff03" + "57" + IPV6, 0x86dd, 3],
  ["PPP with LCP", LINKTYPE_PPP, "ff03" + "c021" + "0101", 0, 0],
  ["PPP without protocol", LINKTYPE_PPP, "ff03", 0, 0],
  ["half of HDLC framing", LINKTYPE_PPP, "ff", 0, 0],
  ["an empty PPP packet", LINKTYPE_PPP, "", 0, 0],
];

for (const [what, linkType, hex, etherType, networkAt] of FOLLOWED) {
  Deno.test(`LinkLayer.read() follows ${what}, and never beyond the end`, () => {
    const isPlain = linkType === LINKTYPE_ETHERNET && networkAt === 14;
    assertEquals(read(hex, linkType), [etherType, networkAt, isPlain]);
  });
}

Deno.test("LinkLayer.read() leaves plain Ethernet alone, and frames too short for its header", () => {
  for (const etherType of [0x0800, 0x86dd, 0x0806, 0x88cc, 0x0026]) {
    assertEquals(read(MACS + etherType.toString(16).padStart(4, "0"), LINKTYPE_ETHERNET), [etherType, 14, true]);
  }
  for (let bytes = 0; bytes < 14; bytes++) {
    assertEquals(read(MACS + "0800", LINKTYPE_ETHERNET, bytes), [0, 0, true]);
  }
});

Deno.test("LinkLayer.read() knows nothing of other link types, and isLinkTypeFollowed() says so", () => {
  for (let linkType = 0; linkType < 300; linkType++) {
    const followed = FOLLOWED.some(([, number]) => number === linkType);
    assertEquals(isLinkTypeFollowed(linkType), followed);
    if (!followed) assertEquals(read(IPV4, linkType), [0, 0, false]);
  }
});

Deno.test("LinkLayer.read() forgets the packet before", () => {
  const link = new LinkLayer();
  link.read(Uint8Array.fromHex(MACS + "0800" + IPV4), 0, 18, LINKTYPE_ETHERNET);
  link.read(new Uint8Array(4), 0, 4, 9999);
  assertEquals([link.etherType, link.networkAt, link.isPlainEthernet], [0, 0, false]);
});

/** An array that fails the test when a byte outside of `at` to `end` is read. */
function guarded(bytes: Uint8Array, at: number, end: number): Uint8Array {
  return new Proxy(bytes, {
    get(target, key) {
      const index = Number(String(key));
      if (!Number.isNaN(index) && (index < at || index >= end)) throw new RangeError(`byte ${index} was read`);
      return Reflect.get(target, key, target);
    },
  });
}

Deno.test("LinkLayer.read() looks at no byte outside of what was captured, and stays inside it", () => {
  const packet = fc.oneof(
    fc.constantFrom(...FOLLOWED).map(([, linkType, hex]) => ({ linkType, bytes: Uint8Array.fromHex(hex) })),
    fc.record({
      linkType: fc.constantFrom(...new Set(FOLLOWED.map(([, linkType]) => linkType))),
      bytes: fc.uint8Array({ maxLength: 60 }),
    }),
  );
  fc.assert(
    fc.property(packet, fc.nat(60), fc.nat(5), ({ linkType, bytes }, cut, at) => {
      const captured = Math.min(cut, bytes.length);
      const u8 = new Uint8Array(at + bytes.length);
      u8.set(bytes, at);
      const link = new LinkLayer();
      link.read(guarded(u8, at, at + captured), at, captured, linkType);
      assertEquals(link.networkAt >= at && link.networkAt <= at + captured, true);
    }),
    { numRuns: 5000 },
  );
});
