/**
 * The engine inside one running Pyodide, as `micropip_lock/adapters/pyodide.py` uses it: downloads that stay here,
 * and their mount.
 *
 * Texts go over as JSON: one string is quicker than many proxies.
 */

import { AsideOnDemand } from "./aside.ts";
import { Bytecode, bytecodeKind } from "./bytecode.ts";
import { BytecodeKeeper, type BytecodePython, bytecodePython, GatheredExtras, type PythonRunner } from "./bytecode-keeper.ts";
import type { FileSystem } from "./emscripten.ts";
import { createEngine, type Download, type Downloaded, type DownloadOptions, type Engine } from "./engine.ts";
import { LockError } from "./errors.ts";
import { Held } from "./held.ts";
import { type Inflate, type InflateModule, pickInflate } from "./inflate.ts";
import { type Finding, Mounts, type Prepared } from "./mount.ts";
import { type WheelToMount } from "./mounted-wheel.ts";

import { CHECKED, openStore, type WheelStore } from "./store.ts";

/** The parts of `pyodide` that are used. */
export interface RunningPyodide extends PythonRunner {
  readonly FS: FileSystem;
  readonly _module: InflateModule;
}

/** Downloads at a time when nobody says how many; whoever asks has a limit then, and browsers have. */
const UNBOUNDED = 256;

/** Between two calls into Python about the same download. */
const PROGRESS_MS = 40;

export class Kernel implements Engine {
  readonly #aside = new AsideOnDemand(UNBOUNDED);
  readonly #engine = createEngine({ fetch: this.#aside.fetch, hasTurns: () => this.#aside.open() !== null });
  readonly #waiting: Held[] = [];
  #store: Promise<WheelStore> | undefined;
  #prepared: BytecodePython | undefined;
  #keeper: BytecodeKeeper | undefined;
  #gathered: GatheredExtras | undefined;
  #storing: Promise<void> | undefined;
  #pyodide: RunningPyodide | undefined;
  #inflate: Inflate | undefined;
  #mounts: Mounts | undefined;

  /** Say which Pyodide this is. */
  attach(pyodide: RunningPyodide): void {
    this.#pyodide ??= pyodide;
  }

  /**
   * Do ahead what the first replay would wait for. Never throws: what cannot be had is told when it is needed.
   *
   * @param hasStore Wheels are kept; under Node the host may still say where.
   */
  getReady(hasStore: boolean): void {
    try {
      const isInBrowser = this.#aside.open() !== null;
      if (hasStore && isInBrowser) {
        this.openStore();
      }
      this.#python();
    } catch (error) {
      console.error("micropip-lock: the engine begins later:", error);
    }
  }

  /**
   * Have so many downloads under way at a time.
   *
   * @param concurrency `null`: as many as are asked for.
   * @returns Whether more may be asked for at once: they wait for their turn here.
   */
  takeTurns(concurrency: number | null): boolean {
    return this.#aside.limit(concurrency ?? UNBOUNDED);
  }

  download(url: string, options?: DownloadOptions | null): Download {
    return this.#engine.download(url, options);
  }

  /**
   * The same, asked from Python.
   *
   * @param options JSON: what of `DownloadOptions` is no function.
   * @param mayLeadTo As there.
   * @param onProgress As there, told at most so often that telling takes no time worth mentioning.
   */
  ask(
    url: string,
    options: string,
    mayLeadTo: NonNullable<DownloadOptions["mayLeadTo"]>,
    onProgress?: NonNullable<DownloadOptions["onProgress"]> | null,
  ): Download {
    let told = Number.NEGATIVE_INFINITY;
    const nowAndThen = (bytes: number): void => {
      const now = performance.now();
      if (onProgress && now - told >= PROGRESS_MS) {
        told = now;
        onProgress(bytes);
      }
    };
    return this.download(url, { ...(JSON.parse(options) as DownloadOptions), mayLeadTo, onProgress: nowAndThen });
  }

