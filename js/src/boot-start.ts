/**
 * Starting from parts of the wheels, of a start pack or of the visit before: what is needed first is mounted, and the whole
 * wheels arrive behind.
 *
 * Rules this file keeps:
 *
 * 1. It only saves time: whatever is wrong with a start pack, the wheels are fetched whole as if there were none.
 * 2. A wheel that arrived behind is held to the lock's SHA-256 and opened as strictly as any other; when it is not the one
 *    that was begun with, nothing more is read of it, and that is told.
 * 3. A wheel that did not arrive leaves what is here as it is: it was right when it came, by the digest of the pack.
 * 4. What comes behind comes a few wheels at a time, the largest last, and takes nothing from what somebody waits for.
 *
 * Left to others: the format (`start-pack.ts`), bytes at their places (`sparse-source.ts`), the network
 * (`fetch-wheels.ts`).
 */

import { isLockError, LockError } from "./errors.ts";
import { type Arrived, fetchBytes, type FetchOptions, fetchWheels, takeStored, type Wanted, type WheelCache } from "./fetch-wheels.ts";
import { Bytecode, type Interpreter } from "./bytecode.ts";
import { hexOf } from "./hash.ts";
import { type Inflate, type InflateModule, pickInflate } from "./inflate.ts";
import type { StartPack } from "./lock-reader.ts";
import type { Mounts } from "./mount.ts";
import type { RangeReader } from "./range-reader.ts";
import { memorySource } from "./source.ts";
import { SparseSource } from "./sparse-source.ts";
import { type Packed, readStartPack, type WheelParts } from "./start-pack.ts";
import type { KeptWheel, ReturningWheel } from "./visit.ts";
import { openWheel, type PlainWheel } from "./wheel.ts";

/** What became of a wheel that was to arrive behind. */
type Outcome = { readonly ok: true; readonly arrived: Arrived } | { readonly ok: false; readonly error: unknown };

/** A wheel of which parts are here. */
export interface Begun extends Wanted {
  readonly source: SparseSource;
  /** Its compiled modules; their sources are not among the parts. */
  readonly compiled: Packed | null;
  /** What the visit before left of it; its whole is in the store. */
  readonly kept?: KeptWheel;
  /** Never rejects. */
  readonly whole: Promise<Outcome>;
}

/** What is known of a wheel that arrived behind, as an event. */
export interface BehindEvent {
  /** `whole`: it took the place of its parts. `invalid`: it is another one. `incomplete`: it did not arrive. */
  readonly stage: "whole" | "invalid" | "incomplete";
  readonly package: string;
  readonly message?: string;
}

export interface StartOptions {
  readonly pack: StartPack;
  readonly address: string;
  readonly wanted: readonly Wanted[];
  /** How wheels are fetched; its signal ends what comes before the mount. */
  readonly fetching: FetchOptions;
  /** Ends what comes behind. */
  readonly behind: AbortSignal;
  /** What comes behind waits for this, which never rejects. */
  readonly quiet: Promise<unknown>;
  readonly ranges: RangeReader;
  /** Told the bytes of the pack so far. */
  readonly onBytes: (received: number) => void;
}

/** What is here of a wheel. */
interface Parts {
  readonly one: Wanted;
  readonly source: SparseSource;
  readonly compiled: Packed | null;
  readonly kept?: KeptWheel;
}

const BEHIND = 3;
/** What nobody waits for lets the first imports pass. */
const PAUSE_MS = 1000;
/** Failures that say: what the server has is not what the lock names. */
const OTHERS = new Set(["digest-mismatch", "not-a-wheel", "size", "too-large"]);

/** Wheels that are here whole, and those of which parts are. */
export class Started {
  readonly arrived: readonly Arrived[];
  readonly begun: readonly Begun[];
  readonly #opened = new Map<Begun, PlainWheel>();
  /** Compiled modules, inflated: until they are asked for. */
  readonly #codes = new Map<Packed, Uint8Array>();

  constructor(arrived: readonly Arrived[], begun: readonly Begun[]) {
    this.arrived = arrived;
    this.begun = begun;
  }

