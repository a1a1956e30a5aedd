/**
 * Asking the network from a worker of its own: while a thread sets a Pyodide up it takes nothing in, and what the browser
 * holds back for it is soon full, so that the wire stands still.
 *
 * Rules this file keeps:
 *
 * 1. It only saves time: where there is no such worker, or its request fails at once, the request is made here, where the
 *    platform tells why. One that waited as long as it may is not made again.
 * 2. The answer is the platform's own as far as it is looked at; its body arrives in the pieces in which it came.
 * 3. A body of which the most bytes are said is gathered and hashed there, and arrives at once: this thread has better
 *    things to do than to copy it. It hears how many bytes there are meanwhile.
 * 4. After `close` the worker is gone, and nothing waits for it.
 */

import { MOST_ANNOUNCED } from "./arrival.ts";
import { Countdown } from "./countdown.ts";

/** What one request is told from the other side. */
type Told =
  | { readonly id: number; readonly isGathered?: boolean; readonly head: { url: string; status: number; statusText: string; headers: [string, string][] } }
  | { readonly id: number; readonly piece: Uint8Array<ArrayBuffer> }
  | { readonly id: number; readonly count: number }
  | { readonly id: number; readonly whole: Uint8Array<ArrayBuffer>; readonly sha256: string | null }
  | { readonly id: number; readonly end: string | null; readonly isLate?: boolean };

interface Underway {
  readonly answer: (head: Extract<Told, { head: unknown }>["head"], isGathered: boolean) => void;
  readonly piece: (piece: Uint8Array<ArrayBuffer>) => void;
  readonly body: Gathering;
  readonly end: (why: string | null, isLate?: boolean) => void;
}

/** A request whose body may be gathered elsewhere: the most bytes that are wanted of it. */
export interface GatheringInit extends RequestInit {
  readonly most?: number;
}

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

/** The body of an answer that is gathered elsewhere; the answer's own is empty then. */
export function gatheredOf(answer: Response): Gathered | undefined {
  return bodies.get(answer);
}

export interface Aside {
  readonly fetch: typeof fetch;
  /** Nothing was asked for that has not arrived. */
  readonly isIdle: boolean;
  /** Resolves once the worker runs by itself, or will never. */
  readonly ready: Promise<void>;
  close(): void;
}

/** How long an answer's head may take once it was asked for. */
const HEAD_MS = 45_000;

/** How long the worker may take to run; some that are forbidden say nothing. */
const START_MS = 9_500;
const LAST_WORD_MS = 500;

/** How often it is told at most how many bytes of a body there are. */
const TELL_MS = 50;

/** What the worker is asked: how many requests may be under way, a request, to read where a redirect led, or the end of one. */
type Asked =
  | { readonly limit: number }
  | { readonly id: number; readonly url: string; readonly wishes: GatheringInit }
  | { readonly id: number; readonly goOn: true }
  | { readonly id: number };

/** What is used of a worker's own scope. */
interface WorkerScope {
  postMessage(message: Told, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<Asked>) => void) | null;
}

