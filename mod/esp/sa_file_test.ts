import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { testSecurityAssociation } from "./sa.ts";
import { matchesAddress, matchesSpi, type SaEntry, SaFileError, spiPattern } from "./sa_entry.ts";
import { addressPattern } from "./sa_entry.ts";
import { parseSaFile } from "./sa_file.ts";
import { saTable } from "./sa_table.ts";

const KEY = Array.from({ length: 32 }, (_, i) => (0xc0 + i & 0xff).toString(16).padStart(2, "0")).join("");
const SALT = "5a5b5c5d";
const AUTH = "e1".repeat(32);

const GCM_LINE =
  `"IPv4","192.0.2.1","192.0.2.2","0x00001001","AES-GCM with 16 octet ICV [RFC4106]","0x${KEY}${SALT}","NULL",""`;
const XFRM = `src 192.0.2.1 dst 192.0.2.2
\tproto esp spi 0x00001001 reqid 16385 mode tunnel
\treplay-window 32 flag noecn af-unspec esn
\taead rfc4106(gcm(aes)) 0x${KEY}${SALT} 128
\tencap type espinudp sport 4500 dport 4501 addr 0.0.0.0
\tanti-replay esn context:
\t seq-hi 0x0, seq 0x0, oseq-hi 0x0, oseq 0x10
\tsel src 0.0.0.0/0 dst 0.0.0.0/0
src 2001:db8::1 dst 2001:db8::2
\tproto esp spi 0xc0000002(3221225474) reqid 0(0x00000000) mode transport
\treplay-window 0
\tauth-trunc hmac(sha256) 0x${AUTH} 128
\tenc cbc(aes) 0x${KEY}
src 192.0.2.1 dst 192.0.2.2
\tproto comp spi 0x00001001 reqid 0 mode tunnel
`;

function only(text: string): SaEntry {
  const entries = parseSaFile(text, "file");
  assertEquals(entries.length, 1);
  return entries[0]!;
}

function refusal(text: string): string {
  return assertThrows(() => parseSaFile(text, "file"), SaFileError, "Cannot read SA file file: ").message;
}

Deno.test("parseSaFile() reads a line of Wireshark's table behind comments and blank lines", () => {
  const entry = only(`# This file is generated\r\n\r\n${GCM_LINE}\r\n`);
  assertEquals([entry.line, entry.version, entry.spi.value, entry.cipher], [3, 4, 0x1001, "aes-gcm-256"]);
  assertEquals([entry.key.toHex(), entry.salt.toHex(), entry.authKey.length], [KEY, SALT, 0]);
  assertEquals([entry.mode, entry.encapsulation, entry.esn], [undefined, undefined, false]);
});

Deno.test("parseSaFile() takes a key of Wireshark that does not begin with 0x as characters", () => {
  const entry = only(
    '"IPv6","*","*","10","AES-CBC [RFC3602]","aescbcencryption","HMAC-SHA-1-96 [RFC2404]","hmacsha1authenticati"',
  );
  assertEquals([entry.cipher, entry.spi.value], ["aes-cbc-128-sha1", 10]);
  assertEquals(new TextDecoder().decode(entry.key), "aescbcencryption");
  assertEquals(new TextDecoder().decode(entry.authKey), "hmacsha1authenticati");
});

Deno.test("parseSaFile() reads what saTable() writes, for every direction", () => {
  const sas = [
    testSecurityAssociation({ seed: 1 }),
    testSecurityAssociation({ seed: 1, cipher: "aes-ctr-192-sha512" }),
  ];
  const entries = parseSaFile(saTable(sas), "file");
  assertEquals(entries.map(({ cipher }) => cipher), ["aes-gcm-256", "aes-ctr-192-sha512"]);
  entries.forEach((entry, i) => {
    const { spi, key, salt, authKey, source } = sas[i]!;
    assertEquals([entry.spi.value, entry.key, entry.salt, entry.authKey], [spi, key, salt, authKey]);
    assertEquals(entry.source.value, source);
  });
});

Deno.test("parseSaFile() reads ip xfrm state: keys, mode, flags, encapsulation, ESN and what was sent", () => {
  const [tunnel, transport, ...more] = parseSaFile(XFRM, "file");
  assertEquals(more.length, 0);
  assertEquals([tunnel!.cipher, tunnel!.mode, tunnel!.esn, tunnel!.lastSequence], ["aes-gcm-256", "tunnel", true, 16]);
  assertEquals(tunnel!.encapsulation, { sourcePort: 4500, destinationPort: 4501 });
  assertEquals([tunnel!.tunnelHeader.ecn, tunnel!.tunnelHeader.pathMtuDiscovery], [false, true]);
  assertEquals([tunnel!.key.toHex(), tunnel!.salt.toHex()], [KEY, SALT]);
  assertEquals([transport!.cipher, transport!.mode, transport!.esn], ["aes-cbc-256-sha256", "transport", false]);
  assertEquals([transport!.spi.value, transport!.authKey.toHex(), transport!.encapsulation], [0xc0000002, AUTH, null]);
});

