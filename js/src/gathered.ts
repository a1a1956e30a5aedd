/** Bodies that are gathered on another thread: counted here while they grow, and then handed over whole. */

/** A body that is gathered elsewhere. */
export interface Gathered {
  /** Bytes so far, once there are more than were told before; `null` when all are here. Rejects when they will not be. */
  next(): Promise<number | null>;
  /** All of them, then. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** In lower-case hexadecimal; `null` where the platform cannot tell. */
  readonly sha256: string | null;
}

const bodies = new WeakMap<Response, Gathered>();

/** Say that the body of an answer is gathered elsewhere. */
export function gatherElsewhere(answer: Response, body: Gathered): void {
  bodies.set(answer, body);
}

/** The body of an answer that is gathered elsewhere; the answer's own is empty then. */
export function gatheredOf(answer: Response): Gathered | undefined {
  return bodies.get(answer);
}

/** One of them, as who hears of it tells it. */
export class Gathering implements Gathered {
  bytes = new Uint8Array(0);
  sha256: string | null = null;
  #count = 0;
  #told = 0;
  #isDone = false;
  #why: { readonly error: unknown } | undefined;
  #wake: () => void = () => undefined;
  #goOn: () => void;

  /** @param goOn Called when its bytes are asked for first. */
  constructor(goOn: () => void) {
    this.#goOn = goOn;
  }

  tell(count: number): void {
    this.#count = count;
    this.#wake();
  }

  done({ whole, sha256 }: { whole: Uint8Array<ArrayBuffer>; sha256: string | null }): void {
    this.bytes = whole;
    this.sha256 = sha256;
    this.#isDone = true;
    this.tell(whole.length);
  }

  fail(error: unknown): void {
    this.#why ??= { error };
    this.#wake();
  }

  async next(): Promise<number | null> {
    this.#goOn();
    this.#goOn = () => undefined;
    for (;;) {
      if (this.#count > this.#told) {
        this.#told = this.#count;
        return this.#told;
      }
      if (this.#isDone) {
        return null;
      }
      if (this.#why !== undefined) {
        throw this.#why.error;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
