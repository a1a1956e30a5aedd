/**
 * SHA-256 digests in their three spellings, agreeing with `micropip_lock/core/digest.py` through
 * `tests/vectors/digest.json`.
 *
 * Rules this file keeps:
 *
 * 1. A `Digest` is 32 bytes; texts are parsed strictly (exact length, canonical base64, no white space).
 * 2. Hashing is the platform's (`crypto.subtle`). There is one hash function of our own, `sha256.ts`, because the
 *    platform of a browser answers later, and a lazily mounted file is read by code that cannot wait.
 */

import { LockError } from "./errors.ts";
import { sha256Bytes } from "./sha256-hex.ts";

const HEX = /^[0-9a-fA-F]{64}$/;
const RECORD = /^sha256=[A-Za-z0-9_-]{43}$/;
const SRI = /^sha256-[A-Za-z0-9+/]{43}=$/;

/** A SHA-256 digest. */
export class Digest {
  readonly #raw: Uint8Array<ArrayBuffer>;

  /**
   * @param raw The 32 bytes; they are copied.
   * @throws LockError with code `hash-form` when there are more or fewer.
   */
  constructor(raw: Uint8Array) {
    if (raw.length !== 32) {
      throw bad("32 bytes", `${raw.length} bytes`);
    }
    this.#raw = Uint8Array.from(raw);
  }

  /**
   * From 64 hexadecimal characters, either case.
   * @throws LockError with code `hash-form`.
   */
  static fromHex(text: string): Digest {
    if (!HEX.test(text)) {
      throw bad("64 hexadecimal characters", JSON.stringify(text));
    }
    return new Digest(Uint8Array.from({ length: 32 }, (_, at) => Number.parseInt(text.slice(2 * at, 2 * at + 2), 16)));
  }

  /**
   * From RECORD's spelling, `sha256=` and 43 characters of URL-safe base64 without padding.
   *
   * Source: binary distribution format (PEP 427, "The .dist-info directory").
   * @throws LockError with code `hash-form`.
   */
  static fromRecord(text: string): Digest {
    return fromBase64(text, RECORD, "sha256= and 43 URL-safe base64 characters", (digest) => digest.record);
  }

  /**
   * From Subresource Integrity's spelling, `sha256-` and 44 characters of padded base64; one digest only.
   *
   * Source: W3C Subresource Integrity, section 3.1.
   * @throws LockError with code `hash-form`.
   */
  static fromSri(text: string): Digest {
    return fromBase64(text, SRI, "sha256- and 44 base64 characters", (digest) => digest.sri);
  }

  /** 64 lower-case hexadecimal characters, the form of `pyodide-lock.json`. */
  get hex(): string {
    return Array.from(this.#raw, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  /** RECORD's form. */
  get record(): string {
    return `sha256=${this.#base64().replaceAll("+", "-").replaceAll("/", "_").slice(0, 43)}`;
  }

  /** Subresource Integrity's form. */
  get sri(): string {
    return `sha256-${this.#base64()}`;
  }

  equals(other: Digest): boolean {
    return this.#raw.every((byte, at) => byte === other.#raw[at]);
  }

  toString(): string {
    return this.hex;
  }

  #base64(): string {
    return btoa(String.fromCharCode(...this.#raw));
  }
}

function fromBase64(text: string, form: RegExp, expected: string, spell: (digest: Digest) => string): Digest {
  if (!form.test(text)) {
    throw bad(expected, JSON.stringify(text));
  }
  const standard = text.slice("sha256=".length).replaceAll("-", "+").replaceAll("_", "/");
  const digest = new Digest(Uint8Array.from(atob(standard), (character) => character.charCodeAt(0)));
  // 43 characters carry 258 bits: two are unused, and only zeroes there are a digest's one spelling.
  if (spell(digest) !== text) {
    throw bad(`${expected} with the unused bits zero`, JSON.stringify(text));
  }
  return digest;
}

function bad(expected: string, got: string): LockError {
  return new LockError("hash-form", "not a SHA-256 digest", { expected, got });
}

/**
 * The digest of `bytes`.
 * @throws LockError with code `no-subtle-crypto` in a page that is no secure context (`http:` but not localhost).
 */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Digest> {
  return new Digest(await sha256Bytes(bytes));
}
