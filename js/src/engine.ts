/**
 * The network half of a replay: one download at a time, started from Python in a page, a worker or Node.
 *
 * Rules this file keeps:
 *
 * 1. A download's promise never rejects: it resolves to the bytes or to what went wrong, as plain data.
 * 2. Nothing stays behind when it has settled: no timer, no open body, no unhandled rejection.
 * 3. No cookie, no credential and no referrer leaves; no header is sent that would need the server's permission (CORS).
 * 4. Bytes are counted as they arrive: the first one over `maxBytes` ends the download.
 * 5. No byte of a body is read from where a redirect was not allowed to lead.
 *
 * Left to others: what the digest should be, trying again, mirrors and the policy on addresses (`micropip_lock/app`).
 */

import { Arrival } from "./arrival.ts";
import type { GatheringInit } from "./aside-work.ts";
import { sha256 } from "./digest.ts";
import { Countdown } from "./countdown.ts";
import { isFileUrl, openFile } from "./file.ts";
import { type Gathered, gatheredOf } from "./gathered.ts";
import { type Refusal, Witness } from "./refusal.ts";

/** What may be asked of one download; absent and `null` mean no limit and no wish. */
export interface DownloadOptions {
  /** The most bytes the body may have. */
  readonly maxBytes?: number | null;
  /** Milliseconds without a byte of the body before the download is given up. */
  readonly idleTimeoutMs?: number | null;
  /** The fewest bytes that each span of so many milliseconds must bring while a body arrives. */
  readonly minRate?: { readonly bytes: number; readonly perMs: number } | null;
  /** Milliseconds until the answer's head must be there. */
  readonly headersTimeoutMs?: number | null;
  /** Called with the number of bytes so far after each piece; an error from it ends the download as `aborted`. */
  readonly onProgress?: ((bytesSoFar: number) => unknown) | null;
  /** `reload` asks past the HTTP cache, `no-store` leaves nothing in it either. */
  readonly cache?: "default" | "reload" | "no-store" | null;
  /** The bytes to ask for, both ends included, as in `Range: bytes=first-last`. The answer's status tells (206, 200). */
  readonly range?: { readonly first: number; readonly last?: number | null } | null;
  /** The header Accept: at most 128 characters, beyond which a server must permit it (CORS). */
  readonly accept?: string | null;
  /** Ask for the head only (HEAD); the body is empty then. */
  readonly headOnly?: boolean | null;
  /** Asked with the address that redirects led to, before the body is read; anything but `true` ends the download. */
  readonly mayLeadTo?: ((url: string) => unknown) | null;
}

export interface Downloaded {
  readonly ok: true;
  readonly status: number;
  /** The address after redirects. */
  readonly url: string;
  readonly contentType: string;
  readonly etag?: string;
  /** Bytes of the body as a head-only answer announces them. */
  readonly announced?: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** In lower-case hexadecimal; `null` in a page that is no secure context, where the caller must hash. */
  readonly sha256: string | null;
}

/** `network` is no answer at all; a {@link Refusal} tells why, where the platform does. */
export type FailureKind =
  | "status"
  | "network"
  | "timeout"
  | "too-slow"
  | "too-large"
  | "aborted"
  | "truncated"
  | "redirect"
  | Refusal;

export interface Failed {
  readonly ok: false;
  readonly kind: FailureKind;
  readonly message: string;
  /** The address after redirects, as far as it is known. */
  readonly url: string;
  readonly status?: number;
  /** The header Retry-After as it came: seconds or a date. */
  readonly retryAfter?: string;
  readonly contentType?: string;
  /** The first bytes of the body, at most 512, each one a character (latin-1), for diagnosis. */
  readonly head?: string;
}

export type DownloadResult = Downloaded | Failed;

export interface Download {
  /** Never rejects. */
  readonly promise: Promise<DownloadResult>;
  /** End the download; after it has settled this does nothing. */
  abort(): void;
}

export interface Engine {
  download(url: string, options?: DownloadOptions | null): Download;
}

/** How long the body of an error page may take, in milliseconds, when the caller names no time. */
const PAGE_TIMEOUT_MS = 5_000;

/** What ended a download early: thrown inside, told as a `Failed` outside. */
class Ended extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/**
 * @param given `fetch`: the function to ask the network with; the platform's unless it is given. `hasTurns`: whether it has
 *   requests wait for their turn, so that it keeps the time for heads itself.
 */
export function createEngine(given: { fetch?: typeof fetch; hasTurns?: () => boolean } = {}): Engine {
  const ask = given.fetch ?? ((...request) => globalThis.fetch(...request));
  const answered = new Set<string>();
  return {
    download(url, options) {
      const mayWait = given.hasTurns?.() ? { headersTimeoutMs: null } : {};
      const transfer = new Transfer(url, { ...options, ...mayWait }, ask, answered);
      return { promise: transfer.run(), abort: () => transfer.end(new Ended("aborted", "the download was stopped")) };
    },
  };
}

