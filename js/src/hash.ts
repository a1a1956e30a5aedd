/** SHA-256 wherever we are: the platform's, and our own in a page that is no secure context. */

import { sha256Sync } from "./sha256.ts";

/** The digest of `bytes` in lower-case hexadecimal. */
export async function hexOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  const raw = subtle === undefined ? sha256Sync(bytes) : new Uint8Array(await subtle.digest("SHA-256", bytes));
  return Array.from(raw, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
