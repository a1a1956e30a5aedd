/**
 * A wheel of which parts are here: bytes at the places where they belong, and a way to the others.
 *
 * Rules this file keeps:
 *
 * 1. What is not here is asked for at once, in one piece, and after some pieces whole; where nobody can be asked, or the answer
 *    is neither, the read fails and nothing is kept of it.
 * 2. Nothing is decided about bytes: who reads a file compares it with RECORD, whatever way it came.
 *
 * Left to others: what is needed first (`start-pack.ts`), how a range is asked for (`range-reader.ts`).
 */

import { LockError } from "./errors.ts";
import type { ByteSource } from "./source.ts";
import type { WheelParts } from "./start-pack.ts";

/** Bytes `from` up to, not including, `to` of a wheel, or all of it where that is what came, or an error. */
export type ReadRange = (from: number, to: number) => Uint8Array;

/** Whoever asks for so many pieces goes through the wheel, and is given all of it: each piece costs a wait. */
const MANY = 8;

export class SparseSource implements ByteSource {
  readonly size: number;
  /** Room for all bytes, zero where they are not here; the platform gives memory only to what is written. */
  #bytes: Uint8Array<ArrayBuffer>;
  /** What is here: beginning and end of each part, in order, with gaps between them. */
  #there: (readonly [number, number])[] = [];
  readonly #ask: ReadRange | null;
  #asked = 0;
  #closed = false;

  /** @param ask How to get what is not here; `null` where that cannot be had at once. */
  constructor({ size, segments }: Pick<WheelParts, "size" | "segments">, ask: ReadRange | null) {
    this.size = size;
    this.#bytes = new Uint8Array(size);
    this.#ask = ask;
    for (const { offset, bytes } of segments) {
      this.#bytes.set(bytes, offset);
      this.#there.push([offset, offset + bytes.length]);
    }
  }

  /** As much as is here of all bytes, zero elsewhere: for who looks with `has` first. */
  get known(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  get isWhole(): boolean {
    return this.has(0, this.size);
  }

  /** Whether all of these bytes are here. */
  has(from: number, to: number): boolean {
    let [low, high] = [0, this.#there.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#there[middle] as readonly [number, number])[1] < to) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const part = this.#there[low];
    return part !== undefined && part[0] <= from;
  }

  /** @throws LockError with code `NOT_THERE_YET`. */
  read(from: number, to: number): Uint8Array {
    if (this.#closed) {
      throw new Error("the file is closed");
    }
    if (!(0 <= from && from <= to && to <= this.size)) {
      throw new RangeError(`bytes ${from} to ${to} of ${this.size}`);
    }
    if (from < to && !this.has(from, to)) {
      if (this.#ask === null) {
        throw notThere("its part of the wheel has not arrived");
      }
      this.#asked += 1;
      const bytes = this.#asked > MANY ? this.#ask(0, this.size) : this.#ask(from, to);
      if (bytes.length === this.size) {
        this.#fill(bytes);
      } else if (bytes.length === to - from) {
        this.#bytes.set(bytes, from);
        this.#add(from, to);
      } else {
        throw notThere(`${bytes.length} bytes came instead of ${to - from}`);
      }
    }
    return this.#bytes.subarray(from, to);
  }

  close(): void {
    this.#closed = true;
    this.#bytes = new Uint8Array(0);
  }

  /** Take over what is not here: about what is here somebody may have decided already. */
  #fill(whole: Uint8Array): void {
    let at = 0;
    for (const [from, to] of [...this.#there, [this.size, this.size] as const]) {
      this.#bytes.set(whole.subarray(at, from), at);
      at = to;
    }
    this.#there = [[0, this.size]];
  }

  #add(from: number, to: number): void {
    const apart = this.#there.filter(([first, end]) => end < from || first > to);
    const joined = this.#there.filter(([first, end]) => end >= from && first <= to);
    const whole = [Math.min(from, ...joined.map(([first]) => first)), Math.max(to, ...joined.map(([, end]) => end))] as const;
    this.#there = [...apart, whole].sort(([one], [other]) => one - other);
  }
}

/** Code of the error for a file that cannot be read now; later it can. */
export const NOT_THERE_YET = "not-there-yet";

export function notThere(why: string): LockError {
  return new LockError(NOT_THERE_YET, `a file is not here yet: ${why}`);
}
