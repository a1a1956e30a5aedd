/**
 * What booting from a lock is asked with, tells on the way, and fails with.
 *
 * Left to others: the boot itself (`boot.ts`).
 */

import type { BootedPyodide } from "./boot-place.ts";
import type { BehindEvent } from "./boot-start.ts";
import { LockError } from "./errors.ts";
import type { WheelCache } from "./fetch-wheels.ts";
import type { Finding } from "./mount.ts";
import type { RangeReader } from "./range-reader.ts";

export type Stage = "lock" | "start" | "no-start" | "fetch" | "runtime" | "mount" | "done" | "complete" | "settled" | BehindEvent["stage"];

/** Something happened. Sizes are in bytes. */
export interface BootEvent {
  /**
   * `lock`: it is read. `fetch`: bytes of a wheel are here. `runtime`: Pyodide runs. `mount`: the wheels are in place.
   * `done`: ready. `settled`: what was fetched is in the store, and every file was compared with RECORD.
   *
   * With a start pack also, `start`: bytes of it are here. `no-start`: it is not used, `message` says why. And after `done`,
   * for each wheel: `whole`: it is here and right. `invalid`: it is not the one that the lock names, nothing more is read
   * of it. `incomplete`: it did not arrive. `complete`: all of them are here.
   */
  readonly stage: Stage;
  readonly package?: string;
  readonly message?: string;
  readonly received?: number;
  readonly total?: number | null;
  readonly allReceived: number;
  /** `null` when the lock does not say every size. */
  readonly allTotal: number | null;
}

/** What is booted with, of a lock. */
export interface Chosen {
  /** The text of a lock. */
  readonly lock: string;
  /** As in `BootOptions`. */
  readonly packages?: readonly string[];
  /** Where the bytes of a wheel are instead of where the lock says, by SHA-256: what the page has already, as `blob:` addresses. */
  readonly addresses?: ReadonlyMap<string, string>;
}

export interface BootOptions<P extends BootedPyodide> {
  /** From `pyodide.mjs`. */
  readonly loadPyodide: (options: Record<string, unknown>) => Promise<P>;
  /** Where the runtime is; as for `loadPyodide`. */
  readonly indexURL?: string;
  /** Further options for `loadPyodide`. */
  readonly pyodide?: Readonly<Record<string, unknown>>;
  /** The lock: its address, its text, or its value. */
  readonly lock: string | URL | object;
  /** Where relative file names of a lock that is no address are resolved against; default: the page. */
  readonly base?: string | URL;
  /** Given the text of the lock, says what of it is booted with: for a page that knows more of its locks. */
  readonly choose?: (text: string) => Chosen;
  /** A compiled standard library (`micropip-lock stdlib`). */
  readonly stdLibURL?: string;
  /** SHA-256 of it, in hexadecimal: compared once it is there. */
  readonly stdLibSha256?: string;
  /** The ABI that the page's Pyodide has, e.g. `2026_0`, so that another lock is refused before anything is fetched. */
  readonly abi?: string;
  /** Only these packages of the lock, and what they need. */
  readonly packages?: readonly string[];
  /** Where wheels are kept for the next visit, e.g. of `openStore`. */
  readonly store?: WheelCache | Promise<WheelCache> | null;
  /** Downloads at a time. */
  readonly concurrency?: number;
  /**
   * What nobody waits for waits for this once the boot is done: what arrives behind a start pack, keeping for the next visit,
   * comparing what nobody has read. Default: nothing.
   */
  readonly quiet?: Promise<unknown>;
  /**
   * `true`: wheels are asked for when the runtime's program is here. Where both come over one slow line, it is needed first.
   * Default: wheels first, because they take longest.
   */
  readonly runtimeFirst?: boolean;
  /** `false`: do without the lock's start pack. */
  readonly start?: boolean;
  /** Reads a part of a file at once, for files that a start pack lacks; default: what a dedicated worker can. */
  readonly readRange?: RangeReader;
  /** Ends the boot; after it, what still arrives behind a start pack. */
  readonly signal?: AbortSignal;
  /** Told what happens; an error from it ends the boot. */
  readonly onProgress?: (event: BootEvent) => void;
  /** Told of a file that is not the one that RECORD lists; default: `console.error`. */
  readonly onFinding?: (finding: Finding) => void;
  /** The function to ask the network with; default: the platform's. */
  readonly fetch?: typeof fetch;
}

/** Why a lock was not installed. Its Pyodide runs, and nothing is installed in it. */
export class BootError<P> extends LockError {
  declare readonly pyodide: P;

  constructor(error: LockError, pyodide: P) {
    const { code, message, where, expected, got, hint } = error;
    super(code, message, {
      ...(where === undefined ? {} : { where }),
      ...(expected === undefined ? {} : { expected }),
      ...(got === undefined ? {} : { got }),
      ...(hint === undefined ? {} : { hint }),
    });
    this.cause = error;
    // Not listed among the facts: it is a whole interpreter.
    Object.defineProperty(this, "pyodide", { value: pyodide });
  }
}
