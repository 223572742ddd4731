import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { formatAddress } from "./ipv4.ts";
import { formatAddress6 } from "./ipv6_address.ts";
import { parsePrefix } from "./ip_prefix.ts";

/** An address as a number of 32 or 128 bits, and as bytes. */
const bytesOf = (address: bigint, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => Number((address >> BigInt(8 * (length - 1 - i))) & 0xffn));

Deno.test("parsePrefix() takes addresses and prefixes of both versions", () => {
  for (
    const [text, version, bits] of [
      ["192.0.2.1", 4, 32],
      ["10.0.0.0/8", 4, 8],
      ["0.0.0.0/0", 4, 0],
      ["2001:db8::1", 6, 128],
      ["2001:db8::/32", 6, 32],
      ["::/0", 6, 0],
      ["::ffff:192.0.2.1/128", 6, 128],
    ] as const
  ) {
    const prefix = parsePrefix(text)!;
    assertEquals([prefix.version, prefix.bits, prefix.address.length], [version, bits, version === 4 ? 4 : 16], text);
  }
});

Deno.test("parsePrefix() refuses what is no prefix", () => {
  for (
    const text of [
      "",
      "/",
      "10.0.0.0/",
      "10.0.0.0/33",
      "::/129",
      "::/-1",
      "::/01",
      "::/1/2",
      "10.0.0/8",
      "/8",
      "::/ 8",
      "::/1e1",
    ]
  ) {
    assertEquals(parsePrefix(text), undefined, text);
  }
});

Deno.test("IpPrefix.contains() compares as many bits as the prefix has, at any offset", () => {
  for (const [version, length] of [[4, 4], [6, 16]] as const) {
    const addresses = fc.bigInt({ min: 0n, max: (1n << BigInt(8 * length)) - 1n });
    fc.assert(fc.property(addresses, fc.nat(8 * length), fc.nat(8 * length), addresses, (net, bits, shared, other) => {
      const text = version === 4 ? formatAddress(Number(net)) : formatAddress6(bytesOf(net, 16), 0);
      const prefix = parsePrefix(`${text}/${bits}`)!;
      // Addresses with `shared` bits in common at least, so that both answers come.
      const low = (1n << BigInt(8 * length - shared)) - 1n;
      const address = (net & ~low) | (other & low);
      const u8 = Uint8Array.of(0xa5, 0xa5, 0xa5, ...bytesOf(address, length), 0xa5);
      const expected = (address ^ net) >> BigInt(8 * length - bits) === 0n;
      assertEquals(prefix.contains(version, u8, 3), expected);
      assertEquals(prefix.contains(10 - version, u8, 3), false);
    }));
  }
});