/** The whole of the worker: its text is what runs there, so that nothing outside of it may be named in it. */
export function work(scope: WorkerScope, headMs: number, tellMs: number, mostAnnounced: number): void {
  const queue: (() => Promise<void>)[] = [];
  const stops = new Map<number, AbortController>();
  const goesOn = new Map<number, () => void>();
  let free = 0;
  let limit = 0;
  const next = (): void => {
    for (; free > 0 && queue.length > 0; free -= 1) {
      void queue.shift()?.().finally(() => {
        free += 1;
        next();
      });
    }
  };
  const gather = async (id: number, { headers, body }: Response, most: number): Promise<void> => {
    const announced = Math.max(0, Math.min(Number(headers.get("content-length")) || 0, most, mostAnnounced));
    let bytes = new Uint8Array(announced);
    let length = 0;
    let told = 0;
    const reader = body?.getReader();
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (done || value === undefined) {
        break;
      }
      if (length === 0 && value.byteLength === value.buffer.byteLength && value.length >= announced) {
        bytes = value;
      } else {
        if (length + value.length > bytes.length) {
          const larger = new Uint8Array(Math.max(length + value.length, 2 * bytes.length));
          larger.set(bytes.subarray(0, length));
          bytes = larger;
        }
        bytes.set(value, length);
      }
      length += value.length;
      if (length > most || performance.now() - told > tellMs) {
        told = performance.now();
        scope.postMessage({ id, count: length });
      }
      if (length > most) {
        await reader?.cancel();
        return;
      }
    }
    const whole = length === bytes.length ? bytes : bytes.slice(0, length);
    const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
    const digest = subtle && new Uint8Array(await subtle.digest("SHA-256", whole));
    const sha256 = digest ? Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") : null;
    scope.postMessage({ id, whole, sha256 }, [whole.buffer]);
  };
  const ask = async (id: number, url: string, { most, ...wishes }: GatheringInit, stop: AbortController): Promise<void> => {
    let end: string | null = null;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      stop.abort();
    }, headMs);
    try {
      const answer = await fetch(url, { ...wishes, signal: stop.signal });
      clearTimeout(timer);
      const { status, statusText, headers, body } = answer;
      const isGathered = answer.ok && most !== undefined;
      scope.postMessage({ id, isGathered, head: { url: answer.url, status, statusText, headers: [...headers] } });
      if (isGathered) {
        if (answer.redirected) {
          // Nothing is read before it is known whether it may lead there.
          await new Promise<void>((resolve) => goesOn.set(id, resolve));
        }
        await gather(id, answer, most);
      } else {
        const reader = body?.getReader();
        for (;;) {
          const { done, value } = (await reader?.read()) ?? { done: true };
          if (done || value === undefined) {
            break;
          }
          const piece = value.byteLength === value.buffer.byteLength ? value : value.slice();
          scope.postMessage({ id, piece }, [piece.buffer]);
        }
      }
    } catch (error) {
      end = String((error as Error | null)?.message ?? error);
    }
    clearTimeout(timer);
    stops.delete(id);
    goesOn.delete(id);
    scope.postMessage(isLate ? { id, end, isLate } : { id, end });
  };
  scope.onmessage = ({ data }) => {
    if ("limit" in data) {
      free += data.limit - limit;
      limit = data.limit;
      scope.postMessage({ id: 0, end: null });
      next();
    } else if ("wishes" in data) {
      const { id, url, wishes } = data;
      const stop = new AbortController();
      stops.set(id, stop);
      queue.push(() => ask(id, url, wishes, stop));
      next();
    } else {
      if (!("goOn" in data)) {
        stops.get(data.id)?.abort();
      }
      goesOn.get(data.id)?.();
    }
  };
}

/**
 * A worker to ask the network from; `null` where there cannot be one.
 *
 * @param limit Requests that are under way at a time; the others wait in the worker for their turn.
 */
export function openAside(limit: number): AsideWorker | null {
  if (typeof Worker === "undefined" || typeof Blob === "undefined" || globalThis.process?.versions?.node !== undefined) {
    return null;
  }
  const source = `(${work})(globalThis, ${HEAD_MS}, ${TELL_MS}, ${MOST_ANNOUNCED})`;
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  let opened: AsideWorker | null = null;
  try {
    opened = new AsideWorker(new Worker(address), limit);
  } catch {
    // A Content-Security-Policy may throw here, too.
  }
  // Long enough for the worker to have read it; revoking at once stops some browsers.
  setTimeout(() => {
    URL.revokeObjectURL(address);
    // This thread may have been busy: what the worker said meanwhile is heard first.
    setTimeout(() => opened?.leaveUnlessReady(), LAST_WORD_MS);
  }, START_MS);
  return opened;
}

/** So many at a time. */
class Turns {
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
function untilRead(answer: Response, told: () => void): Response {
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

function late(): DOMException {
  return new DOMException(`no answer within ${HEAD_MS} ms`, "TimeoutError");
}

/** How long one may have nothing to do before it is closed. */
const IDLE_MS = 20_000;

/** An `Aside` that is there as long as it is needed; where there cannot be one, this thread asks. */
export class AsideOnDemand {
  #aside: AsideWorker | null = null;
  #limit: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Have so many requests under way at a time.
   *
   * @returns Whether more may be asked for: they wait for their turn.
   */
  limit(limit: number): boolean {
    this.#limit = limit;
    this.#aside?.limit(limit);
    return this.open() !== null;
  }

  /** Begin before the first request. */
  open(): Aside | null {
    if (this.#aside?.isGone) {
      // Where one cannot be, another cannot either.
      return null;
    }
    this.#aside ??= openAside(this.#limit);
    this.#watch();
    return this.#aside;
  }

  readonly fetch = async (url: string | URL | Request, init: GatheringInit = {}): Promise<Response> => {
    if (!/^https?:/i.test(String(url))) {
      return globalThis.fetch(url, init);
    }
    // One that is gone has turns all the same.
    this.open();
    return (this.#aside ?? globalThis).fetch(url, init);
  };

  #watch(): void {
    clearTimeout(this.#timer);
    if (this.#aside !== null && !this.#aside.isGone) {
      this.#timer = setTimeout(() => {
        if (this.#aside?.isIdle && !this.#aside.isGone) {
          this.#aside.close();
          this.#aside = null;
        }
        this.#watch();
      }, IDLE_MS);
    }
  }
}

class Gathering implements Gathered {
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

class AsideWorker implements Aside {
  readonly #worker: Worker;
  readonly #underway = new Map<number, Underway>();
  readonly ready: Promise<void>;
  #next = 0;
  #gone = false;
  /** Of requests that are made here. */
  readonly #turns: Turns;