class Transfer {
  readonly #url: string;
  readonly #options: DownloadOptions;
  readonly #fetch: typeof fetch;
  readonly #controller = new AbortController();
  readonly #arrival: Arrival;
  readonly #limit = new Countdown();
  readonly #rate = new Countdown();
  /** Origins that have answered this engine; shared by its downloads. */
  readonly #answered: Set<string>;
  #ended: Ended | undefined;
  #answer: Response | undefined;
  #gathered: Gathered | undefined;
  #lastPiece = 0;
  /** Bytes of the body so far. */
  #count = 0;

  constructor(url: string, options: DownloadOptions, fetch: typeof globalThis.fetch, answered: Set<string>) {
    this.#url = url;
    this.#options = options;
    this.#fetch = fetch;
    this.#answered = answered;
    this.#arrival = new Arrival(options.maxBytes ?? Number.POSITIVE_INFINITY);
  }

  /** The first reason counts; fetch and body reject with an AbortError of their own, which tells less. */
  end(reason: Ended): void {
    this.#ended ??= reason;
    this.#controller.abort(reason);
  }

  async run(): Promise<DownloadResult> {
    const witness = new Witness(this.#url);
    try {
      const answer = await this.#head();
      if (!answer.ok) {
        await this.#page(answer);
        return this.#failed("status", `${answer.status} ${answer.statusText}`.trim());
      }
      if (!this.#options.headOnly) {
        await this.#body(answer);
      }
      return await this.#downloaded(answer);
    } catch (error) {
      if (this.#ended !== undefined) {
        return this.#failed(this.#ended.kind, this.#ended.message);
      }
      if (this.#answer !== undefined) {
        return this.#failed("truncated", reasons(error));
      }
      if (error instanceof DOMException && error.name === "TimeoutError") {
        return this.#failed("timeout", error.message);
      }
      this.#limit.stop();
      const known = this.#answered.has(originOf(this.#url));
      const reason = await witness.reason(this.#fetch, known, this.#controller.signal);
      // It may have been stopped while the reason was looked for.
      const ended = this.#ended as Ended | undefined;
      return this.#failed(ended?.kind ?? reason ?? "network", ended?.message ?? reasons(error));
    } finally {
      this.#limit.stop();
      this.#rate.stop();
      witness.close();
    }
  }

  async #head(): Promise<Response> {
    const { cache, range, accept, headOnly, headersTimeoutMs } = this.#options;
    const { signal } = this.#controller;
    this.#within(headersTimeoutMs, "no answer");
    const headers = {
      ...(range ? { Range: `bytes=${range.first}-${range.last ?? ""}` } : {}),
      ...(accept ? { Accept: accept } : {}),
    };
    const answer = isFileUrl(this.#url)
      ? await openFile(this.#url, range ?? undefined, signal)
      : await this.#fetch(this.#url, {
          method: headOnly ? "HEAD" : "GET",
          mode: "cors",
          credentials: "omit",
          referrerPolicy: "no-referrer",
          redirect: "follow",
          cache: cache ?? "default",
          signal,
          headers,
          // What the body is gathered by, where that is done elsewhere.
          ...(headOnly ? {} : { most: this.#options.maxBytes ?? Number.MAX_SAFE_INTEGER }),
        } satisfies GatheringInit);
    this.#answer = answer;
    this.#answered.add(originOf(this.#url));
    this.#checkRedirect(answer);
    return answer;
  }

  /** Redirects are followed by the platform, which tells only where the last one led. */
  #checkRedirect(answer: Response): void {
    const { mayLeadTo } = this.#options;
    if (!mayLeadTo || !answer.url || answer.url === this.#url) {
      return;
    }
    let allowed: unknown;
    try {
      allowed = mayLeadTo(answer.url);
    } catch (error) {
      throw this.#stop("aborted", `the check of the redirect failed: ${reasons(error)}`);
    }
    if (allowed !== true) {
      throw this.#stop("redirect", "redirected to an address that is not allowed");
    }
  }

  async #body(answer: Response): Promise<void> {
    this.#atLeast(0);
    this.#gathered = gatheredOf(answer);
    if (this.#gathered !== undefined) {
      await this.#counts(this.#gathered);
      return;
    }
    this.#arrival.expect(Number(answer.headers.get("content-length") ?? 0));
    for await (const piece of this.#pieces(answer, this.#options.idleTimeoutMs)) {
      this.#took(this.#arrival.add(piece) ? this.#arrival.length : Number.POSITIVE_INFINITY);
    }
  }

  /** A body that is gathered elsewhere. */
  async #counts(gathered: Gathered): Promise<void> {
    for (;;) {
      this.#within(this.#options.idleTimeoutMs, "no further byte");
      const count = await gathered.next();
      if (this.#ended !== undefined) {
        throw this.#ended;
      }
      if (count === null) {
        return;
      }
      this.#took(count);
    }
  }

