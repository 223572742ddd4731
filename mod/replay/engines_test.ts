/** Whole runs with one engine and another. Those with OpenSSL need --allow-ffi: `deno task test-ffi`. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { sourceOfBytes } from "../capture/byte_source.ts";
import { ConfigError } from "../config/errors.ts";
import { resolveConfig } from "../config/resolve.ts";
import { PROFILES } from "../cost/profiles.ts";
import { ENGINES, fastestEngine } from "../crypto/engines.ts";
import { renderRunJson } from "../report/run_json.ts";
import { renderCsv } from "../report/columns.ts";
import { SUMMARY_COLUMNS } from "../report/summary.ts";
import { replay } from "./run.ts";

const BYTES = Deno.readFileSync(new URL("../../fixtures/exchange-tcp-ipv4.pcap", import.meta.url));
const ignore = ENGINES.openssl.whyUnavailable() !== undefined;

/** One run: its row, its frames in hexadecimal with their times, and its run.json. */
async function play(engine: string, sets: readonly string[]) {
  const frames: string[] = [];
  const resolved = resolveConfig({ preset: "linux-6.1", sets: [`engine=${engine}`, "oversize=mss", ...sets] });
  const run = await replay({
    input: { name: "exchange", open: () => Promise.resolve({ ...sourceOfBytes(BYTES), close: () => {} }) },
    resolved,
    profile: PROFILES.get(resolved.config.profile)!,
    check: true,
    frames: {
      begin() {},
      write: (tNs, bytes, length) => void frames.push(`${tNs} ${bytes.subarray(0, length).toHex()}`),
    },
  });
  assertEquals(run.failures, []);
  return { row: renderCsv(SUMMARY_COLUMNS, [{ number: 1, run }]), frames, json: renderRunJson(run), ran: run.engine };
}

for (const cipher of ["aes-gcm-256", "chacha20-poly1305", "aes-cbc-128-sha256", "aes-ccm-128-icv8", "null-sha512"]) {
  for (const path of ["forward", "send", "receive"]) {
    Deno.test({
      name: `replay() with openssl gives the rows and the frames of noble: ${path}, ${cipher}`,
      ignore,
      async fn() {
        const [fast, portable] = [
          await play("openssl", [`path=${path}`, `cipher=${cipher}`]),
          await play("noble", [`path=${path}`, `cipher=${cipher}`]),
        ];
        assert(portable.row.length > 0);
        assertEquals(fast.row, portable.row);
        assertEquals(fast.frames, portable.frames);
        assertEquals([fast.ran, portable.ran], ["openssl", "noble"]);
        assertStringIncludes(fast.json, '"engine": "openssl"');
      },
    });
  }
}

Deno.test("replay() with engine=auto takes the fastest engine that may run, openssl or noble, and says which", async () => {
  assertEquals((await play("auto", [])).ran, fastestEngine());
});

Deno.test({
  name: "replay() refuses engine=openssl where it cannot run, and asks for nothing",
  ignore: !ignore,
  async fn() {
    const error = await assertRejects(() => play("openssl", []), ConfigError);
    assertStringIncludes(error.message, "Cannot use engine=openssl: ");
  },
});
