/**
 * Why a request got no answer, as far as the platform tells. To a page every reason looks alike: `TypeError`.
 *
 * Rules this file keeps:
 *
 * 1. Nothing is asked outside of a page or worker, where none of these reasons exists.
 * 2. A missing permission (CORS) is told only when it is likely: the server answers a request that needs none, refuses
 *    once more one that does, and has never answered one here. A bad connection is not taken for it.
 */

export type Refusal = "offline" | "mixed-content" | "csp" | "cors";

/** How long a question about the reason may take, in milliseconds. */
const PROBE_MS = 5_000;

/** What of a page or worker is looked at; absent in Node. */
interface Surroundings {
  readonly origin?: string;
  readonly location?: unknown;
  readonly navigator?: { readonly onLine?: boolean };
  readonly document?: EventTarget;
  addEventListener?: EventTarget["addEventListener"];
  removeEventListener?: EventTarget["removeEventListener"];
}

/** Watches one request from before it is sent. */
export class Witness {
  readonly #url: string;
  readonly #around: Surroundings;
  readonly #events: EventTarget | undefined;
  #blocked = false;

  /** @param around What surrounds the engine; the platform's global object. */
  constructor(url: string, around: Surroundings = globalThis as Surroundings) {
    this.#url = url;
    this.#around = around;
    if (around.location !== undefined && around.addEventListener !== undefined) {
      this.#events = around.document ?? (around as EventTarget);
      this.#events.addEventListener("securitypolicyviolation", this.#note);
    }
  }

  close(): void {
    this.#events?.removeEventListener("securitypolicyviolation", this.#note);
  }

  /** Why there was no answer, or `undefined` when nothing tells.
   *
   * @param known Whether this server has answered before, with permission.
   * @param signal Ends the questions.
   */
  async reason(ask: typeof fetch, known: boolean, signal?: AbortSignal): Promise<Refusal | undefined> {
    const { origin, location, navigator } = this.#around;
    const target = parsed(this.#url);
    if (location === undefined || target === undefined || !/^https?:$/.test(target.protocol)) {
      return undefined;
    }
    if (navigator?.onLine === false && !isLoopback(target.hostname)) {
      return "offline";
    }
    if (origin?.startsWith("https:") && target.protocol === "http:" && !isLoopback(target.hostname)) {
      return "mixed-content";
    }
    // The event is a task of its own, which may come after the failure.
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (this.#blocked) {
      return "csp";
    }
    if (known || origin === target.origin || !(await this.#answers(ask, "no-cors", signal))) {
      return undefined;
    }
    return (await this.#answers(ask, "cors", signal)) || signal?.aborted ? undefined : "cors";
  }

  async #answers(ask: typeof fetch, mode: RequestMode, signal: AbortSignal | undefined): Promise<boolean> {
    if (signal?.aborted) {
      return false;
    }
    const wishes = { method: "HEAD", credentials: "omit", referrerPolicy: "no-referrer", cache: "no-store" } as const;
    const controller = new AbortController();
    const stop = () => controller.abort();
    const timer = setTimeout(stop, PROBE_MS);
    signal?.addEventListener("abort", stop);
    try {
      await ask(this.#url, { ...wishes, mode, signal: controller.signal });
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }

  readonly #note = (event: Event): void => {
    const { blockedURI, disposition } = event as SecurityPolicyViolationEvent;
    if (disposition !== "report" && parsed(blockedURI)?.origin === parsed(this.#url)?.origin) {
      this.#blocked = true;
    }
  };
}

function parsed(url: string): URL | undefined {
  try {
    return new URL(url);
  } catch {
    return undefined;
  }
}

function isLoopback(host: string): boolean {
  return /^(127\.\d+\.\d+\.\d+|\[::1\]|(.*\.)?localhost)$/.test(host);
}