Deno.test("parseSaFile() reads JSONC: an array, or an object with sas", () => {
  const entry = `{ "spi": "0x1001", "src": "192.0.2.0/24", "cipher": "aes-gcm-256", // Comment.
    "key": "0x${KEY}${SALT}", "mode": "tunnel", "encap": "udp", "flags": ["nopmtudisc"], "last_sequence": 7 }`;
  for (const text of [`[\n\n${entry}]`, `// {\n{ "sas": [${entry}] }`]) {
    const read = only(text);
    assertEquals([read.cipher, read.key.toHex(), read.salt.toHex()], ["aes-gcm-256", KEY, SALT]);
    assertEquals([read.lastSequence, read.tunnelHeader.pathMtuDiscovery], [7, false]);
    assertEquals(read.encapsulation?.destinationPort, 4500);
    assertEquals(read.destination.value.length, 0);
    assertEquals(read.line, text.startsWith("[") ? 3 : 2);
  }
});

const ADDRESSES: [string, string, boolean][] = [
  ["*", "c0000201", true],
  ["192.0.2.1", "c0000201", true],
  ["192.0.2.1", "c0000202", false],
  ["192.0.2.*", "c00002fe", true],
  ["192.*.2.1", "c0000201", true],
  ["192.*.2.1", "c0000202", false],
  ["192.0.2.0/25", "c000027f", true],
  ["192.0.2.0/25", "c0000280", false],
  ["2001:db8::*", "20010db8000000000000000000001234", true],
  ["2001:db8::/33", "20010db87fff00000000000000000001", true],
  ["2001:db8::/33", "20010db8800000000000000000000001", false],
];

Deno.test("addressPattern() takes addresses, wildcards and prefixes as Wireshark does, and refuses others", () => {
  for (const [text, address, isOurs] of ADDRESSES) {
    assertEquals(matchesAddress(addressPattern(text)!, Uint8Array.fromHex(address), 0), isOurs, `${text} ${address}`);
  }
  for (const text of ["", "192.0.2", "192.0.2.256", "192.0.2.1/33", "::/129", "a.b.c.d", "1.2.3.4/", "1/2/3"]) {
    assertEquals(addressPattern(text), undefined, text);
  }
});

Deno.test("spiPattern() takes numbers and digits with wildcards, and refuses others", () => {
  const takes = (text: string, spi: number) => matchesSpi(spiPattern(text)!, spi);
  assert(takes("*", 5) && takes("4097", 0x1001) && takes("0x1001", 0x1001) && takes("0xC100****", 0xc100beef));
  assert(!takes("0xC100****", 0xc101beef) && !takes("0x****1001", 0x11002));
  for (const text of ["", "0x", "0x123456789", "4294967296", "-1", "12*"]) {
    assertEquals(spiPattern(text), undefined, text);
  }
});

Deno.test("parseSaFile() says which line and field are wrong", () => {
  const line = (from: string, to: string) => refusal(`# One.\n${GCM_LINE.replace(from, to)}\n`);
  assertStringIncludes(line("IPv4", "IPv5"), "it is neither IPv4 nor IPv6, field protocol, line 2");
  assertStringIncludes(line("192.0.2.1", "192.0.2"), "field source, line 2");
  assertStringIncludes(line("0x00001001", "x"), "field SPI, line 2");
  assertStringIncludes(
    line("AES-GCM with 16 octet ICV [RFC4106]", "BLOWFISH-CBC [RFC2451]"),
    '"BLOWFISH-CBC [RFC2451]" is not built, field encryption',
  );
  assertStringIncludes(
    line(SALT, ""),
    "32 bytes are no key for AES-GCM with 16 octet ICV [RFC4106] with NULL, field key",
  );
  assertStringIncludes(line(`,"NULL",""`, ""), "it is missing, field authentication, line 2");
  const state = (from: string, to: string) => refusal(XFRM.replace(from, to));
  assertStringIncludes(state("gcm(aes)", "gcm(x)"), "rfc4106(gcm(x)) is not built, field aead, line 4");
  assertStringIncludes(state("spi 0x00001001", "spi zero"), "field spi, line 2");
  assertStringIncludes(state(`0x${KEY}${SALT}`, "<<Keys hidden>>"), "the key is hidden");
  assertStringIncludes(state("mode tunnel", "mode beet"), "beet is neither tunnel nor transport, field mode, line 2");
  assertStringIncludes(refusal('[{ "spi": 256, "cipher": "aes" }]'), "field cipher, line 1");
  assertStringIncludes(refusal('[{ "spi": 256, "cipher": "null", "kye": "" }]'), "there is no such field");
  for (const text of ["", "# Nothing.\n", "[]", "{}", "hello", '[{"spi": 1', "[1]"]) refusal(text);
});

