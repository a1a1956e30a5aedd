/**
 * What the worker of `aside.ts` does, and how the two talk.
 *
 * Left to others: opening and closing it, and what is done where it cannot be (`aside.ts`).
 */

/** What one request is told from the other side. */
export type Told =
  | { readonly id: number; readonly isGathered?: boolean; readonly head: { url: string; status: number; statusText: string; headers: [string, string][] } }
  | { readonly id: number; readonly piece: Uint8Array<ArrayBuffer> }
  | { readonly id: number; readonly count: number }
  | { readonly id: number; readonly whole: Uint8Array<ArrayBuffer>; readonly sha256: string | null }
  | { readonly id: number; readonly end: string | null; readonly isLate?: boolean };

/** A request whose body may be gathered elsewhere: the most bytes that are wanted of it. */
export interface GatheringInit extends RequestInit {
  readonly most?: number;
}

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
