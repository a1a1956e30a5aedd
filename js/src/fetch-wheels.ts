/**
 * The wheels of a lock, from the store or from the network, each one checked against its SHA-256.
 *
 * Rules this file keeps:
 *
 * 1. All or nothing: the first failure ends every other download, and is what is told. Its code is the one that
 *    `micropip_lock/app/replay.py` has for it.
 * 2. At most `concurrency` are under way, the largest first; what the store has costs no request.
 * 3. When the promise has settled, no request and no timer is left.
 * 4. A digest that does not match is asked for once more, past every cache; what a server or a network failed to send is
 *    asked for again after a pause.
 */

import { fileOf } from "./address.ts";
import { createEngine, type Downloaded, type Engine, type Failed } from "./engine.ts";
import { LockError } from "./errors.ts";
import { hexOf } from "./hash.ts";
import type { LockedWheel } from "./lock-reader.ts";
import { type ByteSource, memorySource } from "./source.ts";
import type { Packed } from "./start-pack.ts";
import { CHECKED, type WheelStore } from "./store.ts";

/** What is used of a store. */
export type WheelCache = Pick<WheelStore, "get" | "put" | "getExtra" | "putExtra" | "settle" | "part" | "getVisit" | "putVisit">;

export interface Wanted {
  readonly wheel: LockedWheel;
  /** Absolute address. */
  readonly address: string;
}

export interface Arrived extends Wanted {
  /** Every byte, with the digest that the lock names. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same bytes, for keeping. */
  readonly source: ByteSource;
  readonly from: "store" | "network";
  /** Every file of it was compared with RECORD at an earlier visit. */
  readonly checked: boolean;
  /** What was compiled of it before, in the form in which the store has it. */
  readonly bytecode: readonly Uint8Array[];
  /** The same, as a start pack brought it. */
  readonly compiled?: Packed | null;
}

/** What is fetched; where it is known, a wheel of the lock. */
export type Named = Pick<LockedWheel, "name" | "filename" | "sha256" | "size">;

export interface FetchOptions {
  readonly engine?: Engine;
  readonly store?: WheelCache | null;
  /** What the store was asked for before. */
  readonly stored?: ReadonlyMap<Wanted, Arrived>;
  /** `no-store` keeps what is fetched out of the HTTP cache. */
  readonly cache?: "default" | "no-store";
  /** Under which kinds the store has bytecode. */
  readonly bytecode?: readonly string[];
  readonly concurrency?: number;
  /** Milliseconds until the head of an answer has to be here. */
  readonly headersTimeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Told the bytes so far of one wheel; they never go back. */
  readonly onBytes?: (wheel: Named, received: number) => void;
  /** Told of each wheel as it is here, before all are. */
  readonly onArrived?: (arrived: Arrived) => void;
  /** Milliseconds before the second attempt; each later pause is four times the one before. */
  readonly pauseMs?: number;
}

export const CONCURRENCY = 6;
const MOST_BYTES = 256 * 2 ** 20;
const ATTEMPTS = 3;
const PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;
const HEADERS_TIMEOUT_MS = 45_000;
const IDLE_TIMEOUT_MS = 30_000;

/**
 * Fetch wheels.
 *
 * @returns In the order of `wanted`.
 * @throws LockError with codes `digest-mismatch`, `not-a-wheel`, `size`, `too-large`, `not-found`, `blocked`,
 *   `server-error`, `http-status`, `timeout`, `truncated`, `network`, `cancelled`.
 */
