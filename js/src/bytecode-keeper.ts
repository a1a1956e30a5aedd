/**
 * Bytecode in one running Pyodide: what earlier visits compiled is given to Python, what this one compiles is kept.
 *
 * Rules this file keeps:
 *
 * 1. Nothing is done while imports go on: modules are handed over when there was a pause, a few at a time.
 * 2. What was compiled of a wheel of which only parts are here is kept when the whole has proven them, or not at all.
 * 3. It only saves time. Whatever fails here is told on the console, and nothing else changes.
 *
 * Left to others: what is kept, and its form (`bytecode.ts`).
 */

import { Bytecode, bytecodeKind, type Interpreter } from "./bytecode.ts";
import { Codes } from "./codes.ts";
import type { FileSystem } from "./emscripten.ts";
import { KEEPING_LOADER } from "./keeping-loader.ts";
import { type MountedWheel, PYCACHE, type WheelToMount } from "./mounted-wheel.ts";
import type { WheelStore } from "./store.ts";
import type { PlainEntry } from "./wheel.ts";

/** The parts of `pyodide` that are used. */
export interface PythonRunner {
  readonly version: string;
  readonly FS: FileSystem;
  readonly _api: { readonly lockfile_info: { readonly abi_version: string } };
  runPython(code: string): unknown;
}

type Taken = readonly (readonly [path: string, digest: Uint8Array, code: Uint8Array])[];
interface Proxy {
  toJs(): Taken;
  destroy(): void;
}
type Take = ((most: number) => Proxy) & { waiting(): number; offer(path: string, listed: string): void };
type Keep = ((site: string, prefix: string, notify: (() => void) | undefined) => Take | undefined) & { destroy(): void };

interface Offered {
  readonly entries: readonly PlainEntry[];
  readonly bytecode: Bytecode;
  readonly site: string;
  readonly time: number;
}
type Listed = readonly [path: string, time: number, size: number, at: number, length: number];

/** Paths in wheels before which a source of the same name does not count, or not for certain: what import takes first. */
interface Rivals {
  /** Extension modules, without what follows the first dot of their names. */
  readonly extensions: Set<string>;
  /** Every directory: it may be a package, or become one. */
  readonly folders: Set<string>;
}

/** Where bytecode is kept beside wheels. */
export type ExtraStore = Pick<WheelStore, "getExtra" | "putExtra">;

/** Gathers in memory what would be kept. */
export class GatheredExtras implements ExtraStore {
  readonly #byWheel = new Map<string, Uint8Array<ArrayBuffer>>();

  /** What was gathered of a wheel. */
  of(sha256: string): Uint8Array<ArrayBuffer> | undefined {
    return this.#byWheel.get(sha256);
  }

  async getExtra(sha256: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.#byWheel.get(sha256) ?? null;
  }

  async putExtra(sha256: string, _kind: string, bytes: Uint8Array<ArrayBuffer>): Promise<"stored"> {
    this.#byWheel.set(sha256, bytes);
    return "stored";
  }
}

/** How long nothing may have been compiled before it is time to keep, and how many modules are kept at a time. */
const PAUSE_MS = 1500;
const AT_A_TIME = 8;

/** Which Python this is. */
export function interpreterOf(pyodide: Pick<PythonRunner, "version" | "runPython">): Interpreter {
  const [cacheTag, magic] = JSON.parse(
    pyodide.runPython(
      "(lambda util, json, sys: json.dumps([sys.implementation.cache_tag, list(util.MAGIC_NUMBER)]))(" +
        "__import__('importlib.util').util, __import__('json'), __import__('sys'))",
    ) as string,
  ) as [string, number[]];
  return { cacheTag, magic: Uint8Array.from(magic), version: pyodide.version };
}

/** What a keeper has to do with, in a runtime: nothing is changed there yet. */
export interface BytecodePython {
  readonly fs: FileSystem;
  readonly interpreter: Interpreter;
  readonly abi: string;
  readonly keep: Keep;
}

/** Compile what keeps bytecode. */
export function bytecodePython(pyodide: PythonRunner): BytecodePython {
  const [interpreter, abi] = [interpreterOf(pyodide), pyodide._api.lockfile_info.abi_version];
  return { fs: pyodide.FS, interpreter, abi, keep: pyodide.runPython(KEEPING_LOADER) as Keep };
}

export class BytecodeKeeper {
  readonly #site: string;
  readonly #store: ExtraStore | null;
  readonly #wheels: () => readonly MountedWheel[];
  readonly #interpreter: Interpreter;
  readonly #kind: string;
  readonly #take: Take | undefined;
  readonly #settled: () => Promise<unknown>;
  readonly #kept: () => void;
  readonly #fs: FileSystem;
  readonly #codes = new Codes();
  readonly #offered: Offered[] = [];
  #flushing: Promise<void> | undefined;