  /** A finished download, to be kept here. */
  hold(downloaded: Downloaded): Held {
    return new Held(downloaded.bytes, downloaded, () => this.#inflating());
  }

  /** Bytes that Python has. */
  holdBytes(bytes: Uint8Array, sha256: string): Held {
    return new Held(bytes.slice(), { sha256, url: "", contentType: "" }, () => this.#inflating());
  }

  /**
   * Say where wheels are kept.
   *
   * @param directory Under Node a directory; elsewhere the browser's own places are taken.
   */
  openStore(directory?: string | null): void {
    this.#store ??= openStore({ directory: directory ?? null });
  }

  /**
   * Keep what Python compiles of wheels that are mounted below `site`, and give it what earlier visits compiled; to be
   * called before the first of them is mounted.
   */
  async keepBytecode(site: string): Promise<void> {
    const store = await this.#store;
    if (store !== undefined && store.kind !== "none" && this.#pyodide !== undefined && this.canMount(site)) {
      this.#keeper ??= new BytecodeKeeper(this.#python(), site, store, () => this.#mounts?.wheels ?? []);
    }
  }

  /** Gather what Python compiles of wheels that are mounted below `site`, for `compiledModules`, and keep it nowhere. */
  gatherBytecode(site: string): void {
    if (this.#pyodide !== undefined && this.canMount(site)) {
      this.#gathered = new GatheredExtras();
      this.#keeper ??= new BytecodeKeeper(this.#python(), site, this.#gathered, () => this.#mounts?.wheels ?? []);
    }
  }

  /** What was gathered, as JSON: by file name of the wheel, the paths of the sources, and what the store would have, in base64. */
  async compiledModules(): Promise<string> {
    await this.#keeper?.flush();
    const found: Record<string, { paths: readonly string[]; data: string }> = {};
    for (const { wheel } of this.#mounts?.wheels ?? []) {
      const bytes = this.#gathered?.of(wheel.sha256 ?? "");
      if (bytes !== undefined) {
        found[wheel.filename] = { paths: Bytecode.pathsIn(bytes), data: base64(bytes) };
      }
    }
    return JSON.stringify(found);
  }

  /** Keep now what was compiled until now. */
  async flushBytecode(): Promise<void> {
    await this.#keeper?.flush();
  }

  /** Where wheels are kept: `opfs`, `cache`, `directory`, or `none`. */
  async storeKind(): Promise<string> {
    return (await this.#store)?.kind ?? "none";
  }

  /** A wheel that was kept, just hashed again; `null` when its bytes are not there. */
  async stored(sha256: string, size?: number | null): Promise<Held | null> {
    const store = await this.#store;
    const found = await store?.get(sha256, size ?? null);
    if (store === undefined || found == null) {
      return null;
    }
    const facts = { sha256, url: "", contentType: "" };
    const held = new Held(found.bytes, facts, () => this.#inflating(), found.source);
    held.checked = (await store.getExtra(sha256, CHECKED)) !== null;
    held.bytecode = await store.getExtra(sha256, bytecodeKind(this.#pyodide?._api.lockfile_info.abi_version ?? ""));
    return held;
  }

  /** Keep a wheel, once there is time. */
  keep(held: Held): void {
    this.#waiting.push(held);
  }

  /** Keep what waits for it; resolves when it is done, never rejects. */
  storeAll(): Promise<void> {
    this.#storing ??= this.#storeAll()
      .catch((error: unknown) => console.error("micropip-lock: the wheels could not be stored:", error))
      .finally(() => {
        this.#storing = undefined;
      });
    return this.#storing;
  }

  /** In what time is left: keep what waits for it, then compare with RECORD what nobody has read yet. */
  async settle(): Promise<void> {
    await this.storeAll();
    const store = await this.#store;
    await this.#mounts?.checkRest(({ sha256 }) => {
      if (sha256 != null) {
        void store?.putExtra(sha256, CHECKED, new Uint8Array([1]));
      }
    });
  }

  async #storeAll(): Promise<void> {
    const store = await this.#store;
    for (let held = this.#waiting.shift(); held !== undefined; held = this.#waiting.shift()) {
      if (held.sha256 !== null) {
        await store?.put(held.sha256, held.bytes());
      }
    }
    await store?.settle();
  }

  /** Whether wheels can be mounted below `site`. */
  canMount(site: string): boolean {
    return this.#pyodide !== undefined && Mounts.supports(this.#pyodide.FS, site);
  }

  /**
   * Look for places that are taken, and be ready to mount.
   *
   * @param records JSON: for each wheel the texts that are written into its dist-info, by name.
   * @param leaving JSON: absolute paths of files that will be gone.
   * @returns `null` when it cannot be done here, for a reason that nobody foresaw: nothing was changed, and whoever asks
   *   writes real files.
   */
  prepare(site: string, prefix: string, held: Iterable<Held>, records: string, leaving: string): Prepared | null {
    try {
      return this.#prepare(site, prefix, held, records, leaving);
    } catch (error) {
      // What Emscripten throws is no Error, and Python could not raise it.
      console.error("micropip-lock: the wheels cannot be mounted, real files are written:", error);
      return null;
    }
  }

  #prepare(site: string, prefix: string, held: Iterable<Held>, records: string, leaving: string): Prepared {
    const texts = JSON.parse(records) as Record<string, string>[];
    const wheels = Array.from(held, (one, at): WheelToMount => {
      if (one.layout === undefined) {
        throw new LockError("mount-unknown", "a wheel that nobody looked into");
      }
      const { layout, source, checked, sha256, bytecode } = one;
      const wheel: WheelToMount = { ...layout, source, records: texts[at] ?? {}, checked, sha256 };
      const compiled = bytecode && this.#keeper?.compiled([bytecode], layout.entries);
      return compiled ? { ...wheel, compiled } : wheel;
    });
    const mounts = this.#mounted();
    const prepared = mounts.prepare(site, prefix, wheels, new Set(JSON.parse(leaving) as string[]));
    return {
      ...prepared,
      commit: () => {
        prepared.commit();
        this.#keeper?.offer(mounts.wheels, prepared.newFolders());
      },
    };
  }

  /** Which files of mounted wheels somebody read, as JSON: by file name of the wheel, their paths in it. */
  filesRead(): string {
    const wheels = this.#mounts?.wheels ?? [];
    return JSON.stringify(Object.fromEntries(wheels.map(({ wheel, served }) => [wheel.filename, [...served]])));
  }

  /** What was found wrong in mounted wheels, as JSON. */
  findings(): string {
    return JSON.stringify(this.#mounts?.findings ?? []);
  }

  #running(): RunningPyodide {
    if (this.#pyodide === undefined) {
      throw new LockError("mount-unknown", "no Pyodide is attached");
    }
    return this.#pyodide;
  }

  #mounted(): Mounts {
    this.#mounts ??= new Mounts(this.#running().FS, this.#inflating(), aloud);
    return this.#mounts;
  }

  /** For the one keeper that there will be. */
  #python(): BytecodePython {
    this.#prepared ??= bytecodePython(this.#running());
    return this.#prepared;
  }

  #inflating(): Inflate {
    this.#inflate ??= pickInflate(this.#pyodide?._module);
    return this.#inflate;
  }
}

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(text);
}

function aloud({ wheel, path, code, message }: Finding): void {
  console.error(`micropip-lock: ${code}: ${message}: ${wheel}: ${path}; it reads as an I/O error`);
}


