/**
 * The lock that a link stands for, read; and the address that a link may name.
 *
 * Rules this file keeps:
 *
 * 1. Reading costs no request.
 * 2. The address has to be one that a lock may name for a wheel, and none of this machine unless the page is.
 *
 * Left to others: the codec (`link.ts`), fetching (`fetch-lock.ts`), asking a person first (`linked-boot.ts`).
 */

import { checkAddress } from "./address.ts";
import { absolute, checkInside } from "./boot-place.ts";
import type { Reference } from "./link-address.ts";
import { lockId } from "./lock.ts";
import { type ReadLock, readLock } from "./lock-reader.ts";

/** A lock, its identity, and the place that its relative names are resolved against. */
export interface OpenedLock {
  readonly id: string;
  readonly text: string;
  readonly base: string | undefined;
  readonly lock: ReadLock;
}

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
export function checkLockAddress({ url }: Pick<Reference, "url">, page: string | undefined): URL {
  checkAddress(url, "lock-url", { relative: false });
  const address = new URL(absolute({ name: "the lock", url }, page));
  checkInside(address, page, "the lock");
  return address;
}
