import { assertEquals } from "@std/assert";
import { type Cipher, EncryptThenMac, type Mac } from "./encrypt_then_mac.ts";
import { NULL_CIPHER } from "./null_cipher.ts";

/** A MAC of 4 bytes that notes what it is given: the number of bytes, then the first of them. */
class NotingMac implements Mac {
  readonly macBytes = 4;
  readonly messages: string[] = [];
  #message = "";

  update(bytes: Uint8Array): void {
    this.#message += bytes.toHex();
  }

  finish(out: Uint8Array): void {
    this.messages.push(this.#message);
    out.set([this.#message.length / 2, 0x11, 0x22, 0x33]);
    this.#message = "";
  }
}

/** Adds 1 to every byte; the last 2 bytes of its nonce are in the packet. */
const ADDING: Cipher = {
  ivBytes: 2,
  blockBytes: 3,
  encrypt(_nonce, u8, at, length) {
    for (let i = 0; i < length; i++) u8[at + i]! += 1;
  },
  decrypt(_nonce, u8, at, length) {
    for (let i = 0; i < length; i++) u8[at + i]! -= 1;
  },
};

Deno.test("EncryptThenMac authenticates additional data, IV and ciphertext in the order of the packet, no salt", () => {
  const mac = new NotingMac();
  const aead = new EncryptThenMac(ADDING, mac, 3);
  const [nonce, aad] = [Uint8Array.fromHex("5a" + "b1b2"), Uint8Array.fromHex("a1")];
  const u8 = Uint8Array.fromHex("ee" + "c1c2c3" + "000000" + "ee");
  aead.seal(nonce, aad, u8, 1, 3);
  assertEquals(u8.toHex(), "ee" + "c2c3c4" + "061122" + "ee");
  assertEquals(aead.open(nonce, aad, u8, 1, 6), true);
  assertEquals(u8.toHex(), "ee" + "c1c2c3" + "061122" + "ee");
  assertEquals(mac.messages, ["a1" + "b1b2" + "c2c3c4", "a1" + "b1b2" + "c2c3c4"]);
});

Deno.test("EncryptThenMac authenticates the upper half of an extended sequence number last", () => {
  const mac = new NotingMac();
  const aead = new EncryptThenMac(ADDING, mac, 3);
  const u8 = Uint8Array.fromHex("c1c2c3" + "000000");
  aead.seal(Uint8Array.fromHex("b1b2"), Uint8Array.fromHex("0000100100000007fffffff0"), u8, 0, 3);
  assertEquals(mac.messages, ["00001001" + "fffffff0" + "b1b2" + "c2c3c4" + "00000007"]);
});

Deno.test("EncryptThenMac.open() refuses a wrong tag and looks at no byte behind it", () => {
  const aead = new EncryptThenMac(NULL_CIPHER, new NotingMac(), 3);
  const none = new Uint8Array(0);
  assertEquals(aead.open(none, none, Uint8Array.fromHex("c1" + "011122" + "99"), 0, 4), true);
  for (const tag of ["001122", "011022", "011123"]) {
    assertEquals(aead.open(none, none, Uint8Array.fromHex("c1" + tag), 0, 4), false);
  }
});

Deno.test("EncryptThenMac.open() refuses what is no whole number of blocks, whatever its tag", () => {
  const aead = new EncryptThenMac(ADDING, new NotingMac(), 3);
  const none = new Uint8Array(0);
  assertEquals(aead.open(none, none, Uint8Array.fromHex("c1c2" + "021122"), 0, 5), false);
});