export async function fetchWheels(wanted: readonly Wanted[], options: FetchOptions = {}): Promise<readonly Arrived[]> {
  const ended = new AbortController();
  const cancel = (): void => ended.abort(new LockError("cancelled", "stopped; nothing was installed"));
  const { signal } = options;
  if (signal?.aborted) {
    cancel();
  }
  signal?.addEventListener("abort", cancel, { once: true });
  const arrived = new Map<Wanted, Arrived>();
  const queue = [...wanted].sort(largestFirst);
  const worker = async (): Promise<void> => {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
      ended.signal.throwIfAborted();
      arrived.set(one, await fetchOne(one, options, ended.signal));
    }
  };
  const workers = Array.from({ length: Math.max(1, options.concurrency ?? CONCURRENCY) }, () =>
    worker().catch((error: unknown) => {
      // The first reason stays.
      ended.abort(error);
    }),
  );
  try {
    await Promise.all(workers);
    ended.signal.throwIfAborted();
    return wanted.map((one) => arrived.get(one) as Arrived);
  } catch (error) {
    for (const { source } of arrived.values()) {
      source.close();
    }
    throw error;
  } finally {
    signal?.removeEventListener("abort", cancel);
  }
}

function largestFirst(a: Wanted, b: Wanted): number {
  const [one, other] = [a.wheel.size ?? Number.POSITIVE_INFINITY, b.wheel.size ?? Number.POSITIVE_INFINITY];
  return one === other ? (a.wheel.name < b.wheel.name ? -1 : 1) : other - one;
}

async function fetchOne(wanted: Wanted, options: FetchOptions, signal: AbortSignal): Promise<Arrived> {
  const arrived = await getOne(wanted, options, signal);
  options.onArrived?.(arrived);
  return arrived;
}

async function getOne(wanted: Wanted, options: FetchOptions, signal: AbortSignal): Promise<Arrived> {
  const stored = options.stored === undefined ? await takeStored(wanted, options) : (options.stored.get(wanted) ?? null);
  if (signal.aborted) {
    stored?.source.close();
    throw signal.reason;
  }
  if (stored !== null) {
    return stored;
  }
  const { bytes } = await download(wanted, options, signal);
  options.onBytes?.(wanted.wheel, bytes.length);
  return { ...wanted, bytes, source: memorySource(bytes), from: "network", checked: false, bytecode: [] };
}

/** A wheel that the store has, or `null`. */
export async function takeStored(wanted: Wanted, options: FetchOptions): Promise<Arrived | null> {
  const { wheel } = wanted;
  const stored = await options.store?.get(wheel.sha256, wheel.size);
  if (stored == null) {
    return null;
  }
  options.onBytes?.(wheel, stored.bytes.length);
  const kinds = [CHECKED, ...(options.bytecode ?? [])];
  const extras = await Promise.all(kinds.map(async (kind) => (await options.store?.getExtra(wheel.sha256, kind)) ?? null));
  const [checked, ...bytecode] = extras;
  return { ...wanted, ...stored, from: "store", checked: checked !== null, bytecode: bytecode.filter((one) => one !== null) };
}

/** What has a digest and lies at an address: fetched as a wheel is. */
interface Addressed {
  readonly wheel: Named;
  readonly address: string;
}

/**
 * Fetch bytes that the lock names, from the network.
 * @throws As `fetchWheels`.
 */
export function fetchBytes(wanted: Addressed, options: FetchOptions): Promise<Downloaded> {
  return download(wanted, options, options.signal ?? new AbortController().signal);
}

/** The bytes that the lock names. */
async function download(wanted: Addressed, options: FetchOptions, signal: AbortSignal): Promise<Downloaded> {
  const { wheel, address } = wanted;
  const engine = options.engine ?? createEngine();
  const most = wheel.size ?? MOST_BYTES;
  let received = 0;
  let pause = options.pauseMs ?? PAUSE_MS;
  let reload = false;
  for (let attempt = 1; ; attempt += 1) {
    let thrown: { readonly error: unknown } | undefined;
    const { promise, abort } = engine.download(address, {
      maxBytes: most,
      headersTimeoutMs: options.headersTimeoutMs ?? HEADERS_TIMEOUT_MS,
      idleTimeoutMs: IDLE_TIMEOUT_MS,
      cache: reload ? "reload" : (options.cache ?? "default"),
      onProgress: (bytes) => {
        received = Math.max(received, bytes);
        try {
          options.onBytes?.(wheel, received);
        } catch (error) {
          // The caller's own, which ends the download and is no failure of the network.
          thrown = { error };
          throw error;
        }
      },
    });
    signal.addEventListener("abort", abort, { once: true });
    const result = await promise;
    signal.removeEventListener("abort", abort);
    signal.throwIfAborted();
    if (thrown !== undefined) {
      throw thrown.error;
    }
    const fault = result.ok ? await mismatch(wheel, result) : failure(wheel, result, most);
    if (fault === null) {
      return result as Downloaded;
    }
    const isStale = fault.code === "digest-mismatch" || fault.code === "too-large";
    if (isStale && !reload) {
      // A stale cache on the way is the one cause that asking again, past every cache, can mend.
      reload = true;
    } else if (!result.ok && isTransient(result) && attempt < ATTEMPTS) {
      await sleep(Math.min(LONGEST_PAUSE_MS, Math.max(pause, 1000 * (Number(result.retryAfter) || 0))), signal);
      pause *= 4;
    } else {
      throw fault;
    }
  }
}

