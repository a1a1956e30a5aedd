/**
 * Asking the network from a worker of its own: while a thread sets a Pyodide up it takes nothing in, and what the browser
 * holds back for it is soon full, so that the wire stands still.
 *
 * Rules this file keeps:
 *
 * 1. It only saves time: where there is no such worker, or its request gets no answer, the request is made here, where the
 *    platform tells why it failed.
 * 2. The answer is the platform's own as far as it is looked at; its body arrives in the pieces in which it came.
 * 3. After `close` the worker is gone, and nothing waits for it.
 */

/** What one request is told from the other side. */
type Told =
  | { readonly id: number; readonly head: { url: string; status: number; statusText: string; headers: [string, string][] } }
  | { readonly id: number; readonly piece: Uint8Array<ArrayBuffer> }
  | { readonly id: number; readonly end: string | null };

interface Underway {
  readonly answer: (head: Extract<Told, { head: unknown }>["head"]) => void;
  readonly piece: (piece: Uint8Array<ArrayBuffer>) => void;
  readonly end: (why: string | null) => void;
}

export interface Aside {
  readonly fetch: typeof fetch;
  /** Resolves once the worker runs by itself, or will never. */
  readonly ready: Promise<void>;
  close(): void;
}

/** How long an answer's head may take once it was asked for. */
const HEAD_MS = 45_000;

/** How long the worker may take to run; some that are forbidden say nothing. */
const START_MS = 10_000;

/** The whole of the worker. */
const SOURCE = `
let free;
const queue = [], stops = new Map();
const next = () => {
  while (free > 0 && queue.length > 0) {
    free -= 1;
    ask(queue.shift()).finally(() => {
      free += 1;
      next();
    });
  }
};
const ask = async ({ id, url, wishes, stop }) => {
  let end = null;
  const timer = setTimeout(() => stop.abort(), ${HEAD_MS});
  try {
    const answer = await fetch(url, { ...wishes, signal: stop.signal });
    clearTimeout(timer);
    const { status, statusText, headers, body } = answer;
    postMessage({ id, head: { url: answer.url, status, statusText, headers: [...headers] } });
    const reader = body?.getReader();
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (done) break;
      const piece = value.byteLength === value.buffer.byteLength ? value : value.slice();
      postMessage({ id, piece }, [piece.buffer]);
    }
  } catch (error) {
    end = String(error?.message ?? error);
  }
  clearTimeout(timer);
  stops.delete(id);
  postMessage({ id, end });
};
onmessage = ({ data: { id, url, wishes, limit } }) => {
  if (limit) {
    free = limit;
    postMessage({ id: 0, end: null });
  } else if (wishes) {
    const stop = new AbortController();
    stops.set(id, stop);
    queue.push({ id, url, wishes, stop });
    next();
  } else {
    stops.get(id)?.abort();
  }
};
`;

/**
 * A worker to ask the network from; `null` where there cannot be one.
 *
 * @param limit Requests that are under way at a time; the others wait in the worker for their turn.
 */
export function openAside(limit: number): Aside | null {
  if (typeof Worker === "undefined" || typeof Blob === "undefined" || globalThis.process?.versions?.node !== undefined) {
    return null;
  }
  const address = URL.createObjectURL(new Blob([SOURCE], { type: "text/javascript" }));
  let opened: AsideWorker | null = null;
  try {
    opened = new AsideWorker(new Worker(address), limit);
  } catch {
    // A Content-Security-Policy may throw here, too.
  }
  // Long enough for the worker to have read it; revoking at once stops some browsers.
  setTimeout(() => {
    URL.revokeObjectURL(address);
    opened?.leaveUnlessReady();
  }, START_MS);
  return opened;
}

class AsideWorker implements Aside {
  readonly #worker: Worker;
  readonly #underway = new Map<number, Underway>();
  readonly ready: Promise<void>;
  #next = 0;
  #gone = false;
  /** Requests that may be made here; those that wait for that. */
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(worker: Worker, limit: number) {
    this.#worker = worker;
    this.#free = limit;
    worker.postMessage({ limit });
    // The first word of the worker ends the wait for it.
    this.ready = new Promise((resolve) => this.#underway.set(0, { answer: () => undefined, piece: () => undefined, end: () => resolve() }));
    worker.onmessage = ({ data }: MessageEvent<Told>) => {
      const one = this.#underway.get(data.id);
      if ("head" in data) {
        one?.answer(data.head);
      } else if ("piece" in data) {
        one?.piece(data.piece);
      } else {
        this.#underway.delete(data.id);
        one?.end(data.end);
      }
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#leave("the worker failed");
    };
  }

  leaveUnlessReady(): void {
    if (this.#underway.has(0)) {
      this.#leave("the worker does not start");
    }
  }

  close(): void {
    this.#leave("closed");
  }

  readonly fetch = async (url: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const { signal, ...wishes } = init;
    signal?.throwIfAborted();
    const answer = this.#gone ? null : await this.#ask(String(url), wishes, signal ?? undefined);
    return answer ?? (await this.#here(url, init));
  };

  /** Bounded until the head is there; by then the platform does it. */
  async #here(url: string | URL | Request, init: RequestInit): Promise<Response> {
    if (this.#free === 0) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#free -= 1;
    }
    try {
      init.signal?.throwIfAborted();
      return await globalThis.fetch(url, init);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) {
        this.#free += 1;
      } else {
        next();
      }
    }
  }

  /** `null` when there was no answer. */
  #ask(url: string, wishes: RequestInit, signal: AbortSignal | undefined): Promise<Response | null> {
    this.#next += 1;
    const id = this.#next;
    return new Promise((resolve, reject) => {
      let pieces: ReadableStreamDefaultController<Uint8Array> | undefined;
      const stop = (): void => {
        this.#worker.postMessage({ id });
        this.#underway.delete(id);
        pieces?.error(signal?.reason);
        reject(signal?.reason);
      };
      const leave = (): void => signal?.removeEventListener("abort", stop);
      signal?.addEventListener("abort", stop, { once: true });
      this.#underway.set(id, {
        answer: ({ url: from, status, statusText, headers }) => {
          const body = new ReadableStream<Uint8Array>({
            start: (controller) => {
              pieces = controller;
            },
            cancel: () => {
              leave();
              this.#worker.postMessage({ id });
              this.#underway.delete(id);
            },
          });
          // These have no body, and a Response will not take one.
          const empty = status === 204 || status === 205 || status === 304;
          let response: Response;
          try {
            response = new Response(empty ? null : body, { status, statusText, headers });
          } catch {
            // A status that the platform takes from a server and from nobody else (999): let it tell by itself.
            leave();
            this.#worker.postMessage({ id });
            this.#underway.delete(id);
            resolve(null);
            return;
          }
          Object.defineProperty(response, "url", { value: from });
          resolve(response);
        },
        piece: (piece) => pieces?.enqueue(piece),
        end: (why) => {
          leave();
          if (why !== null) {
            pieces?.error(new TypeError(why));
          } else {
            pieces?.close();
          }
          // After an answer this does nothing.
          resolve(null);
        },
      });
      this.#worker.postMessage({ id, url, wishes });
    });
  }

  #leave(why: string): void {
    this.#gone = true;
    this.#worker.terminate();
    for (const [id, one] of [...this.#underway]) {
      this.#underway.delete(id);
      one.end(why);
    }
  }
}
