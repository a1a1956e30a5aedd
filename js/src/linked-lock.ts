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
import { LockError } from "./errors.ts";
import type { ShortLink } from "./link.ts";
import type { Reference } from "./link-address.ts";
import { lockId } from "./lock.ts";
import { type ReadLock, readLock } from "./lock-reader.ts";
import { MOST_HOSTS } from "./preview.ts";
import { sha256Hex } from "./sha256-hex.ts";

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

/**
 * Whom a link leaves something to: the address of the lock, or the indexes of packages.
 * @throws LockError with the codes of `checkLockAddress`, and `too-many-hosts`.
 */
export function addressesOf(link: Reference | ShortLink, page: string | undefined): readonly URL[] {
  if (link.form === "reference") {
    return [checkLockAddress(link, page)];
  }
  const left = link.entries.filter(({ digest }) => digest.length === 0);
  const addresses = [...new Set(left.map(({ index }) => index))].map((url) => checkLockAddress({ url: `${url.replace(/\/$/, "")}/` }, page));
  if (addresses.length > MOST_HOSTS) {
    const sides = { expected: `at most ${MOST_HOSTS}`, got: `${addresses.length}` };
    throw new LockError("too-many-hosts", "the link asks many indexes", sides);
  }
  return addresses;
}

/** What stands for a lock, or its text, from certain places. */
export async function pinOf(id: string, ...places: readonly string[]): Promise<string> {
  return await sha256Hex([id, ...places].join(" "));
}