  /**
   * Look into the wheels of which parts are here; whether everything about all of them is ordinary, and what was compiled
   * of them is for this Python.
   */
  open(module: InflateModule, interpreter: Interpreter): boolean {
    const inflate = pickInflate(module);
    for (const one of this.begun.filter(({ kept }) => kept === undefined)) {
      const { source, wheel, compiled } = one;
      const opened = openWheel(source.known, wheel.filename, inflate, (from, to) => source.has(from, to));
      if (opened === null || (compiled !== null && !this.#fits(compiled, inflate, interpreter))) {
        return false;
      }
      this.#opened.set(one, opened);
    }
    return true;
  }

  /** Compiled modules, inflated, where that was done; once. */
  codes(compiled: Packed): Uint8Array | undefined {
    const codes = this.#codes.get(compiled);
    this.#codes.delete(compiled);
    return codes;
  }

  /** Whether compiled modules are for this Python. */
  #fits(compiled: Packed, inflate: Inflate, interpreter: Interpreter): boolean {
    try {
      const codes = inflate(compiled.packed, compiled.size);
      this.#codes.set(compiled, codes);
      return Bytecode.fromBytes(codes, interpreter).size > 0;
    } catch (error) {
      if (isLockError(error)) {
        return false;
      }
      throw error;
    }
  }

  /** What was found in a wheel that a start pack has parts of. */
  opened(one: Begun): PlainWheel {
    return this.#opened.get(one) as PlainWheel;
  }

  /** Whether what a visit left was left by this Pyodide: its rules were asked then. */
  isFor(version: string): boolean {
    return this.begun.every(({ kept }) => kept === undefined || kept.version === version);
  }

  /** Whether it is a start pack that this begins with. */
  get isPacked(): boolean {
    return this.begun.some(({ kept }) => kept === undefined);
  }

  /**
   * All wheels, whole.
   * @throws What the first of them failed with.
   */
  async all(): Promise<readonly Arrived[]> {
    const behind = await Promise.all(this.begun.map(({ whole }) => whole));
    return [
      ...this.arrived,
      ...behind.map((outcome) => {
        if (!outcome.ok) {
          throw outcome.error;
        }
        return outcome.arrived;
      }),
    ];
  }

  /**
   * Give each wheel that is mounted in parts its whole bytes as they arrive.
   *
   * @param tell Told what became of each; not after an abort.
   * @param keep Given each wheel that is right.
   * @returns Whether all of them are there and right.
   */
  async settle(
    mounts: Pick<Mounts, "replaceSource" | "confirm" | "invalidate">,
    inflate: Inflate,
    tell: (event: BehindEvent) => void,
    keep: (arrived: Arrived) => Promise<unknown>,
  ): Promise<boolean> {
    const all = await Promise.all(
      this.begun.map(async (one) => {
        const outcome = await one.whole;
        const error = outcome.ok ? this.#fault(one, outcome.arrived, inflate) : outcome.error;
        const { name, sha256 } = one.wheel;
        if (outcome.ok && error === null) {
          mounts.replaceSource(sha256, outcome.arrived.source);
          if (one.kept?.checked) {
            mounts.confirm(sha256);
          }
          if (one.kept === undefined) {
            tell({ stage: "whole", package: name });
          }
          if (outcome.arrived.from === "network") {
            await keep({ ...outcome.arrived, compiled: one.compiled });
          }
          return true;
        }
        const message = isLockError(error) ? `${error.code}: ${error.message}` : String(error);
        if (isLockError(error) && OTHERS.has(error.code)) {
          mounts.invalidate(sha256, error);
          tell({ stage: "invalid", package: name, message });
        } else if (!isLockError(error) || error.code !== "cancelled") {
          tell({ stage: "incomplete", package: name, message });
        }
        return false;
      }),
    );
    return all.every(Boolean);
  }

  #fault(one: Begun, { bytes }: Arrived, inflate: Inflate): LockError | null {
    if (one.kept !== undefined) {
      // What was kept is of a wheel of the same digest, which was opened then.
      return null;
    }
    const [before, now] = [this.opened(one), openWheel(bytes, one.wheel.filename, inflate)];
    return now !== null && isSame(before, now)
      ? null
      : new LockError("digest-mismatch", `the wheel of ${one.wheel.name} is not the one that its parts are of`);
  }
}

/**
 * Begin with a start pack.
 *
 * @returns `null` when the pack would save nothing.
 * @throws LockError, with the codes of `fetchWheels` and `readStartPack`; nothing is under way then.
 */
