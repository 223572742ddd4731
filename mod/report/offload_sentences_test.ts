/** Every sentence about ESP of a NIC is told by a run of `explain`, in the words that are right there. */

import { assertStringIncludes } from "@std/assert";
import { PROFILES } from "../cost/profiles.ts";
import { resolveConfig } from "../config/resolve.ts";
import { explain } from "../replay/explain.ts";
import { bulk, captureOf, tcpFrame } from "../replay/testing.ts";
import { renderExplanation } from "./explanation.ts";

/** Preset, settings, packet (from 1), and what is said. */
const TOLD: readonly (readonly [preset: string, sets: readonly string[], number: number, words: readonly string[]])[] =
  [
    ["offload-crypto", [], 2, [
      "trailer and encryption are left to layer 2 and the NIC (xfrm_dev_offload_ok)",
      "The NIC is going to cut and encrypt it: no trailer here (esp_xmit).",
      "The NIC encrypts its frame: 1504 bytes encrypted, ICV of 16, at no cost to a CPU (offload=crypto).",
    ]],
    ["offload-crypto", ["gro=off"], 2, [
      "The NIC is going to encrypt it; room for the trailer is needed all the same (esp_xmit, esp_output_head).",
    ]],
    ["offload-crypto", [], 7, ["software encrypts it (xdo_dev_offload_ok)", "crypto_aead_encrypt"]],
    ["offload-crypto", ["path=receive"], 2, [
      "The NIC decrypts 1504 bytes, headers and trailer stay (offload=crypto).",
      "The NIC has decrypted it: nobody has to make it writable (esp_input_tail).",
    ]],
    ["offload-packet", [], 2, [
      "Its SA is all the NIC's: no header and no trailer, the packet goes on as it is (xfrm_output, Linux 6.2).",
      "The NIC makes an ESP packet of its frame: headers and trailer added, 1504 bytes encrypted, ICV of 16",
    ]],
    ["offload-packet", [], 7, ["Dropped: the NIC does not take it, and packet offload has no fallback"]],
    ["offload-packet", ["path=receive"], 2, [
      "The NIC decrypts 1504 bytes, and takes ESP off: the stack gets a clear packet (offload=packet).",
      "in the clear",
    ]],
  ];

const OPTIONS = tcpFrame({ sequence: 1e6, id: 7, ipOptions: new Uint8Array([7, 3, 4, 0]) });

for (const [preset, sets, number, words] of TOLD) {
  Deno.test(`explain tells of ${[preset, ...sets].join(" ")}, packet ${number}: ${words[0]}`, async () => {
    const input = captureOf([...bulk(6), OPTIONS]);
    const resolved = resolveConfig({ preset, sets });
    const life = await explain({ input, resolved, profile: PROFILES.get("published")! }, number);
    const text = renderExplanation(life).replace(/\s+/g, " ");
    for (const part of words) assertStringIncludes(text, part);
  });
}
