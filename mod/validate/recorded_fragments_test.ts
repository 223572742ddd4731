import { assertEquals } from "@std/assert";
import { espFrames, fragmentsOf } from "../stages/testing_fragments.ts";
import { flowOf } from "../stages/testing.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { wholePackets } from "./recorded_fragments.ts";

for (const version of [4, 6] as const) {
  Deno.test(`wholePackets() puts fragments together as they were, among other packets (IPv${version})`, () => {
    const frames = espFrames(flowOf(3, {}, { payloadBytes: 1400 }), version).map((frame) => frame.subarray(ETH_HLEN));
    const cut = (index: number): Uint8Array[] => {
      const frame = new Uint8Array(ETH_HLEN + frames[index]!.length);
      frame.set(frames[index]!, ETH_HLEN);
      return fragmentsOf(frame, [800, 1200], index).map((fragment) => fragment.subarray(ETH_HLEN));
    };
    const [a, b] = [cut(0), cut(1)];
    const packets = [a[0]!, b[1]!, frames[2]!, a[1]!, b[0]!, a[2]!, b[2]!];
    const wholes = wholePackets(packets);
    assertEquals(wholes.map((whole) => whole?.parts ?? null), [[0, 3, 5], [1, 4, 6], [2], null, null, null, null]);
    assertEquals([wholes[0]!.packet, wholes[1]!.packet, wholes[2]!.packet], frames);
  });

  Deno.test(`wholePackets() leaves a fragment alone whose packet is not all there (IPv${version})`, () => {
    const [frame] = espFrames(flowOf(1), version);
    const parts = fragmentsOf(frame!, [800, 1200]).map((fragment) => fragment.subarray(ETH_HLEN));
    assertEquals(wholePackets(parts.slice(0, 2)).map((whole) => whole?.parts), [[0], [1]]);
    assertEquals(wholePackets(parts.slice(1)).map((whole) => whole?.parts), [[0], [1]]);
    assertEquals(wholePackets([]), []);
  });
}
