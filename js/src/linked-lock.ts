/**
 * The lock that a link stands for, read: from the link itself, or from the address that it names.
 *
 * Rules this file keeps:
 *
 * 1. A link that holds its lock costs no request. One that names an address is asked for nowhere else: no redirect is
 *    followed, no credential and no referrer leaves, and nothing is taken but the bytes with the digest in the link.
 * 2. The address has to be one that a lock may name for a wheel, and none of this machine unless the page is.
 *
 * Left to others: the codec (`link.ts`), asking a person first (`library.ts`).
 */

import { checkAddress } from "./address.ts";
import { absolute } from "./boot-place.ts";
import { sha256 } from "./digest.ts";
import { LockError } from "./errors.ts";
import { decodeText } from "./json.ts";
import { lockId } from "./lock.ts";
import { type ReadLock, readLock } from "./lock-reader.ts";
import { checkInside } from "./preview.ts";

/** A lock, its identity, and the place that its relative names are resolved against. */
export interface OpenedLock {
  readonly id: string;
  readonly text: string;
  readonly base: string | undefined;
  readonly lock: ReadLock;
}

/** Where a lock is fetched from, and which bytes it has to be. */
export interface LockAddress {
  readonly url: string;
  /** 64 lower-case hexadecimal characters. */
  readonly sha256: string;
}

const MOST_BYTES = 8 * 2 ** 20;

/**
 * Read the text of a lock.
 * @throws LockError with the codes of `readLock` and `lockId`.
 */
export async function openText(text: string, base: string | undefined): Promise<OpenedLock> {
  return { id: await lockId(text), text, base, lock: readLock(text) };
}

/**
 * The address of a lock that a link names.
 *
 * @param page Where the link was opened.
 * @throws LockError with the codes of `checkAddress`, and `insecure`, `private-address`.
 */
export function checkLockAddress({ url }: LockAddress, page: string | undefined): URL {
  checkAddress(url, "lock-url", { relative: false });
  const address = new URL(absolute({ name: "the lock", url }, page));
  checkInside(address, page, "the lock");
  return address;
}

/**
 * Fetch a lock that a link names.
 *
 * @throws LockError with codes `redirect-policy`, `not-found`, `fetch-failed`, `too-large`, `digest-mismatch`, and those of
 *   `openText`; the reason of `signal`.
 */
export async function fetchLock(from: LockAddress, page: string | undefined, ask: typeof fetch, signal: AbortSignal): Promise<OpenedLock> {
  const address = checkLockAddress(from, page).href;
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
  const bytes = await bodyOf(answer);
  const got = (await sha256(bytes)).hex;
  if (got !== from.sha256) {
    const sides = { expected: `sha256 ${from.sha256}`, got };
    throw new LockError("digest-mismatch", "what lies at the address is not the lock that the link names", { where: "lock-url", ...sides });
  }
  return await openText(decodeText(bytes), address);
}

/** @throws LockError with code `too-large`. */
async function bodyOf(answer: Response): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = (answer.body as ReadableStream<Uint8Array<ArrayBuffer>> | null)?.getReader();
  for (let read = await reader?.read(); read !== undefined && !read.done; read = await reader?.read()) {
    size += read.value.length;
    if (size > MOST_BYTES) {
      await reader?.cancel();
      const sides = { where: "lock-url", expected: `at most ${MOST_BYTES} bytes`, got: "more" };
      throw new LockError("too-large", "what lies at the address is too large for a lock", sides);
    }
    pieces.push(read.value);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}