  #took(count: number): void {
    this.#lastPiece = performance.now();
    if (count > (this.#options.maxBytes ?? Number.POSITIVE_INFINITY)) {
      throw this.#stop("too-large", `the body has more than ${this.#options.maxBytes} bytes`);
    }
    this.#count = count;
    this.#tell(count);
  }

  /** The beginning of an error page. That it fails to arrive changes nothing: the status has said what is wrong. */
  async #page(answer: Response): Promise<void> {
    try {
      for await (const piece of this.#pieces(answer, this.#options.idleTimeoutMs ?? PAGE_TIMEOUT_MS)) {
        if (!this.#arrival.add(piece) || this.#arrival.hasHead) {
          return;
        }
      }
    } catch (error) {
      if (this.#ended?.kind === "aborted") {
        throw error;
      }
    }
  }

  async *#pieces(answer: Response, idleMs: number | null | undefined): AsyncGenerator<Uint8Array> {
    const reader = answer.body?.getReader();
    if (reader === undefined) {
      return;
    }
    try {
      for (;;) {
        this.#within(idleMs, "no further byte");
        const { done, value } = await reader.read();
        // An abort may come while a piece is on its way.
        if (this.#ended !== undefined) {
          throw this.#ended;
        }
        if (done) {
          return;
        }
        yield value;
      }
    } finally {
      this.#limit.stop();
      this.#rate.stop();
      // Closes the file or connection behind a body that was not read to its end; a failed body's failure is known.
      reader.cancel().catch(() => undefined);
    }
  }

  async #downloaded(answer: Response): Promise<DownloadResult> {
    const { bytes, sha256: digest } = this.#gathered ?? (await this.#here());
    if (this.#ended !== undefined) {
      throw this.#ended;
    }
    const etag = answer.headers.get("etag");
    const announced = this.#options.headOnly ? answer.headers.get("content-length") : null;
    return {
      ok: true,
      status: answer.status,
      url: answer.url || this.#url,
      contentType: answer.headers.get("content-type") ?? "",
      ...(etag === null ? {} : { etag }),
      ...(announced === null ? {} : { announced: Number(announced) }),
      bytes,
      sha256: digest,
    };
  }

  async #here(): Promise<Pick<Gathered, "bytes" | "sha256">> {
    const bytes = this.#arrival.bytes();
    return { bytes, sha256: globalThis.crypto?.subtle === undefined ? null : (await sha256(bytes)).hex };
  }

  #failed(kind: FailureKind, message: string): Failed {
    const answer = this.#answer;
    const retryAfter = answer?.headers.get("retry-after");
    const head = this.#arrival.head();
    return {
      ok: false,
      kind,
      message,
      url: answer?.url || this.#url,
      ...(answer === undefined ? {} : { status: answer.status, contentType: answer.headers.get("content-type") ?? "" }),
      ...(retryAfter ? { retryAfter } : {}),
      ...(head === "" ? {} : { head }),
    };
  }

  #within(milliseconds: number | null | undefined, what: string): void {
    this.#limit.start(milliseconds, () => this.#stop("timeout", `${what} within ${milliseconds} ms`));
  }

  /** Hold the body to its rate: some servers send a byte now and then, which is not silence. */
  #atLeast(before: number): void {
    const { minRate, idleTimeoutMs } = this.#options;
    this.#rate.start(minRate?.perMs, () => {
      const came = this.#count - before;
      // Silence has its own limit, which may end a moment later than this one.
      const silent = idleTimeoutMs != null && performance.now() - this.#lastPiece > 0.95 * idleTimeoutMs;
      if (came < (minRate?.bytes ?? 0) && !silent) {
        this.#stop("too-slow", `${came} bytes within ${minRate?.perMs} ms`);
      } else {
        this.#atLeast(this.#count);
      }
    });
  }

  #tell(bytesSoFar: number): void {
    try {
      this.#options.onProgress?.(bytesSoFar);
    } catch (error) {
      // In Pyodide this is how a cancelled or interrupted Python shows itself.
      throw this.#stop("aborted", `the progress callback failed: ${reasons(error)}`);
    }
  }

  #stop(kind: FailureKind, message: string): Ended {
    const ended = new Ended(kind, message);
    this.end(ended);
    return ended;
  }
}

function originOf(url: string): string {
  return /^[^:]+:\/\/[^/?#]*/.exec(url)?.[0] ?? url;
}

/** An error's message and its causes': Node says "fetch failed" and keeps the reason in `cause`. */
function reasons(error: unknown): string {
  const messages: string[] = [];
  for (let one = error; one !== undefined && messages.length < 4; one = one instanceof Error ? one.cause : undefined) {
    messages.push(one instanceof Error ? one.message || one.name : String(one));
  }
  return messages.join(": ");
}
