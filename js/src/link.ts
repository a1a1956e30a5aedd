/**
 * Lock links: a whole lock in the fragment of an address. Agrees with `micropip_lock/core/link.py`, which says how they
 * are built, through `tests/vectors/links.json`.
 *
 * Rules this file keeps:
 *
 * 1. Decoding sends no request and is bounded before it begins and while it runs.
 * 2. A link that is damaged is told from one that is cut off, and from one of a newer version.
 * 3. What comes out has the id that the link says, or does not come out.
 */

import { isLockError, LockError } from "./errors.ts";
import { canonicalJson, decodeText, type Json, parseJson } from "./json.ts";
import { linkedIn, type Reference } from "./link-address.ts";
import { damaged, MOST_BYTES, Reader, tooLarge } from "./link-coder.ts";
import { apply, expanded, hexOf } from "./link-outline.ts";
import { type Base, type Entry, type Outline, tutor, Walk } from "./link-pack.ts";
import { sha256Hex } from "./sha256-hex.ts";

const VERSION = "1";
export const SHORT = 1;
export const CHANGED = 2;
export const DEFLATED = 4;
export const BASED = 8;

/** A link that holds a lock. */
export interface FullLink {
  readonly form: "full";
  /** The lock's id. */
  readonly id: string;
  /** The lock, `pyodide-lock.json`, canonical. Nobody has read it yet: give it to `readLock`. */
  readonly text: string;
  /** What its relative file names resolve against. */
  readonly base: string | null;
}

/** A link that names packages and leaves their addresses and digests to the indexes. */
export interface ShortLink {
  readonly form: "short";
  /** The lock's id: what proves that the indexes gave the same. */
  readonly id: string;
  readonly entries: readonly Entry[];
  /** The lock's text, once each entry has what its index says. */
  readonly text: () => Promise<string>;
}

export type LinkedLock = FullLink | ShortLink | Reference;

export interface LinkOptions {
  /**
   * The text of the `pyodide-lock.json` of the Pyodide that will run, for links that tell its packages by their names;
   * `null` where there is none. Asked only for such a link.
   */
  readonly runtimeLock?: () => Promise<string | null> | string | null;
}

/**
 * What a lock link holds; nothing is requested.
 *
 * @param addressOrFragment An address with a link in its fragment, or the fragment.
 * @throws LockError (as a rejection) with code `empty`, `version`, `encoding`, `compression`, `truncated`, `trailing`,
 *   `too-large`, `too-long`, `checksum`, `content`, `ambiguous`, `in-query`, `no-link`, `no-hash`, `needs-base`.
 */
export async function decodeLink(addressOrFragment: string, options: LinkOptions = {}): Promise<LinkedLock> {
  const found = linkedIn(addressOrFragment);
  if (typeof found !== "string") {
    return found;
  }
  const [flags, bytes] = opened(found);
  const data = new Bytes(bytes);
  const id = hexOf(data.take(32));
  const base = flags & BASED ? await runtimePackages(hexOf(data.take(6)), options) : null;
  const blocks = data.take(32 * data.number());
  let made: Json = [];
  if (flags & CHANGED) {
    const length = data.number();
    const size = flags & DEFLATED ? data.number() : length;
    if (size > MOST_BYTES) {
      throw tooLarge(`at most ${MOST_BYTES} bytes`);
    }
    made = changesOf(flags & DEFLATED ? await inflated(data.take(length), size) : data.take(length));
  }
  const reader = new Reader(tutor(), data.rest());
  const walk = new Walk(reader, blocks, (flags & SHORT) > 0, base);
  const outline = walk.outline({ info: ["", "", "", ""], address: "", entries: [] });
  walk.finish();
  reader.finish();
  const text = (): Promise<string> => proven(outline, made, id);
  if (flags & SHORT) {
    return { form: "short", id, entries: outline.entries, text };
  }
  return { form: "full", id, text: await text(), base: outline.address || null };
}

async function proven(outline: Outline, made: Json, id: string): Promise<string> {
  const text = canonicalJson(apply(made, expanded(outline)));
  const got = await sha256Hex(text);
  if (got !== id) {
    const sides = { expected: id, got };
    throw new LockError("checksum", "the link's content is not the lock that it says it is", sides);
  }
  return text;
}

/** Flags and what follows the check, proven by it. */
function opened(text: string): [number, Uint8Array] {
  if (text === "") {
    throw new LockError("empty", "there is no lock in the link", { got: "#lock=" });
  }
  const [version = "", body] = /^([^.]*)(?:\.(.*))?$/s.exec(text)?.slice(1) ?? [];
  if (version !== VERSION || body === undefined) {
    if (/^[0-9]{1,9}$/.test(version) && body !== undefined) {
      throw newer(`version ${version}`);
    }
    const sides = { expected: `${VERSION}. and base64url`, got: JSON.stringify(text.slice(0, 20)) };
    throw new LockError("encoding", "not a lock link", sides);
  }
  if (!/^[A-Za-z0-9_-]*$/.test(body)) {
    throw new LockError("encoding", "the link has characters that no lock link has", { expected: "letters, digits, - and _" });
  }
  // Of a link that is cut off, the last character may be no whole byte.
  const whole = body.length % 4 === 1 ? body.slice(0, -1) : body;
  const data = new Bytes(fromBase64(whole));
  if (whole.length < 11) {
    throw cutOff(body.length);
  }
  const flags = data.take(1);
  const [high = 0, low = 0] = data.take(2);
  const length = high * 256 + low;
  const check = hexOf(data.take(4));
  const rest = data.rest();
  const fits = (upTo: number): boolean => {
    const bytes = new Uint8Array([...flags, ...rest.subarray(0, upTo)]);
    return crc32Hex(bytes) === check;
  };
  const isWhole = fits(rest.length);
  if (length !== rest.length || !isWhole) {
    // A length that is wrong where all else is right was damaged itself.
    if (rest.length < length && !isWhole) {
      throw cutOff(body.length);
    }
    if (rest.length > length && fits(length)) {
      throw new LockError("trailing", "something follows the link", { got: `${rest.length - length} bytes too many` });
    }
    throw new LockError("checksum", "the link is damaged");
  }
  if (toBase64(fromBase64(body)) !== body) {
    throw new LockError("encoding", "the last character of the link is damaged", { got: body.slice(-1) });
  }
  const [flag = 0] = flags;
  if (flag > (SHORT | CHANGED | DEFLATED | BASED)) {
    throw newer(`flags ${flag}`);
  }
  return [flag, rest];
}

