/**
 * The bytes of one body as they arrive, kept once.
 *
 * A body whose length was announced truly is copied piece by piece into its final place and handed over as it is.
 */

/** Bytes of the body that are kept for diagnosis. */
export const HEAD_BYTES = 512;

/** The first buffer of a body that announced no length, and the most that an announcement alone can make us reserve. */
const FIRST_BYTES = 64 * 1024;
export const MOST_ANNOUNCED = 256 * 1024 * 1024;

export class Arrival {
  readonly #most: number;
  #buffer = new Uint8Array(0);
  #length = 0;

  /** @param most The most bytes to take. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Bytes taken so far. */
  get length(): number {
    return this.#length;
  }

  /** Whether all is there that `head` shows. */
  get hasHead(): boolean {
    return this.#length >= HEAD_BYTES;
  }

  /** Reserve room for an announced length; the announcement may be wrong in either direction. */
  expect(announced: number): void {
    const length = Math.min(announced, this.#most, MOST_ANNOUNCED);
    if (length > this.#buffer.length) {
      this.#resize(length);
    }
  }

  /** Take one piece; of a piece that would be too much only as many bytes as fit, and the answer is `false`. */
  add(piece: Uint8Array): boolean {
    const taken = Math.min(piece.length, this.#most - this.#length);
    const length = this.#length + taken;
    if (length > this.#buffer.length) {
      this.#resize(Math.min(Math.max(length, 2 * this.#buffer.length, FIRST_BYTES), this.#most));
    }
    this.#buffer.set(piece.subarray(0, taken), this.#length);
    this.#length = length;
    return taken === piece.length;
  }

  /** All bytes, in a buffer of just that size. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#length === this.#buffer.length ? this.#buffer : this.#buffer.slice(0, this.#length);
  }

  /** The first bytes, at most 512, each one a character. */
  head(): string {
    return String.fromCharCode(...this.#buffer.subarray(0, Math.min(this.#length, HEAD_BYTES)));
  }

  #resize(length: number): void {
    const larger = new Uint8Array(length);
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}