  /**
   * @param store Where what is compiled is kept; `null`: nowhere, what is given is used all the same.
   * @param wheels Those that are what their digest says.
   * @param settled Resolves when it is known of each wheel whether it is.
   * @param kept Called when something was kept.
   */
  constructor(
    { fs, interpreter, abi, keep }: BytecodePython,
    site: string,
    store: ExtraStore | null,
    wheels: () => readonly MountedWheel[],
    settled: () => Promise<unknown> = () => Promise.resolve(),
    kept: () => void = () => undefined,
  ) {
    this.#settled = settled;
    this.#kept = kept;
    this.#fs = fs;
    this.#site = site;
    this.#store = store;
    this.#wheels = wheels;
    this.#interpreter = interpreter;
    this.#kind = bytecodeKind(abi);
    this.#take = keep(site, PYCACHE, store === null ? undefined : () => this.#soon());
    keep.destroy();
  }

  /** What was compiled of a wheel before, in the form in which the store has it, for `WheelToMount.compiled`. */
  compiled(stored: readonly Uint8Array[], entries: readonly PlainEntry[]): NonNullable<WheelToMount["compiled"]> {
    const bytecode = new Bytecode();
    for (const one of stored) {
      bytecode.add(Bytecode.fromBytes(one, this.#interpreter));
    }
    return (site, time) => {
      this.#offered.push({ entries, bytecode, site, time });
      return bytecode.files(entries, site, time, this.#interpreter);
    };
  }

  /**
   * Have Python take what was compiled of wheels straight from here, now that they are mounted.
   * @param wheels All that are mounted.
   * @param newFolders The outermost of the directories that this made, as paths in site-packages: only these are known to hold
   *   nothing of others.
   *
   * Never throws: what is mounted is mounted.
   */
  offer(wheels: readonly MountedWheel[], newFolders: ReadonlySet<string>): void {
    const offered = this.#offered.splice(0);
    if (this.#take === undefined || offered.length === 0) {
      return;
    }
    try {
      const listed = JSON.stringify(this.#listed(offered, wheels, newFolders));
      this.#take.offer(this.#codes.open(this.#fs), listed);
    } catch (error) {
      // Python finds the same below sys.pycache_prefix.
      console.error("micropip-lock: bytecode is taken the slow way:", error);
    }
  }

  /** Path, time and size of each source that import takes first, and where its code is. */
  #listed(offered: readonly Offered[], wheels: readonly MountedWheel[], newFolders: ReadonlySet<string>): readonly Listed[] {
    const rivals = rivalsIn(wheels);
    let older: ReadonlySet<string> | undefined;
    const isAlone = (path: string): boolean => {
      if (path.includes("/")) {
        return isBelow(path, newFolders);
      }
      older ??= olderIn(this.#fs.readdir(this.#site), wheels);
      return !older.has(path.slice(0, -".py".length));
    };
    const listed: Listed[] = [];
    for (const { entries, bytecode, site, time } of offered) {
      for (const { path, size } of entries) {
        const code = path.endsWith(".py") ? bytecode.get(path) : undefined;
        if (code !== undefined && isFirst(path, rivals) && isAlone(path)) {
          listed.push([`${site}/${path}`, time, size, this.#codes.add(code), code.length]);
        }
      }
    }
    return listed;
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
    const store = this.#store;
    if (store === null) {
      return;
    }
    await this.#settled();
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
        const before = await store.getExtra(wheel.sha256, this.#kind);
        const all = before === null ? new Bytecode() : Bytecode.fromBytes(before, this.#interpreter);
        all.add(compiled);
        await store.putExtra(wheel.sha256, this.#kind, all.toBytes(this.#interpreter));
      }
    }
    if (fresh.size > 0) {
      this.#kept();
    }
  }
}

function rivalsIn(wheels: readonly MountedWheel[]): Rivals {
  const rivals: Rivals = { extensions: new Set(), folders: new Set() };
  let last = "";
  for (const { wheel } of wheels) {
    for (const { path } of wheel.entries) {
      if (path.endsWith(".so")) {
        rivals.extensions.add(path.replace(/\.[^/]*$/, ""));
      }
      const folder = path.slice(0, Math.max(path.lastIndexOf("/"), 0));
      // Those of a directory lie together.
      if (folder !== last) {
        last = folder;
        for (let at = folder.length; at > 0 && !rivals.folders.has(folder.slice(0, at)); at = folder.lastIndexOf("/", at - 1)) {
          rivals.folders.add(folder.slice(0, at));
        }
      }
    }
  }
  return rivals;
}

/** Whether import takes this source before anything else of that name in the wheels. */
function isFirst(path: string, { extensions, folders }: Rivals): boolean {
  const module = path.slice(0, -".py".length);
  return !extensions.has(module) && !folders.has(module);
}

function isBelow(path: string, folders: ReadonlySet<string>): boolean {
  for (let at = path.indexOf("/"); at > 0; at = path.indexOf("/", at + 1)) {
    if (folders.has(path.slice(0, at))) {
      return true;
    }
  }
  return false;
}

/** Names in site-packages that no wheel brings, without what follows their first dot. */
function olderIn(names: readonly string[], wheels: readonly MountedWheel[]): ReadonlySet<string> {
  const ours = new Set(wheels.flatMap(({ wheel }) => wheel.entries.map(({ path }) => path.split("/", 1)[0])));
  return new Set(names.filter((name) => !ours.has(name)).map((name) => name.split(".", 1)[0] as string));
}
