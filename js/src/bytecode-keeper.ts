/**
 * Bytecode in one running Pyodide: what earlier visits compiled is given to Python, what this one compiles is kept.
 *
 * Rules this file keeps:
 *
 * 1. Nothing is done while imports go on: modules are handed over when there was a pause, a few at a time.
 * 2. It only saves time. Whatever fails here is told on the console, and nothing else changes.
 *
 * Left to others: what is kept, and its form (`bytecode.ts`).
 */

import { Bytecode, bytecodeKind, type Interpreter } from "./bytecode.ts";
import { KEEPING_LOADER } from "./keeping-loader.ts";
import { type MountedWheel, PYCACHE, type WheelToMount } from "./mounted-wheel.ts";
import type { WheelStore } from "./store.ts";
import type { PlainEntry } from "./wheel.ts";

/** The parts of `pyodide` that are used. */
export interface PythonRunner {
  readonly version: string;
  readonly _api: { readonly lockfile_info: { readonly abi_version: string } };
  runPython(code: string): unknown;
}

type Taken = readonly (readonly [path: string, digest: Uint8Array, code: Uint8Array])[];
interface Proxy {
  toJs(): Taken;
  destroy(): void;
}
type Take = ((most: number) => Proxy) & { waiting(): number };
type Keep = ((site: string, prefix: string, notify: () => void) => Take | undefined) & { destroy(): void };

/** Where bytecode is kept beside wheels. */
export type ExtraStore = Pick<WheelStore, "getExtra" | "putExtra">;

/** How long nothing may have been compiled before it is time to keep, and how many modules are kept at a time. */
const PAUSE_MS = 1500;
const AT_A_TIME = 8;

export class BytecodeKeeper {
  readonly #site: string;
  readonly #store: ExtraStore;
  readonly #wheels: () => readonly MountedWheel[];
  readonly #interpreter: Interpreter;
  readonly #kind: string;
  readonly #take: Take | undefined;
  #flushing: Promise<void> | undefined;

  constructor(pyodide: PythonRunner, site: string, store: ExtraStore, wheels: () => readonly MountedWheel[]) {
    this.#site = site;
    this.#store = store;
    this.#wheels = wheels;
    const [cacheTag, magic] = JSON.parse(
      pyodide.runPython(
        "import importlib.util as _u, json as _j, sys as _s; _j.dumps([_s.implementation.cache_tag, list(_u.MAGIC_NUMBER)])",
      ) as string,
    ) as [string, number[]];
    this.#interpreter = { cacheTag, magic: Uint8Array.from(magic), version: pyodide.version };
    this.#kind = bytecodeKind(pyodide._api.lockfile_info.abi_version);
    const keep = pyodide.runPython(KEEPING_LOADER) as Keep;
    this.#take = keep(site, PYCACHE, () => this.#soon());
    keep.destroy();
  }

  /** What earlier visits compiled of a wheel, as the store has it (`loadBytecode`), for `WheelToMount.compiled`. */
  compiled(stored: Uint8Array, entries: readonly PlainEntry[]): NonNullable<WheelToMount["compiled"]> {
    const bytecode = Bytecode.fromBytes(stored, this.#interpreter);
    return (site, time) => bytecode.files(entries, site, time, this.#interpreter);
  }

  /** Keep what was compiled until now; resolves when it is done, never rejects. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flush()
      .catch((error: unknown) => console.error("micropip-lock: bytecode could not be kept:", error))
      .finally(() => {
        this.#flushing = undefined;
      });
    return this.#flushing;
  }

  /** Once nothing was compiled for a while. */
  #soon(before = 0): void {
    const timer = setTimeout(() => {
      const waiting = this.#take?.waiting() ?? 0;
      if (waiting > before) {
        this.#soon(waiting);
      } else {
        void this.flush();
      }
    }, PAUSE_MS);
    // Under Node nobody waits for this.
    (timer as { unref?: () => void }).unref?.();
  }

  async #flush(): Promise<void> {
    const fresh = new Map<MountedWheel, Bytecode>();
    for (;;) {
      const proxy = this.#take?.(AT_A_TIME);
      const taken = proxy?.toJs() ?? [];
      proxy?.destroy();
      for (const [path, digest, code] of taken) {
        const inside = path.startsWith(`${this.#site}/`) ? path.slice(this.#site.length + 1) : "";
        const wheel = this.#wheels().find((one) => one.brings(inside, digest));
        if (wheel !== undefined) {
          const there = fresh.get(wheel) ?? new Bytecode();
          there.set(inside, code);
          fresh.set(wheel, there);
        }
      }
      if (taken.length < AT_A_TIME) {
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    for (const [{ wheel }, compiled] of fresh) {
      if (wheel.sha256 != null) {
        const before = await this.#store.getExtra(wheel.sha256, this.#kind);
        const all = before === null ? new Bytecode() : Bytecode.fromBytes(before, this.#interpreter);
        all.add(compiled);
        await this.#store.putExtra(wheel.sha256, this.#kind, all.toBytes(this.#interpreter));
      }
    }
  }
}