  constructor(worker: Worker, limit: number) {
    this.#worker = worker;
    this.#turns = new Turns(limit);
    worker.postMessage({ limit });
    // The first word of the worker ends the wait for it.
    this.ready = new Promise((resolve) => this.#underway.set(0, { answer: () => undefined, piece: () => undefined, body: new Gathering(() => undefined), end: () => resolve() }));
    worker.onmessage = ({ data }: MessageEvent<Told>) => {
      const one = this.#underway.get(data.id);
      if ("head" in data) {
        one?.answer(data.head, data.isGathered === true);
      } else if ("piece" in data) {
        one?.piece(data.piece);
      } else if ("count" in data) {
        one?.body.tell(data.count);
      } else if ("whole" in data) {
        one?.body.done(data);
      } else {
        this.#underway.delete(data.id);
        one?.end(data.end, data.isLate);
      }
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#leave("the worker failed");
    };
  }

  get isIdle(): boolean {
    return this.#underway.size === (this.#underway.has(0) ? 1 : 0);
  }

  /** It asks nothing by itself any more. */
  get isGone(): boolean {
    return this.#gone;
  }

  /** Have so many under way at a time. */
  limit(limit: number): void {
    this.#worker.postMessage({ limit });
    this.#turns.limit(limit);
  }

  leaveUnlessReady(): void {
    if (this.#underway.has(0)) {
      this.#leave("the worker does not start");
    }
  }

  close(): void {
    this.#leave("closed");
  }

  readonly fetch = async (url: string | URL | Request, init: GatheringInit = {}): Promise<Response> => {
    const { signal, ...wishes } = init;
    signal?.throwIfAborted();
    const answer = this.#gone ? null : await this.#ask(String(url), wishes, signal ?? undefined);
    return answer ?? (await this.#here(url, init));
  };

  async #here(url: string | URL | Request, init: RequestInit): Promise<Response> {
    await this.#turns.take(init.signal);
    const stop = new AbortController();
    const head = new Countdown();
    const leave = (): void => stop.abort(init.signal?.reason);
    init.signal?.addEventListener("abort", leave, { once: true });
    try {
      head.start(HEAD_MS, () => stop.abort(late()));
      init.signal?.throwIfAborted();
      const answer = await globalThis.fetch(url, { ...init, signal: stop.signal });
      head.stop();
      return untilRead(answer, () => {
        init.signal?.removeEventListener("abort", leave);
        this.#turns.give();
      });
    } catch (error) {
      head.stop();
      init.signal?.removeEventListener("abort", leave);
      this.#turns.give();
      throw error;
    }
  }

  /** `null` when there was no answer. */
  #ask(url: string, wishes: RequestInit, signal: AbortSignal | undefined): Promise<Response | null> {
    this.#next += 1;
    const id = this.#next;
    return new Promise((resolve, reject) => {
      let pieces: ReadableStreamDefaultController<Uint8Array> | undefined;
      const gathering = new Gathering(() => this.#worker.postMessage({ id, goOn: true }));
      const stop = (): void => {
        this.#worker.postMessage({ id });
        this.#underway.delete(id);
        pieces?.error(signal?.reason);
        gathering.fail(signal?.reason);
        reject(signal?.reason);
      };
      const leave = (): void => signal?.removeEventListener("abort", stop);
      signal?.addEventListener("abort", stop, { once: true });
      this.#underway.set(id, {
        body: gathering,
        answer: ({ url: from, status, statusText, headers }, isGathered) => {
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
          const empty = isGathered || status === 204 || status === 205 || status === 304;
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
          if (isGathered) {
            bodies.set(response, gathering);
          }
          resolve(response);
        },
        piece: (piece) => pieces?.enqueue(piece),
        end: (why, isLate) => {
          leave();
          if (isLate) {
            reject(late());
          }
          if (why !== null) {
            pieces?.error(new TypeError(why));
          } else {
            pieces?.close();
          }
          // One that has all of it has not failed.
          gathering.fail(new TypeError(why ?? "it ended before all was there"));
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