/** What is wrong with bytes that arrived, or `null`. */
async function mismatch(wheel: Named, { bytes, sha256 }: Downloaded): Promise<LockError | null> {
  const got = sha256 ?? (await hexOf(bytes));
  const where = `packages.${wheel.name}.sha256`;
  if (got !== wheel.sha256) {
    const begins = new TextDecoder().decode(bytes.subarray(0, 40));
    return looksLikeText(bytes)
      ? new LockError("not-a-wheel", `a text page arrived instead of the wheel of ${wheel.name}`, {
          where,
          expected: `a zip file with sha256 ${wheel.sha256}`,
          got: `${bytes.length} bytes beginning ${JSON.stringify(begins)}`,
        })
      : new LockError("digest-mismatch", `${wheel.name} is not the wheel the lock names`, {
          where,
          expected: `sha256 ${wheel.sha256}`,
          got: `${got} (${bytes.length} bytes)`,
          hint: "the file changed since the lock was frozen; freeze again only if you trust the new one",
        });
  }
  if (wheel.size !== null && wheel.size !== bytes.length) {
    return new LockError("size", `the lock names the right digest and a wrong size for ${wheel.name}`, {
      where: `packages.${wheel.name}.tool.micropip-lock.size`,
      expected: `${wheel.size} bytes`,
      got: `${bytes.length} bytes`,
    });
  }
  return null;
}

/** Whether bytes begin like a page or a message rather than like a zip file. */
function looksLikeText(bytes: Uint8Array): boolean {
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, 512)).replace(/^[\u00ef\u00bb\u00bf \t\r\n]+/, "");
  return head !== "" && !(bytes[0] === 0x50 && bytes[1] === 0x4b) && (/^[<{]/.test(head) || !/[\0-\u0008]/.test(head));
}

function failure(wheel: Named, result: Failed, most: number): LockError {
  const file = fileOf(result.url) || wheel.filename;
  const got = result.kind === "status" ? `HTTP ${result.status}` : result.message;
  const [code, message] = told(result, file);
  const expected = result.kind === "too-large" ? { expected: `at most ${most} bytes` } : {};
  return new LockError(code, message, { where: `packages.${wheel.name}.file_name`, ...expected, got });
}

function told({ kind, status = 0 }: Failed, file: string): readonly [string, string] {
  switch (kind) {
    case "too-large":
      return ["too-large", `${file} has more bytes than it may have`];
    case "timeout":
      return ["timeout", `${file} stopped arriving`];
    case "truncated":
      return ["truncated", `${file} arrived only in part`];
    case "status":
      break;
    default:
      return ["network", `${file} could not be fetched`];
  }
  if (status === 404 || status === 410) {
    return ["not-found", `${file} is not there any more`];
  }
  if (status === 401 || status === 403) {
    return ["blocked", `the server refuses ${file}`];
  }
  return status === 429 || status >= 500
    ? ["server-error", `the server failed to send ${file}`]
    : ["http-status", `the server did not send ${file}`];
}

function isTransient({ kind, status = 0 }: Failed): boolean {
  return kind === "network" || kind === "timeout" || kind === "truncated" || status === 429 || status >= 500;
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", stop, { once: true });
  });
}
