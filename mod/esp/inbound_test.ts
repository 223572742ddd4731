import { assertEquals } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { sealEspPacket } from "./esp_packet.ts";
import { InboundTable } from "./inbound.ts";
import { type TestAssociationOptions, testSecurityAssociation } from "./sa.ts";

/** An ESP packet of an association around an IPv4 packet. */
function packetOf(options: TestAssociationOptions): Uint8Array {
  const sa = testSecurityAssociation(options);
  const inner = new Uint8Array(40);
  inner.set([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17]);
  return sealEspPacket(inner, sa, sa.aead(ENGINES.skip), 1, 0);
}

Deno.test("InboundTable.find() tells associations of one SPI apart by the address at which the tunnel ends", () => {
  const four = testSecurityAssociation({ seed: 1, ip: 4 });
  const six = testSecurityAssociation({ seed: 1, ip: 6 });
  const table = new InboundTable([four, six].map((sa) => ({ sa, aead: null })), 64);
  assertEquals(table.find(packetOf({ seed: 1, ip: 4 }), 0, four.spi)?.sa, four);
  assertEquals(table.find(packetOf({ seed: 1, ip: 6 }), 0, four.spi)?.sa, six);
  assertEquals(table.find(packetOf({ seed: 1, ip: 4 }), 0, four.spi + 1), undefined);
});

Deno.test("InboundTable.find() takes no packet of a tunnel that ends elsewhere, in transport mode any", () => {
  for (const mode of ["tunnel", "transport"] as const) {
    const sa = testSecurityAssociation({ seed: 1, mode });
    const packet = packetOf({ seed: 1, mode });
    packet[19] = packet[19]! ^ 1;
    assertEquals(
      new InboundTable([{ sa, aead: null }], 64).find(packet, 0, sa.spi)?.sa,
      mode === "tunnel" ? undefined : sa,
    );
  }
});

Deno.test("InboundTable keeps a window of the asked size for each association", () => {
  const sa = testSecurityAssociation({ seed: 1 });
  const found = new InboundTable([{ sa, aead: null }], 32).find(packetOf({ seed: 1 }), 0, sa.spi);
  assertEquals(found?.window.size, 32);
});
