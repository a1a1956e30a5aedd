/** Requests that are bounded on this thread: each has its turn from the question until its body was read. */

/** So many at a time. */
export class Turns {
  #limit: number;
  #taken = 0;
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  limit(limit: number): void {
    this.#limit = limit;
    this.#next();
  }

  async take(signal?: AbortSignal | null): Promise<void> {
    signal?.throwIfAborted();
    if (this.#taken >= this.#limit) {
      await new Promise<void>((resolve, reject) => {
        const turn = (): void => {
          signal?.removeEventListener("abort", leave);
          resolve();
        };
        const leave = (): void => {
          this.#waiting.delete(turn);
          reject(signal?.reason);
        };
        signal?.addEventListener("abort", leave, { once: true });
        this.#waiting.add(turn);
      });
      return;
    }
    this.#taken += 1;
  }

  give(): void {
    this.#taken -= 1;
    this.#next();
  }

  #next(): void {
    for (const turn of this.#waiting) {
      if (this.#taken >= this.#limit) {
        return;
      }
      this.#waiting.delete(turn);
      this.#taken += 1;
      turn();
    }
  }
}

/** The same answer; when its body was read or left, that is told. */
export function untilRead(answer: Response, told: () => void): Response {
  const { status, statusText, headers, url, redirected } = answer;
  // Beyond these a page can make no answer.
  const reader = status >= 200 && status <= 599 ? answer.body?.getReader() : undefined;
  if (reader === undefined) {
    told();
    return answer;
  }
  let isDone = false;
  const done = (): void => {
    if (!isDone) {
      isDone = true;
      told();
    }
  };
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const next = await reader.read();
        if (next.done) {
          done();
          controller.close();
        } else {
          controller.enqueue(next.value);
        }
      } catch (error) {
        done();
        controller.error(error);
      }
    },
    cancel: async (reason) => {
      done();
      await reader.cancel(reason);
    },
  });
  return Object.defineProperties(new Response(body, { status, statusText, headers }), { url: { value: url }, redirected: { value: redirected } });
}
