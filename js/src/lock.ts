/**
 * A lock's identity, agreeing with Python's `Lock.id` through `tests/vectors/lock_id.json`.
 *
 * Left to others: what the fields of a lock mean (`micropip_lock/core/formats`).
 */

import { sha256 } from "./digest.ts";
import { LockError } from "./errors.ts";
import { canonicalJson, parseJson } from "./json.ts";

/**
 * SHA-256, in lower-case hexadecimal, of the canonical JSON of a lock.
 *
 * @param text The lock, `pyodide-lock.json` in any layout.
 * @throws LockError (as a rejection) with the codes of `parseJson`, with `type` when the text is no object, and with
 *   `no-subtle-crypto` in a page that is no secure context.
 */
export async function lockId(text: string): Promise<string> {
  const lock = parseJson(text);
  if (!(lock instanceof Map)) {
    throw new LockError("type", "a lock is a JSON object", { expected: "an object", got: canonicalJson(lock).slice(0, 40) });
  }
  return (await sha256(new TextEncoder().encode(canonicalJson(lock)))).hex;
}
