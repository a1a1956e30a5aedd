/**
 * Adaptive binary coding: small numbers, flags and texts in the fewest bits, the same as
 * `micropip_lock/core/link_coder.py`, which says how and why.
 *
 * One walk over the data serves both ways: a `Writer` is given each value and gives it back, a `Reader` ignores what it
 * is given and gives what the bytes say.
 */

import { LockError } from "./errors.ts";

const MAX_BITS = 2 ** 20;
/** Most bytes that decoding a link makes of it. */
export const MOST_BYTES = 2 * 2 ** 20;
const HALF = 2 ** 15;
const TEXTS = 2 ** 40;

/** What a walk codes with. By itself it learns what it is told and writes nothing. */
export class Coder {
  /** By place: probability of a one in 65,536 parts, and how many bits it was learnt from. */
  protected learnt = new Map<number, readonly [number, number]>();
  #bits = 0;

  protected code(_probability: number, bit: number): number {
    return bit;
  }

  /** One bit; bits of one place are alike. */
  flag(place: number, value = false): boolean {
    return this.#bit(place * 65536, value ? 1 : 0) === 1;
  }

  /** A whole number below 2**53; small ones and frequent ones are short. */
  number(place: number, value = 0): number {
    const slot = place * 65536;
    let length = value === 0 ? 0 : value.toString(2).length;
    let node = 1;
    for (let shift = 5; shift >= 0; shift -= 1) {
      node = node * 2 + this.#bit(slot + node, (length >> shift) & 1);
    }
    length = node - 64;
    if (length > 53) {
      throw damaged();
    }
    let number = Math.min(length, 1);
    for (let shift = length - 2; shift >= 0; shift -= 1) {
      const bit = Math.floor(value / 2 ** shift) % 2;
      number = number * 2 + (number < 4 ? this.#bit(slot + 64 + length * 4 + number, bit) : this.code(HALF, bit));
    }
    return number;
  }

  /** A text without NUL; what it has in common with earlier ones of its kind is short. */
  text(kind: number, value = ""): string {
    const data = new TextEncoder().encode(value);
    const got: number[] = [];
    for (let before = 0; ; ) {
      const byte = this.#byte(kind, before, data[got.length] ?? 0);
      if (byte === 0) {
        break;
      }
      got.push(byte);
      before = (before % 65536) * 256 + byte;
    }
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(got));
    } catch {
      throw damaged();
    }
  }

  #byte(kind: number, before: number, byte: number): number {
    const rooms = [3, 2, 1, 0].map((order) => TEXTS + (kind * 4 + order) * 2 ** 32 + (before % 256 ** order) * 256);
    let node = 1;
    for (let shift = 7; shift >= 0; shift -= 1) {
      // The longest context that was ever met tells.
      const room = rooms.find((one) => this.learnt.has(one + node));
      const bit = this.code(room === undefined ? HALF : this.#known(room + node)[0], (byte >> shift) & 1);
      for (const one of rooms) {
        this.#learn(one + node, bit);
      }
      node = node * 2 + bit;
    }
    return node - 256;
  }

  #bit(slot: number, given: number): number {
    const bit = this.code(this.#known(slot)[0], given);
    this.#learn(slot, bit);
    return bit;
  }

  #known(slot: number): readonly [number, number] {
    return this.learnt.get(slot) ?? [HALF, 0];
  }

  #learn(slot: number, bit: number): void {
    const [probability, seen] = this.#known(slot);
    const step = 2 * seen + 3;
    const learnt = bit
      ? Math.min(65472, probability + Math.floor(((65536 - probability) * 2) / step))
      : Math.max(64, probability - Math.floor((probability * 2) / step));
    this.learnt.set(slot, [learnt, Math.min(seen + 1, 30)]);
  }

  /** Begin where another left off, and never run away. */
  protected begin(tutor: Coder): void {
    this.learnt = new Map(tutor.learnt);
  }

  protected count(): void {
    this.#bits += 1;
    if (this.#bits > MAX_BITS) {
      throw tooLarge(`at most ${MAX_BITS} bits of text`);
    }
  }
}

/** Writes a walk's values. */
export class Writer extends Coder {
  #low = 0;
  #high = 0xffffffff;
  readonly #out: number[] = [];

  constructor(tutor: Coder) {
    super();
    this.begin(tutor);
  }

  protected override code(probability: number, bit: number): number {
    this.count();
    const middle = this.#low + Math.floor(((this.#high - this.#low) * probability) / 65536);
    if (bit) {
      this.#high = middle;
    } else {
      this.#low = middle + 1;
    }
    while ((this.#low ^ this.#high) >>> 24 === 0) {
      this.#out.push(this.#high >>> 24);
      this.#low = (this.#low << 8) >>> 0;
      this.#high = ((this.#high << 8) | 255) >>> 0;
    }
    return bit;
  }

  /** All bytes; a reader takes zeros for what lies behind them. */
  finish(): readonly number[] {
    for (let kept = 0; ; kept += 1) {
      const unit = 256 ** (4 - kept);
      const value = Math.ceil(this.#low / unit) * unit;
      if (value <= this.#high) {
        return [...this.#out, ...[24, 16, 8, 0].slice(0, kept).map((shift) => (value >>> shift) & 255)];
      }
    }
  }
}

/** Reads a walk's values. */
export class Reader extends Coder {
  #low = 0;
  #high = 0xffffffff;
  #value = 0;
  #at = 0;
  readonly #data: Uint8Array;

  constructor(tutor: Coder, data: Uint8Array) {
    super();
    this.begin(tutor);
    this.#data = data;
    for (let byte = 0; byte < 4; byte += 1) {
      this.#next();
    }
  }

  protected override code(probability: number): number {
    this.count();
    const middle = this.#low + Math.floor(((this.#high - this.#low) * probability) / 65536);
    const bit = this.#value <= middle ? 1 : 0;
    if (bit) {
      this.#high = middle;
    } else {
      this.#low = middle + 1;
    }
    while ((this.#low ^ this.#high) >>> 24 === 0) {
      this.#low = (this.#low << 8) >>> 0;
      this.#high = ((this.#high << 8) | 255) >>> 0;
      this.#next();
    }
    return bit;
  }

  #next(): void {
    // A writer leaves out zeros at the end, and no more than four.
    if (this.#at > this.#data.length + 3) {
      throw damaged();
    }
    this.#value = ((this.#value << 8) | (this.#data[this.#at] ?? 0)) >>> 0;
    this.#at += 1;
  }

  /**
   * Nothing may lie behind what was read.
   * @throws LockError with code `trailing`.
   */
  finish(): void {
    if (this.#data.length > this.#at) {
      throw new LockError("trailing", "there are bytes behind the end of the link's content");
    }
  }
}

/** The error for content that no writer of ours makes. */
export function damaged(): LockError {
  return new LockError("content", "the link's content cannot be");
}

/** The error for content beyond all measure. */
export function tooLarge(expected: string): LockError {
  return new LockError("too-large", "the link holds too much", { expected, got: "more" });
}
