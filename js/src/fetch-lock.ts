/**
 * A lock from the address that a link names.
 *
 * Rule: it is asked for nowhere else: no redirect is followed, no credential and no referrer leaves, and nothing is taken but
 * the bytes with the digest in the link.
 *
 * Left to others: asking a person first (`linked-boot.ts`).
 */

import { LockError } from "./errors.ts";
import { decodeText } from "./json.ts";
import { sha256Hex } from "./sha256-hex.ts";

const MOST_BYTES = 8 * 2 ** 20;

/**
 * Fetch the text of a lock that a link names.
 *
 * @param address As `checkLockAddress` gives it.
 * @throws LockError with codes `redirect-policy`, `not-found`, `fetch-failed`, `too-large`, `digest-mismatch`,
 *   `encoding`; the reason of `signal`.
 */
export async function fetchLock(address: string, digest: string, ask: typeof fetch, signal: AbortSignal): Promise<string> {
  const fault = (code: string, message: string, got: string): LockError => new LockError(code, message, { where: "lock-url", got });
  const options = { redirect: "manual", credentials: "omit", referrerPolicy: "no-referrer", signal } as const;
  const answer = await ask(address, options).catch((error: unknown) => {
    signal.throwIfAborted();
    throw fault("fetch-failed", "the lock could not be fetched", String(error));
  });
  if (answer.type === "opaqueredirect" || (answer.status >= 300 && answer.status < 400)) {
    throw fault("redirect-policy", "the address of the lock leads elsewhere", "a redirect");
  }
  if (!answer.ok) {
    const code = answer.status === 404 || answer.status === 410 ? "not-found" : "fetch-failed";
    throw fault(code, "the lock could not be fetched", `HTTP ${answer.status}`);
  }
  const bytes = await bodyOf(answer, MOST_BYTES, "lock-url");
  const got = await sha256Hex(bytes);
  if (got !== digest) {
    const sides = { expected: `sha256 ${digest}`, got };
    throw new LockError("digest-mismatch", "what lies at the address is not the lock that the link names", { where: "lock-url", ...sides });
  }
  return decodeText(bytes);
}

/**
 * The bytes of an answer, of which no more is taken than there may be.
 * @throws LockError with code `too-large`.
 */
export async function bodyOf(answer: Response, most: number, where: string): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = (answer.body as ReadableStream<Uint8Array<ArrayBuffer>> | null)?.getReader();
  for (let read = await reader?.read(); read !== undefined && !read.done; read = await reader?.read()) {
    size += read.value.length;
    if (size > most) {
      await reader?.cancel();
      throw new LockError("too-large", "what lies at the address is too large", { where, expected: `at most ${most} bytes`, got: "more" });
    }
    pieces.push(read.value);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}