Deno.test("parseSaFile() reads the replay window of ip xfrm state, and of a state with a longer one that", () => {
  const [tunnel, transport] = parseSaFile(XFRM, "file");
  assertEquals([tunnel!.replayWindow, transport!.replayWindow], [32, 0]);
  const longer = XFRM.replace("oseq 0x10\n", "oseq 0x10\n\t replay_window 128, bitmap-length 4\n").replace(
    "replay-window 32",
    "replay-window 0",
  );
  assertEquals(parseSaFile(longer, "file").map(({ replayWindow }) => replayWindow), [128, 0]);
  assertEquals(only(GCM_LINE).replayWindow, undefined);
  const refused = (window: string) => refusal(XFRM.replace("replay-window 32", `replay-window ${window}`));
  assertStringIncludes(refused("4097"), "it is more than 4096, field replay-window, line 3");
  assertStringIncludes(refused("x"), "it is no number, field replay-window, line 3");
});

/** What Wireshark's table, the kernel and nobody here know. */
const NOT_BUILT = {
  encryption: ["BLOWFISH-CBC [RFC2451]", "CAST5-CBC [RFC2144]", "TWOFISH-CBC"],
  authentication: [
    "HMAC-SHA-256-96 [draft-ietf-ipsec-ciph-sha-256-00]",
    "MAC-RIPEMD-160-96 [RFC2857]",
    ...[64, 96, 128, 192, 256].map((bits) => `ANY ${bits} bit authentication [no checking]`),
  ],
  aead: ["rfc7539(chacha20,poly1305)", "gcm(aes)", "rfc4106(gcm(sm4))"],
  enc: ["cbc(blowfish)", "cbc(cast5)", "cbc(camellia)", "cbc(serpent)", "cbc(twofish)", "cbc(sm4)"],
  auth: ["hmac(rmd160)", "xcbc(aes)", "cmac(aes)", "hmac(sm3)"],
};

Deno.test("parseSaFile() names suites that are not built, and refuses them", () => {
  const { encryption, authentication, aead, enc, auth } = NOT_BUILT;
  for (const name of encryption) {
    const message = refusal(GCM_LINE.replace("AES-GCM with 16 octet ICV [RFC4106]", name));
    assertStringIncludes(message, `"${name}" is not built, field encryption, line 1`);
  }
  for (const name of authentication) {
    const message = refusal(GCM_LINE.replace(`"NULL",""`, `"${name}","0x00"`));
    assertStringIncludes(message, `"${name}" is not built, field authentication, line 1`);
  }
  for (const name of aead) {
    assertStringIncludes(refusal(XFRM.replace("rfc4106(gcm(aes))", name)), `${name} is not built, field aead, line 4`);
  }
  for (const name of enc) {
    assertStringIncludes(refusal(XFRM.replace("cbc(aes)", name)), `${name} is not built, field enc, line 13`);
  }
  for (const name of auth) {
    assertStringIncludes(
      refusal(XFRM.replace("hmac(sha256)", name)),
      `${name} is not built, field auth-trunc, line 12`,
    );
  }
  for (const cipher of ["blowfish-cbc-128-sha1", "camellia-cbc-256-sha256", "aes-gcm-512", "aes-xcbc"]) {
    const message = refusal(`[{ "spi": 256, "cipher": "${cipher}" }]`);
    assertStringIncludes(
      message,
      `${cipher} is no suite that is built (see tailbits configs, key cipher), field cipher`,
    );
  }
});

Deno.test("parseSaFile() reads HMAC-MD5 of ip xfrm state, and refuses tags of other lengths than Linux and ESP agree on", () => {
  const md5 = XFRM.replace(`hmac(sha256) 0x${AUTH} 128`, `hmac(md5) 0x${"e1".repeat(16)} 96`);
  assertEquals(parseSaFile(md5, "file")[1]!.cipher, "aes-cbc-256-md5");
  const cut = XFRM.replace(`${AUTH} 128`, `${AUTH} 96`);
  assertStringIncludes(refusal(cut), "an ICV of 96 bits is not built, of 128 is, field auth-trunc, line 12");
});

Deno.test("parseSaFile() tells nothing of a key, whatever is wrong with the file", () => {
  const json = `[{ "spi": "0x1001", "cipher": "aes-gcm-256", "key": "${KEY}${SALT}", "auth_key": "" }]`;
  for (const text of [GCM_LINE, XFRM, json]) {
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(12), fc.string({ maxLength: 3 }), (at, cut, put) => {
        const broken = text.slice(0, at) + put + text.slice(at + cut);
        try {
          parseSaFile(broken, "file");
        } catch (error) {
          assert(error instanceof SaFileError, String(error));
          const message = error.message.toLowerCase();
          for (let i = 0; i + 8 <= KEY.length; i += 2) assert(!message.includes(KEY.slice(i, i + 8)), message);
          assert(!message.includes(AUTH.slice(0, 8)) && !message.includes("\n"), message);
        }
      }),
      { numRuns: 500 },
    );
  }
});
