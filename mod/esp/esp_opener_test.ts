import { assert, assertEquals } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { EspOpener } from "./esp_opener.ts";
import { lowSequenceOf, sealEspPacket } from "./esp_packet.ts";
import { testSecurityAssociation } from "./sa.ts";

const INNER = Uint8Array.from([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, ...new Array(30).fill(7)]);

/** Numbers of the packets that open, of those with these numbers; 0 for one that does not. */
function openedNumbers(esn: "on" | "off", sequences: readonly number[]): number[] {
  const sa = testSecurityAssociation({ seed: 1, esn });
  const aead = sa.aead(ENGINES.noble);
  const opener = new EspOpener(sa, aead);
  return sequences.map((sequence) => {
    const result = opener.open(sealEspPacket(INNER, sa, aead, sequence, 0));
    return result.opened ? result.sequence : 0;
  });
}

Deno.test("EspOpener guesses the upper halves of extended numbers, packets out of order too", () => {
  const around = [0xfffff000, 0xffffffff, 0x100000001, 0x100000000, 0xfffffffe];
  const numbers = [1, 3, 2, 0x80000000, ...around, 0x180000000, 0x1fffffff0, 0x200000005];
  assertEquals(openedNumbers("on", numbers), numbers);
});

Deno.test("EspOpener does not open what is 2^32 numbers away, and goes on after it", () => {
  assertEquals(openedNumbers("on", [1, 0x300000005, 2]), [1, 0, 2]);
});

Deno.test("EspOpener opens numbers that are not extended in any order", () => {
  assertEquals(openedNumbers("off", [0xffffffff, 1, 0x80000000]), [0xffffffff, 1, 0x80000000]);
});

Deno.test("lowSequenceOf() is undefined where there is no ESP", () => {
  const sa = testSecurityAssociation({ seed: 1, esn: "on" });
  assertEquals(lowSequenceOf(INNER, sa), undefined);
  assertEquals(lowSequenceOf(new Uint8Array(0), sa), undefined);
  const packet = sealEspPacket(INNER, sa, sa.aead(ENGINES.noble), 0x5_00000009, 0);
  assertEquals(lowSequenceOf(packet, sa), 9);
  assert(!new EspOpener(sa, sa.aead(ENGINES.noble)).open(packet).opened);
});
