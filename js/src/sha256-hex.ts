/** SHA-256 by the platform, in hexadecimal: what a lock's identity is written in. Strict digests are in `digest.ts`. */

import { LockError } from "./errors.ts";

/**
 * The digest of `bytes`: 32 bytes.
 * @throws LockError with code `no-subtle-crypto` in a page that is no secure context (`http:` but not localhost).
 */
export async function sha256Bytes(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  if (subtle === undefined) {
    throw new LockError("no-subtle-crypto", "this page cannot compute SHA-256 natively", {
      expected: "a secure context",
      got: "crypto.subtle is not there",
      hint: "open the page over https: or from localhost",
    });
  }
  return new Uint8Array(await subtle.digest("SHA-256", bytes));
}

/** The same as 64 lower-case hexadecimal characters, of bytes or of a text in UTF-8. */
export async function sha256Hex(what: Uint8Array<ArrayBuffer> | string): Promise<string> {
  const raw = await sha256Bytes(typeof what === "string" ? new TextEncoder().encode(what) : what);
  return Array.from(raw, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Bytes from hexadecimal digits. */
export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (two) => Number.parseInt(two, 16));
}
