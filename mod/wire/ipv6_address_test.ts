import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { formatAddress6, parseAddress6 } from "./ipv6_address.ts";

/** Groups that are often zero, so that runs of zeros come in all places and lengths. */
const addresses = fc.array(fc.oneof(fc.constant(0), fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])));

Deno.test("formatAddress6() writes the examples of RFC 5952, and the forms at the edges", () => {
  for (
    const [hex, text] of [
      ["20010db8000000000000000000000001", "2001:db8::1"],
      ["20010db8000000000001000000000001", "2001:db8::1:0:0:1"],
      ["20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"],
      ["20010000000000010000000000000001", "2001:0:0:1::1"],
      ["20010db80aaa0bbb0cccdddd0000eeee", "2001:db8:aaa:bbb:ccc:dddd:0:eeee"],
      ["00000000000000000000000000000000", "::"],
      ["00000000000000000000000000000001", "::1"],
      ["fe800000000000000000000000000000", "fe80::"],
      ["00000000000000000000ffffc0000201", "::ffff:192.0.2.1"],
      ["000000000000000000000000c0000201", "::c000:201"],
      ["0064ff9b0000000000000000c0000201", "64:ff9b::c000:201"],
      ["00000000000000010000000000000000", "0:0:0:1::"],
    ] as const
  ) {
    assertEquals(formatAddress6(Uint8Array.fromHex("a5a5a5" + hex + "a5"), 3), text);
  }
});

Deno.test("parseAddress6() takes every form of RFC 4291, section 2.2", () => {
  for (
    const [text, hex] of [
      ["ABCD:EF01:2345:6789:ABCD:EF01:2345:6789", "abcdef0123456789abcdef0123456789"],
      ["2001:DB8:0:0:8:800:200C:417A", "20010db80000000000080800200c417a"],
      ["2001:DB8::8:800:200C:417A", "20010db80000000000080800200c417a"],
      ["FF01::101", "ff010000000000000000000000000101"],
      ["::1", "00000000000000000000000000000001"],
      ["::", "00000000000000000000000000000000"],
      ["0:0:0:0:0:0:13.1.68.3", "0000000000000000000000000d014403"],
      ["::13.1.68.3", "0000000000000000000000000d014403"],
      ["::FFFF:129.144.52.38", "00000000000000000000ffff81903426"],
      ["64:ff9b::192.0.2.33", "0064ff9b0000000000000000c0000221"],
      ["1:2:3:4:5:6:7::", "00010002000300040005000600070000"],
      ["::2:3:4:5:6:7:8", "00000002000300040005000600070008"],
      ["0001:02:3:4:5:6:7:8", "00010002000300040005000600070008"],
    ] as const
  ) {
    assertEquals(parseAddress6(text)?.toHex(), hex, text);
  }
});

Deno.test("parseAddress6() refuses what is no address", () => {
  for (
    const text of [
      ...["", ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8"],
      ...[
        "1::2::3",
        "1:::2",
        ":1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:",
        "1:2:3:4:5:6:7:8:",
        "12345::",
        "g::",
        "-1::",
        "0x1::",
      ],
      ...["1.2.3.4", "::1.2.3", "::1.2.3.256", "::1.2.3.04", "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4"],
      ...["::1%eth0", "::1/64", " ::1", "::1 ", "[::1]", "1::2:", ":1::2", "::".repeat(1000), "0".repeat(100000)],
    ]
  ) {
    assertEquals(parseAddress6(text), undefined, text.slice(0, 40));
  }
});

Deno.test("parseAddress6() undoes formatAddress6()", () => {
  fc.assert(
    fc.property(addresses, (address) => {
      assertEquals(parseAddress6(formatAddress6(address, 0)), address);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("formatAddress6() and parseAddress6() agree with the URL parser of the platform", () => {
  fc.assert(
    fc.property(addresses, (address) => {
      const text = formatAddress6(address, 0);
      const { hostname } = new URL(`http://[${text}]/`);
      // The URL standard writes IPv4-mapped addresses in hexadecimal groups.
      if (!text.includes(".")) assertEquals(hostname, `[${text}]`);
      assertEquals(parseAddress6(hostname.slice(1, -1)), address);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("parseAddress6() accepts what the URL parser of the platform accepts, and nothing else", () => {
  const words = fc.constantFrom(":", "::", "0", "1", "ab", "FFFF", "12345", "1.2.3.4", "1.2.3", ".", "g");
  fc.assert(
    fc.property(fc.array(words, { maxLength: 16 }), (parts) => {
      const text = parts.join("");
      assertEquals(parseAddress6(text) !== undefined, URL.canParse(`http://[${text}]/`), text);
    }),
    { numRuns: 20_000 },
  );
});
