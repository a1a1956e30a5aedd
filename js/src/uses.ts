/**
 * When each wheel was used last: by the file's own time where a shelf keeps one, else in a small file.
 *
 * The file is written once a session is settled, not at each use, and what two tabs write is put together.
 */

import { locked } from "./locks.ts";
import type { Shelf } from "./shelf.ts";

const FILE = "used";
const LINE = /^([0-9a-f]{64}) ([0-9]{1,16})$/;

/** Lines of the file beyond which the oldest go. */
const MOST = 5_000;

export class Uses {
  readonly #shelf: Shelf;
  readonly #pathOf: (sha256: string) => string;
  readonly #session = new Map<string, number>();
  #unwritten = false;

  /** @param pathOf Where a wheel lies on the shelf. */
  constructor(shelf: Shelf, pathOf: (sha256: string) => string) {
    this.#shelf = shelf;
    this.#pathOf = pathOf;
  }

  note(sha256: string): void {
    this.#session.set(sha256, Date.now());
    this.#unwritten = true;
  }

  /** Whether this session used a wheel. */
  inSession(sha256: string): boolean {
    return this.#session.has(sha256);
  }

  /** Milliseconds since 1970 by digest, of what is known beyond the files' own times. */
  async read(): Promise<ReadonlyMap<string, number>> {
    const times = new Map(this.#session);
    if (this.#shelf.touch !== undefined) {
      return times;
    }
    const opened = await this.#shelf.open(FILE);
    opened?.source.close();
    for (const line of opened === null ? [] : new TextDecoder().decode(opened.bytes).split("\n")) {
      const [, sha256, time] = LINE.exec(line) ?? [];
      if (sha256 !== undefined) {
        times.set(sha256, Math.max(Number(time), times.get(sha256) ?? 0));
      }
    }
    return times;
  }

  async write(): Promise<void> {
    if (!this.#unwritten) {
      return;
    }
    this.#unwritten = false;
    if (this.#shelf.touch !== undefined) {
      for (const sha256 of this.#session.keys()) {
        await this.#shelf.touch(this.#pathOf(sha256)).catch(() => undefined);
      }
      return;
    }
    await locked("used", async () => {
      const times = [...(await this.read())].sort(([, one], [, other]) => other - one).slice(0, MOST);
      const text = times.map(([sha256, time]) => `${sha256} ${time}\n`).join("");
      await this.#shelf.write(FILE, [new TextEncoder().encode(text)]);
    });
  }
}
