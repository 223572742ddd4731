/**
 * The C library of OpenSSL 3, `libcrypto`, through Deno's foreign functions: the one place where a library is opened.
 *
 * It is looked for under a short list of fixed paths, and only where `--allow-ffi` has been granted already: nobody is ever
 * asked. What is called here are functions of its EVP interface (OpenSSL 3.0, EVP_EncryptInit(3), EVP_MAC(3)).
 *
 * ```ts
 * import { openLibcrypto } from "./libcrypto.ts";
 * openLibcrypto(); // The functions, or why there are none.
 * ```
 *
 * @module
 */

/** Where systems put the library: Debian and its likes, Red Hat and its likes, Arch and Alpine, Homebrew. */
export const LIBCRYPTO_PATHS: readonly string[] = [
  "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
  "/usr/lib/aarch64-linux-gnu/libcrypto.so.3",
  "/usr/lib64/libcrypto.so.3",
  "/usr/lib/libcrypto.so.3",
  "/opt/homebrew/opt/openssl@3/lib/libcrypto.3.dylib",
  "/usr/local/opt/openssl@3/lib/libcrypto.3.dylib",
];

const SYMBOLS = {
  EVP_CIPHER_fetch: { parameters: ["pointer", "buffer", "pointer"], result: "pointer" },
  EVP_CIPHER_CTX_new: { parameters: [], result: "pointer" },
  EVP_CIPHER_CTX_free: { parameters: ["pointer"], result: "void" },
  EVP_CIPHER_CTX_ctrl: { parameters: ["pointer", "i32", "i32", "buffer"], result: "i32" },
  EVP_CIPHER_CTX_set_padding: { parameters: ["pointer", "i32"], result: "i32" },
  EVP_CipherInit_ex: { parameters: ["pointer", "pointer", "pointer", "buffer", "buffer", "i32"], result: "i32" },
  EVP_CipherUpdate: { parameters: ["pointer", "buffer", "buffer", "buffer", "i32"], result: "i32" },
  EVP_CipherFinal_ex: { parameters: ["pointer", "buffer", "buffer"], result: "i32" },
  EVP_MAC_fetch: { parameters: ["pointer", "buffer", "pointer"], result: "pointer" },
  EVP_MAC_CTX_new: { parameters: ["pointer"], result: "pointer" },
  EVP_MAC_CTX_free: { parameters: ["pointer"], result: "void" },
  EVP_MAC_init: { parameters: ["pointer", "buffer", "usize", "buffer"], result: "i32" },
  EVP_MAC_update: { parameters: ["pointer", "buffer", "usize"], result: "i32" },
  EVP_MAC_final: { parameters: ["pointer", "buffer", "buffer", "usize"], result: "i32" },
} as const;

/** The functions, by their names in C; each that returns a number returns 1 on success. */
export type Libcrypto = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** What C calls a pointer, not null. */
export type Pointer = Deno.PointerObject;

/** The functions, or why there are none. */
export type LibcryptoSearch = { readonly functions: Libcrypto } | { readonly missing: string };

let found: LibcryptoSearch | undefined;

/** Opens the library when it is first asked for. Never asks for a permission, never throws. */
export function openLibcrypto(): LibcryptoSearch {
  found ??= search();
  return found;
}

function search(): LibcryptoSearch {
  const granted = LIBCRYPTO_PATHS.filter((path) => {
    return Deno.permissions.querySync({ name: "ffi", path }).state === "granted";
  });
  if (granted.length === 0) return { missing: "--allow-ffi is not granted" };
  for (const path of granted) {
    try {
      return { functions: Deno.dlopen(path, SYMBOLS).symbols };
    } catch {
      // It is not there, or of another make: the next may be.
    }
  }
  return { missing: `OpenSSL 3 is not where systems have it: ${granted.join(", ")}` };
}

/** A C string. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** Where the bytes are; they must be held for as long as that is used. */
export function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
}

/**
 * What a call has returned, if that is success.
 *
 * @throws {Error} if it is not; no argument of the call is told, since some are keys.
 */
export function requireSuccess(result: number, what: keyof Libcrypto): void {
  if (result !== 1) throw new Error(`Cannot encrypt with OpenSSL: ${what} failed`);
}

/** As `requireSuccess()`, of a call that returns a pointer. */
export function requirePointer(pointer: Deno.PointerValue, what: keyof Libcrypto): Pointer {
  if (pointer === null) throw new Error(`Cannot encrypt with OpenSSL: ${what} failed`);
  return pointer;
}
