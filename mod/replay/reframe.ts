/**
 * Gives a captured packet the plain Ethernet header with which a NIC of the model receives it.
 *
 * Tags, PPPoE, MPLS and the headers of other link types are left out, as by hardware that strips tags or an access
 * concentrator; Linux would see some of them as headers of their own. The addresses are those of the packet where it has
 * Ethernet addresses, else two fixed ones.
 *
 * ```ts
 * const reframer = new Reframer();
 * facts.read(packet.bytes, packet.offset, packet.capturedBytes, packet.originalBytes, packet.linkType);
 * if (facts.isReframed) reframer.write(packet, facts); // The frame is in reframer.bytes, from 0 on.
 * ```
 *
 * @module
 */

import { type CapturePacket, LINKTYPE_ETHERNET } from "../capture/mod.ts";
import { set16 } from "../wire/bytes.ts";
import { ETH_ALEN, ETH_HLEN, OFFSET_TYPE, writeEthernet } from "../wire/ethernet.ts";
import type { FrameFacts } from "../wire/frame_facts.ts";
import { Scratch } from "../wire/scratch.ts";

/** Addresses of packets that had none: locally administered, ours ends in 1 and that of the other side in 2. */
const DESTINATION_ADDRESS = Uint8Array.of(2, 0, 0, 0, 0, 1);
const SOURCE_ADDRESS = Uint8Array.of(2, 0, 0, 0, 0, 2);

/** Builds one frame at a time, always in the same place. */
export class Reframer {
  /** The frame built last, from 0 on; as many bytes as `capturedFrameBytes` of its facts. */
  bytes: Uint8Array = new Uint8Array(0);
  readonly #scratch = new Scratch();

  /** Builds the frame of `packet`, which `facts` have just been read from. The packet is only read. */
  write(packet: CapturePacket, facts: FrameFacts): void {
    this.bytes = this.#scratch.room(facts.capturedFrameBytes);
    writeEthernetHeader(packet, facts, this.bytes);
    const networkAt = facts.frameAt + ETH_HLEN;
    this.bytes.set(packet.bytes.subarray(networkAt, facts.frameAt + facts.capturedFrameBytes), ETH_HLEN);
  }
}

/** Writes the 14 bytes of Ethernet header with which `packet` arrives to the start of `into`. */
export function writeEthernetHeader(packet: CapturePacket, facts: FrameFacts, into: Uint8Array): void {
  if (packet.linkType === LINKTYPE_ETHERNET) {
    for (let i = 0; i < 2 * ETH_ALEN; i++) into[i] = packet.bytes[packet.offset + i]!;
    set16(into, OFFSET_TYPE, facts.etherType);
  } else {
    writeEthernet(into, 0, DESTINATION_ADDRESS, SOURCE_ADDRESS, facts.etherType);
  }
}
