/**
 * The lock of a link that does not hold all of it, from where it says, proven by the digest that it has; what
 * `micropip_lock/app/resolve.py` does, without mirrors and bundles.
 *
 * Rules this file keeps:
 *
 * 1. Call it after a person said yes: this is where requests begin.
 * 2. Nothing is taken on trust: another text, or other answers of an index than the link means, are refused.
 * 3. Only who is named is asked: no redirect is followed, and no more is taken of an answer than there may be.
 * 4. Requests carry neither credentials nor the page's address.
 */

import { isLockError, LockError } from "./errors.ts";
import { fileOf } from "./address.ts";
import { bodyOf, fetchLock } from "./fetch-lock.ts";
import { MAX_BYTES } from "./json.ts";
import type { FullLink, LinkedLock, ShortLink } from "./link.ts";
import type { Reference } from "./link-address.ts";
import type { Entry } from "./link-pack.ts";
import { fromHex } from "./sha256-hex.ts";
import { lockId } from "./lock.ts";

const PATH = /\/([0-9a-f]{2})\/([0-9a-f]{2})\/([0-9a-f]{60})\/[^/]*$/;
const OPTIONS = { redirect: "manual", credentials: "omit", referrerPolicy: "no-referrer" } as const;
const MOST_BYTES = 8 * MAX_BYTES;

/** Of a project page (PEP 691), what is looked at. */
interface Page {
  readonly files?: readonly { readonly filename?: unknown; readonly url?: unknown; readonly size?: unknown; readonly hashes?: { readonly sha256?: unknown } }[];
}

/**
 * What a full link would have said.
 *
 * @param request The platform's `fetch`, or another one.
 * @throws LockError (as a rejection) with code `digest-mismatch` when another text lies at the address of a reference,
 *   `not-on-index` or `index-differs` when the indexes do not have what a short link means, `redirect-policy`,
 *   `fetch-failed`, `too-large`.
 */
export async function resolveLink(link: LinkedLock, request: typeof fetch = fetch): Promise<FullLink> {
  switch (link.form) {
    case "full":
      return link;
    case "reference":
      return referred(link, request);
    case "short":
      return resolveShort(link, request);
  }
}

async function referred({ url, sha256 }: Reference, request: typeof fetch): Promise<FullLink> {
  const text = await fetchLock(url, sha256, request, new AbortController().signal);
  return { form: "full", id: await lockId(text), text, base: url };
}

/** The same of a short link. */
export async function resolveShort(link: ShortLink, request: typeof fetch): Promise<FullLink> {
  const missing = link.entries.filter((entry) => entry.digest.length === 0);
  await Promise.all(missing.map((entry) => fill(entry, request)));
  try {
    return { form: "full", id: link.id, text: await link.text(), base: null };
  } catch (error) {
    if (isLockError(error) && error.code === "checksum") {
      const { expected = "", got: other = "" } = error;
      const hint = "a file was replaced, or its index tells other facts: ask who sent the link for the full form";
      throw new LockError("index-differs", "the indexes do not have what the link means any more", { expected, got: other, hint });
    }
    throw error;
  }
}

async function fill(entry: Entry, request: typeof fetch): Promise<void> {
  const address = `${entry.index.replace(/\/$/, "")}/${entry.name}/`;
  const answer = await got(address, request, { headers: { accept: "application/vnd.pypi.simple.v1+json" } });
  const page = (await pageOf(answer, entry.name)) as Page | null;
  const filename = fileOf(entry.file);
  const files = Array.isArray(page?.files) ? (page.files as Page["files"]) : [];
  const file = files?.find((one) => one?.filename === filename);
  const hex = file?.hashes?.sha256;
  const path = PATH.exec(typeof file?.url === "string" ? file.url : "");
  const size = Number.isSafeInteger(file?.size) ? (file?.size as number) : -1;
  if (typeof hex !== "string" || !/^[0-9a-f]{64}$/i.test(hex) || (entry.hasPath && path === null) || (entry.size >= 0 && size < 0)) {
    const sides = { where: entry.name, expected: "its SHA-256, its size and its address", got: "not all of them" };
    throw new LockError("not-on-index", `no index lists ${filename} in the way that the link means`, sides);
  }
  entry.path = entry.hasPath ? fromHex(`${path?.[1]}${path?.[2]}${path?.[3]}`) : entry.path;
  entry.size = entry.size < 0 ? -1 : size;
  entry.digest = fromHex(hex);
}

async function got(address: string, request: typeof fetch, more: RequestInit): Promise<Response> {
  const { host } = new URL(address);
  const answer = await request(address, { ...OPTIONS, ...more }).catch((error: unknown) => {
    throw new LockError("fetch-failed", `there is no answer from ${host}`, { got: String(error) });
  });
  if (answer.type === "opaqueredirect" || (answer.status >= 300 && answer.status < 400)) {
    throw new LockError("redirect-policy", `${host} leads elsewhere`, { got: "a redirect", hint: "ask who sent the link for the full form" });
  }
  if (!answer.ok) {
    throw new LockError("fetch-failed", `${host} does not send it`, { got: `${answer.status}` });
  }
  return answer;
}

/** What an index says; what is no JSON says nothing. */
async function pageOf(answer: Response, where: string): Promise<unknown> {
  const bytes = await bodyOf(answer, MOST_BYTES, where).catch((error: unknown) => {
    throw isLockError(error) ? error : new LockError("fetch-failed", "the answer of the index broke off", { where, got: String(error) });
  });
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}
