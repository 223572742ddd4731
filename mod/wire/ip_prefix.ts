/**
 * An address or a prefix of either IP version (CIDR, RFC 4632; RFC 4291, section 2.3), and which addresses are of it.
 *
 * ```ts
 * import { parsePrefix } from "./ip_prefix.ts";
 * const net = parsePrefix("10.0.0.0/8")!;
 * net.contains(4, Uint8Array.of(10, 1, 2, 3), 0); // true
 * parsePrefix("2001:db8::1")!.bits; // 128
 * ```
 *
 * @module
 */
import { set32 } from "./bytes.ts";
import { parseAddress } from "./ipv4.ts";
import { parseAddress6 } from "./ipv6_address.ts";

/** A prefix; one address is a prefix of all its bits. */
export class IpPrefix {
  /**
   * A prefix of which all is known; `parsePrefix()` makes one of a text.
   *
   * @param version 4 or 6.
   * @param address 4 or 16 bytes, kept; bits behind the prefix mean nothing.
   * @param bits How many bits of the address count, 0 to 32 or 128.
   */
  constructor(readonly version: number, readonly address: Uint8Array, readonly bits: number) {}

  /** Whether the address of a version at absolute offset `at` begins with this prefix. False for the other version. */
  contains(version: number, u8: Uint8Array, at: number): boolean {
    if (version !== this.version) return false;
    const whole = this.bits >>> 3;
    for (let i = 0; i < whole; i++) if (u8[at + i] !== this.address[i]) return false;
    const rest = this.bits & 7;
    return rest === 0 || ((u8[at + whole]! ^ this.address[whole]!) >>> (8 - rest)) === 0;
  }
}

/** The prefix that `text` says: an address, or an address, "/" and a number of bits; undefined where it is no such thing. */
export function parsePrefix(text: string): IpPrefix | undefined {
  const [word, bitsText, more] = text.split("/", 3) as [string, string | undefined, string | undefined];
  const address = addressBytes(word);
  if (address === undefined || more !== undefined) return undefined;
  const longest = address.length * 8;
  if (bitsText !== undefined && !/^(0|[1-9][0-9]{0,2})$/.test(bitsText)) return undefined;
  const bits = bitsText === undefined ? longest : Number(bitsText);
  return bits > longest ? undefined : new IpPrefix(address.length === 4 ? 4 : 6, address, bits);
}

function addressBytes(text: string): Uint8Array | undefined {
  const address = parseAddress(text);
  if (address === undefined) return parseAddress6(text);
  const bytes = new Uint8Array(4);
  set32(bytes, 0, address);
  return bytes;
}
