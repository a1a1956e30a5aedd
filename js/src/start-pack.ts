/**
 * A start pack: of each wheel the parts that an environment needs first. The format is described, and written, in
 * `micropip_lock/core/start_pack.py`.
 *
 * Rules this file keeps: what is taken here is what Python takes, and means the same (`tests/vectors/start_pack.json`); no
 * number in a pack is believed before it is compared with what is there.
 */

import { LockError } from "./errors.ts";

/** Bytes of a wheel, at their place in it. */
export interface Segment {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** What a pack has of one wheel. */
export interface WheelParts {
  /** Of the whole wheel, in lower-case hexadecimal. */
  readonly sha256: string;
  /** Bytes of the whole wheel. */
  readonly size: number;
  /** In order, with gaps between them. */
  readonly segments: readonly Segment[];
  /** Its compiled modules, as the store keeps them (`bytecode.ts`). */
  readonly compiled: Packed | null;
}

/** Bytes that were deflated (RFC 1951). */
export interface Packed {
  readonly packed: Uint8Array;
  /** Bytes when inflated. */
  readonly size: number;
}

const MAGIC = [0x6d, 0x6c, 0x73, 0x74, 0x61, 0x72, 0x74, 2];
const DIGEST = 32;
const MOST_WHEELS = 2000;
const MOST_WHEEL_BYTES = 256 * 2 ** 20;
const MOST_COMPILED_BYTES = 2 ** 28;
const MOST_SEGMENTS = 100_000;
const MOST_ALL_BYTES = 2 ** 31;

/**
 * Read a pack.
 *
 * @param bytes The segments are views of them.
 * @throws LockError with code `bad-pack`.
 */
export function readStartPack(bytes: Uint8Array): readonly WheelParts[] {
  if (MAGIC.some((byte, at) => bytes[at] !== byte)) {
    throw bad("another format");
  }
  const table = new Reader(bytes, MAGIC.length);
  const count = table.number();
  if (count > MOST_WHEELS) {
    throw bad("too many wheels");
  }
  const wheels: { sha256: string; size: number; compiled: number; packed: number; spans: [number, number][] }[] = [];
  let all = 0;
  for (let index = 0; index < count; index += 1) {
    const sha256 = table.hex(DIGEST);
    const size = table.number();
    const compiled = table.number();
    const packed = table.number();
    const segments = table.number();
    if (size === 0 || size > MOST_WHEEL_BYTES || segments === 0 || segments > MOST_SEGMENTS) {
      throw bad("a wheel of impossible size");
    }
    if (compiled > MOST_COMPILED_BYTES || (compiled === 0) !== (packed === 0)) {
      throw bad("compiled modules of impossible size");
    }
    const spans: [number, number][] = [];
    let before = -1;
    for (let segment = 0; segment < segments; segment += 1) {
      const [offset, length] = [table.number(), table.number()];
      if (offset <= before || length === 0 || offset + length > size) {
        throw bad("a segment lies outside of its wheel or in another");
      }
      spans.push([offset, length]);
      before = offset + length;
    }
    // Hexadecimal digits are in the order of the bytes.
    if (sha256 <= (wheels.at(-1)?.sha256 ?? "")) {
      throw bad("wheels out of order");
    }
    wheels.push({ sha256, size, compiled, packed, spans });
    all += size;
  }
  if (all > MOST_ALL_BYTES) {
    throw bad("the wheels are too large together");
  }
  const held = wheels.reduce((sum, { packed, spans }) => spans.reduce((inner, [, length]) => inner + length, sum + packed), 0);
  if (table.at + held !== bytes.length) {
    throw bad("another length than its table says");
  }
  let at = table.at;
  const next = (length: number): Uint8Array => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  return wheels.map(({ sha256, size, compiled, packed, spans }) => {
    const modules = packed === 0 ? null : { packed: next(packed), size: compiled };
    return { sha256, size, compiled: modules, segments: spans.map(([offset, length]) => ({ offset, bytes: next(length) })) };
  });
}

/** Fields of a table, one after the other. */
class Reader {
  at: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, at: number) {
    this.at = at;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  number(): number {
    this.#need(4);
    return this.#view.getUint32(this.at - 4, true);
  }

  hex(length: number): string {
    this.#need(length);
    const bytes = this.#bytes.subarray(this.at - length, this.at);
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  #need(length: number): void {
    if (this.#bytes.length - this.at < length) {
      throw bad("the table breaks off");
    }
    this.at += length;
  }
}

function bad(what: string): LockError {
  return new LockError("bad-pack", `the start pack cannot be read: ${what}`);
}
