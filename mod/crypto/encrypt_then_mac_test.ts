import { assertEquals } from "@std/assert";
import { EncryptThenMac, type Mac } from "./encrypt_then_mac.ts";

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

Deno.test("EncryptThenMac authenticates additional data, IV and ciphertext in the order of the packet", () => {
  const mac = new NotingMac();
  const aead = new EncryptThenMac(mac, 3);
  const [iv, aad] = [Uint8Array.fromHex("b1b2"), Uint8Array.fromHex("a1")];
  const u8 = Uint8Array.fromHex("ee" + "c1c2c3" + "000000" + "ee");
  aead.seal(iv, aad, u8, 1, 3);
  assertEquals(u8.toHex(), "ee" + "c1c2c3" + "061122" + "ee");
  assertEquals(aead.open(iv, aad, u8, 1, 6), true);
  assertEquals(mac.messages, ["a1" + "b1b2" + "c1c2c3", "a1" + "b1b2" + "c1c2c3"]);
});

Deno.test("EncryptThenMac.open() refuses a wrong tag and looks at no byte behind it", () => {
  const aead = new EncryptThenMac(new NotingMac(), 3);
  const none = new Uint8Array(0);
  assertEquals(aead.open(none, none, Uint8Array.fromHex("c1" + "011122" + "99"), 0, 4), true);
  for (const tag of ["001122", "011022", "011123"]) {
    assertEquals(aead.open(none, none, Uint8Array.fromHex("c1" + tag), 0, 4), false);
  }
});