/** A link is short: no tables, as `crc32.ts` has them. */
function crc32Hex(bytes: Uint8Array): string {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
  }
  return (~crc >>> 0).toString(16).padStart(8, "0");
}

function newer(got: string): LockError {
  const hint = "update micropip-lock";
  return new LockError("version", "the link needs a newer micropip-lock", { expected: `version ${VERSION}`, got, hint });
}

function cutOff(got: number): LockError {
  const hint = "many chat programs cut long links; send it as a file, or share the short form";
  return new LockError("truncated", "the link is cut off", { expected: "more characters", got: `${got}`, hint });
}

async function runtimePackages(digest: string, options: LinkOptions): Promise<Base> {
  const text = await options.runtimeLock?.();
  const packages = text ? (parseJson(text) as ReadonlyMap<string, Json>).get("packages") : null;
  const got = packages instanceof Map ? await baseDigest(packages) : "none here";
  if (!(packages instanceof Map) || got !== digest) {
    throw new LockError("needs-base", "the link needs the lock of the Pyodide that it was made with", {
      expected: `one whose packages have the digest ${digest}…`,
      got,
      hint: "open it with that Pyodide",
    });
  }
  return packages;
}

/** By which a link names the lock of a runtime. */
export async function baseDigest(packages: Map<string, Json>): Promise<string> {
  return (await sha256Hex(canonicalJson(packages))).slice(0, 12);
}

function changesOf(bytes: Uint8Array): Json {
  if (bytes[0] !== 0x5b) {
    throw new LockError("compression", "the link was compressed twice, or by something else");
  }
  try {
    return parseJson(decodeText(bytes));
  } catch (error) {
    throw isLockError(error) ? new LockError(error.code, `the link holds a lock that is none: ${error.message}`, error) : error;
  }
}

/** A raw DEFLATE stream that gives exactly so many bytes and ends where the packed data ends. */
async function inflated(packed: Uint8Array, size: number): Promise<Uint8Array> {
  const made = await inflate(packed, size);
  // Some platforms do not mind what is behind a stream, which then is whole without it.
  if (await inflate(packed.subarray(0, -1), size).then(() => true, () => false)) {
    throw behind();
  }
  return made;
}

function behind(): LockError {
  return new LockError("trailing", "there are bytes behind the compressed part");
}

/** What is beyond the size is stopped, not collected. */
async function inflate(packed: Uint8Array, size: number): Promise<Uint8Array> {
  const stream = new DecompressionStream("deflate-raw");
  const reader = stream.readable.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const writer = stream.writable.getWriter();
  const made = new Uint8Array(size);
  let at = 0;
  let piece = reader.read();
  // Failures show where it is read.
  const ignored = (): void => {};
  writer.write(packed.slice()).catch(ignored);
  writer.close().catch(ignored);
  try {
    for (;;) {
      const { value, done } = await piece;
      if (done) {
        break;
      }
      if (at + value.length > size) {
        await reader.cancel().catch(ignored);
        throw tooLarge(`${size} bytes`);
      }
      made.set(value, at);
      at += value.length;
      piece = reader.read();
    }
  } catch (error) {
    if (isLockError(error)) {
      throw error;
    }
    if (at === size) {
      throw behind();
    }
    throw new LockError("compression", "the link's compressed part cannot be read", { got: String(error) });
  }
  if (at < size) {
    throw new LockError("compression", "the link's compressed part breaks off", { got: `${at} bytes` });
  }
  return made;
}

class Bytes {
  readonly #data: Uint8Array;
  #at = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  take(count: number): Uint8Array {
    const taken = this.#data.subarray(this.#at, this.#at + count);
    if (taken.length !== count) {
      throw damaged();
    }
    this.#at += count;
    return taken;
  }

  rest(): Uint8Array {
    return this.#data.subarray(this.#at);
  }

  /** A number, seven bits a byte. */
  number(): number {
    let number = 0;
    for (let place = 0; place < 4; place += 1) {
      const byte = this.take(1)[0] as number;
      number += (byte & 127) * 128 ** place;
      if (byte < 128) {
        return number;
      }
    }
    throw damaged();
  }
}

/** Bytes from base64url without padding. */
function fromBase64(text: string): Uint8Array {
  const standard = text.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(text.length % 4 === 1 ? "" : atob(standard), (character) => character.charCodeAt(0));
}

/** Base64url without padding. */
export function toBase64(bytes: Uint8Array): string {
  const characters = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(characters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
