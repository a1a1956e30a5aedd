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
import { type GatheringInit, type Told, work } from "./aside-work.ts";
import { Countdown } from "./countdown.ts";
import { gatherElsewhere, Gathering } from "./gathered.ts";
import { Turns, untilRead } from "./turns.ts";

interface Underway {
  readonly answer: (head: Extract<Told, { head: unknown }>["head"], isGathered: boolean) => void;
  readonly piece: (piece: Uint8Array<ArrayBuffer>) => void;
  readonly body: Gathering;
  readonly end: (why: string | null, isLate?: boolean) => void;
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
            gatherElsewhere(response, gathering);
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