export async function beginWith(options: StartOptions, stored: ReadonlyMap<Wanted, Arrived>): Promise<Started | null> {
  const { pack, wanted, fetching } = options;
  const missing = wanted.filter((one) => !stored.has(one));
  const size = missing.reduce((sum, { wheel }) => sum + (wheel.size ?? Number.POSITIVE_INFINITY), 0);
  if (missing.length === 0 || size <= pack.size) {
    return null;
  }
  const parts = await partsOf(options);
  const arrived = [...stored.values()];
  const begun: Parts[] = [];
  const unknown: Wanted[] = [];
  for (const one of missing) {
    const found = parts.get(one.wheel.sha256);
    if (found === undefined) {
      unknown.push(one);
      continue;
    }
    if (one.wheel.size !== null && one.wheel.size !== found.size) {
      throw new LockError("bad-pack", `the start pack says another size of ${one.wheel.name} than the lock`);
    }
    const source = new SparseSource(found, (from, to) => options.ranges(one.address, from, to, found.size));
    const { compiled } = found;
    if (!source.isWhole) {
      begun.push({ one, source, compiled });
    } else if ((await hexOf(source.known)) === one.wheel.sha256) {
      const bytes = source.known;
      arrived.push({ ...one, bytes, source: memorySource(bytes), from: "network", checked: false, bytecode: [], compiled });
    } else {
      throw new LockError("bad-pack", `the start pack has another wheel of ${one.wheel.name} than the lock`);
    }
  }
  // What the pack does not know has to be there whole.
  arrived.push(...(await fetchWheels(unknown, { ...fetching, store: null })));
  fetching.signal?.throwIfAborted();
  return new Started(arrived, inTurn(begun, options));
}

/** Begin with what the visit before left: nothing is asked for, and the whole wheels are hashed behind, when there was a pause. */
export function returnWith(wheels: readonly ReturningWheel[], options: Pick<StartOptions, "fetching" | "behind" | "quiet">): Started {
  const parts = wheels.map(({ kept, source, ...one }) => ({ one, source, compiled: null, kept }));
  const quiet = options.quiet.then(() => new Promise<void>((resolve) => setTimeout(resolve, PAUSE_MS)));
  return new Started([], inTurn(parts, { ...options, quiet }));
}

/** What the store has of wheels. */
export async function allStored(wanted: readonly Wanted[], options: FetchOptions): Promise<Map<Wanted, Arrived>> {
  const found = await Promise.all(wanted.map((one) => takeStored(one, options)));
  return new Map(found.flatMap((arrived, at) => (arrived === null ? [] : [[wanted[at] as Wanted, arrived]])));
}

async function partsOf({ pack, address, fetching, onBytes }: StartOptions): Promise<ReadonlyMap<string, WheelParts>> {
  const wheel = { name: "the start pack", filename: pack.url, sha256: pack.sha256, size: pack.size };
  const { bytes } = await fetchBytes({ wheel, address }, { ...fetching, onBytes: (_, received) => onBytes(received) });
  return new Map(readStartPack(bytes).map((parts) => [parts.sha256, parts]));
}

/**
 * Have the whole wheels arrive, a few at a time.
 *
 * Past the HTTP cache: Chromium's would let a range of a file wait, 20 s long, for the whole that is arriving.
 */
function inTurn(wheels: readonly Parts[], { fetching, behind, quiet }: Pick<StartOptions, "fetching" | "behind" | "quiet">): Begun[] {
  const queue: { one: Wanted; store: WheelCache | null; done: (outcome: Outcome) => void }[] = [];
  const begun = wheels.map(({ one, source, compiled, kept }): Begun => {
    const store = kept === undefined ? null : (fetching.store ?? null);
    const whole = new Promise<Outcome>((done) => queue.push({ one, store, done }));
    return { ...one, source, compiled, whole, ...(kept && { kept }) };
  });
  const sizes = new Map(wheels.map(({ one, source }) => [one, source.size]));
  queue.sort((a, b) => (sizes.get(a.one) ?? 0) - (sizes.get(b.one) ?? 0));
  const ended = new Promise<void>((resolve) => behind.addEventListener("abort", () => resolve(), { once: true }));
  const worker = async (): Promise<void> => {
    await Promise.race([quiet, ended]);
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { one, store, done } = next;
      // What a visit left is not opened again, and was told.
      const { onArrived: _, onBytes: __, ...quietly } = fetching;
      const arriving = fetchWheels([one], { ...(store === null ? fetching : quietly), cache: "no-store", store, bytecode: [], signal: behind });
      done(await arriving.then(([arrived]) => ({ ok: true, arrived: arrived as Arrived }) as const, failed));
    }
  };
  for (let number = 0; number < BEHIND; number += 1) {
    void worker();
  }
  return begun;
}

function failed(error: unknown): Outcome {
  return { ok: false, error };
}

/** Whether what was begun with is what is there now. */
function isSame(before: PlainWheel, now: PlainWheel): boolean {
  return (
    before.recordText === now.recordText &&
    before.metadata === now.metadata &&
    before.entries.length === now.entries.length &&
    before.entries.every((one, at) => {
      const other = now.entries[at];
      return (
        one.path === other?.path &&
        one.start === other.start &&
        one.packedSize === other.packedSize &&
        one.size === other.size &&
        one.method === other.method &&
        one.crc === other.crc &&
        one.mode === other.mode &&
        one.digest === other.digest
      );
    })
  );
}
