/**
 * Boot a Pyodide with the environment of a lock, in a page, a worker or Node that boots its own: the wheels arrive while
 * the runtime compiles.
 *
 * Rules this file keeps:
 *
 * 1. All or nothing: every wheel is there, checked and free of conflicts before the file system changes; what fails
 *    leaves a Pyodide that runs and is empty (`BootError.pyodide`).
 * 2. Downloads and runtime begin at once; or, where that is wanted, the runtime's own files come first. Before the runtime
 *    takes the thread, the first wheel is asked for, or a moment over. What is on its way goes on in a worker of its own
 *    (`aside.ts`).
 * 3. What the lock says against the ABI that the page expects is told before a wheel is asked for; against the runtime's
 *    own, as soon as that is known.
 * 4. After an abort nothing is under way but the boot of the runtime, which cannot be stopped.
 * 5. Nothing of ours runs inside: a lock or wheel that is not plain is refused (`not-plain`), Python can replay it.
 */

import { BootError, type BootEvent, type BootOptions } from "./boot-options.ts";
import { type Aside, openAside } from "./aside.ts";
import { absolute, type BootedPyodide, checkAbi, checkImportNames, checkWheel, closure, loadExtension, lookAnew, otherAbi, type Place, placeOf } from "./boot-place.ts";
import { allStored, beginWith, returnWith, Started } from "./boot-start.ts";
import { bytecodeKind, packKind } from "./bytecode.ts";
import { BytecodeKeeper, type BytecodePython, bytecodePython, interpreterOf } from "./bytecode-keeper.ts";
import { createEngine, type Engine } from "./engine.ts";
import { isLockError, LockError } from "./errors.ts";
import { type Arrived, CONCURRENCY, type FetchOptions, fetchWheels, type Wanted } from "./fetch-wheels.ts";
import { hexOf } from "./hash.ts";
import type { Declaring } from "./import-names.ts";
import { type Inflate, nodeInflate, pickInflate } from "./inflate.ts";
import { decodeText } from "./json.ts";
import { type ReadLock, readLock, type StartPack } from "./lock-reader.ts";
import { type Finding, Mounts } from "./mount.ts";
import { type MountedWheel, type WheelToMount } from "./mounted-wheel.ts";
import { rangeReader } from "./range-reader.ts";
import { recordFiles, sourceOf } from "./records.ts";
import { CHECKED } from "./store.ts";
import { codedIn, takeVisit, visitKey, VisitKeeper } from "./visit.ts";
import { openWheel, type PlainWheel } from "./wheel.ts";

/** How long the runtime waits for the first download at most. */
const LONGEST_WAIT_MS = 300;
/** Requests that wait for their turn elsewhere. */
const AHEAD = 64;
/** Time limits of the lock's own download. */
const LOCK_HEAD_MS = 45_000;
const LOCK_IDLE_MS = 30_000;
const MOST_LOCK_BYTES = 8 * 2 ** 20;
/** Bytes of an extension module that a page compiles at once when it is imported; browsers refuse much larger ones. */
const PAGE_LIMIT = 4 * 2 ** 20;

/**
 * Boot Pyodide, and put what a lock names into it.
 *
 * @returns The `pyodide` of `loadPyodide`.
 * @throws BootError with the codes of `readLock` and `fetchWheels`, and `abi-mismatch`, `unknown-root`, `requires-python`,
 *   `conflict`, `import-clash`, `extension-load`, `mount-unknown`, `not-plain`; LockError with code `cancelled`; and what `loadPyodide`
 *   throws.
 */
export async function bootFromLock<P extends BootedPyodide>(options: BootOptions<P>): Promise<P> {
  const boot = new Boot(options);
  try {
    return await boot.run();
  } finally {
    boot.end();
  }
}

class Boot<P extends BootedPyodide> {
  readonly #options: BootOptions<P>;
  readonly #aside: Aside | null;
  readonly #engine: Engine;
  readonly #stop = new AbortController();
  /** Ends what arrives behind a start pack. */
  readonly #behind = new AbortController();
  readonly #received = new Map<string, number>();
  /** Wheels that came before there was anything to inflate with, and those that were looked into, by their bytes. */
  readonly #early: Arrived[] = [];
  readonly #looked = new Map<Uint8Array, PlainWheel>();
  #inflate: Inflate | null = nodeInflate();
  #place: Place | null = null;
  #python: BytecodePython | null = null;
  #keeper: BytecodeKeeper | null = null;
  #visits: VisitKeeper | null = null;
  /** SHA-256 of wheels of which parts are here: nothing proves yet that those are of the wheel of that digest. */
  readonly #unproven = new Set<string>();
  #settled: Promise<unknown> = Promise.resolve();
  readonly #cancelled: Promise<never>;
  #cancel: () => void = () => undefined;
  /** Resolves when the first wheel, or pack, was asked for or found. */
  readonly #beginning: Promise<void>;
  #begun: () => void = () => undefined;
  #hasLock = false;
  /** Resolves when it is the wheels' turn. */
  readonly #turned: Promise<void>;
  #turn: () => void = () => undefined;
  /** Resolves when what nobody waits for may begin. */
  readonly #quiet: Promise<void>;
  #rest: () => void = () => undefined;
  /** Wheels still arrive behind a start pack. */
  #isGoingOn = false;
  #total: number | null = null;

  constructor(options: BootOptions<P>) {
    this.#options = options;
    this.#aside = options.fetch === undefined ? openAside(options.concurrency ?? CONCURRENCY) : null;
    const ask = options.fetch ?? this.#aside?.fetch ?? ((...request) => globalThis.fetch(...request));
    this.#engine = createEngine({
      hasTurns: () => this.#aside !== null,
      fetch: (...request) => {
        const answer = ask(...request);
        if (this.#hasLock) {
          void Promise.resolve(this.#aside?.ready).then(() => this.#begun());
        }
        return answer;
      },
    });
    this.#beginning = new Promise((resolve) => {
      this.#begun = resolve;
    });
    this.#turned = new Promise((resolve) => {
      this.#turn = resolve;
    });
    this.#quiet = new Promise((resolve) => {
      this.#rest = resolve;
    });
    this.#cancelled = new Promise((_, reject) => {
      this.#cancel = () => {
        const error = new LockError("cancelled", "stopped; nothing was installed");
        this.#stop.abort(error);
        reject(error);
      };
    });
    this.#cancelled.catch(() => undefined);
  }

  async run(): Promise<P> {
    const { signal } = this.#options;
    if (signal?.aborted) {
      this.#cancel();
      return this.#cancelled;
    }
    signal?.addEventListener("abort", this.#cancel, { once: true });
    signal?.addEventListener("abort", this.#leave, { once: true });
    try {
      return await Promise.race([this.#run(), this.#cancelled]);
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  readonly #leave = (): void => {
    this.#options.signal?.removeEventListener("abort", this.#leave);
    this.#behind.abort(new LockError("cancelled", "stopped"));
  };

  /** Look into a wheel; what is not plain is looked into once more, and told, when all are there. */
  #look(one: Arrived, inflate: Inflate): PlainWheel | null {
    const opened = openWheel(one.bytes, one.wheel.filename, inflate);
    if (opened !== null) {
      this.#looked.set(one.bytes, opened);
    }
    return opened;
  }

  /** While others are on their way, as soon as there is something to inflate with. */
  readonly #arrived = (one: Arrived): void => {
    if (this.#inflate === null) {
      this.#early.push(one);
    } else {
      this.#look(one, this.#inflate);
    }
  };

  /** Nothing of this boot is under way any more, but what arrives behind a start pack. */
  end(): void {
    this.#options.signal?.removeEventListener("abort", this.#cancel);
    this.#stop.abort(new LockError("cancelled", "stopped; nothing was installed"));
    if (!this.#isGoingOn) {
      this.#rest();
      this.#aside?.close();
    }
  }

  async #run(): Promise<P> {
    const { loadPyodide, indexURL, stdLibURL, pyodide: more, runtimeFirst } = this.#options;
    const fetching = this.#fetch().then(
      (value) => ({ ok: true, value }) as const,
      (error: unknown) => ({ ok: false, error }) as const,
    );
    void fetching.then(() => this.#begun());
    if (!runtimeFirst) {
      this.#turn();
    }
    const booting = loadPyodide({
      ...more,
      fsInit: async (...args: unknown[]): Promise<void> => {
        this.#turn();
        // What comes now takes this thread: whoever is to ask for the first wheel is let through before. Nobody listens to
        // what this throws, so an abort only ends the wait.
        await Promise.race([this.#beginning, moment(), aborted(this.#stop.signal)]);
        await (more?.["fsInit"] as ((...args: unknown[]) => unknown) | undefined)?.(...args);
      },
      ...(indexURL === undefined ? {} : { indexURL }),
      ...(stdLibURL === undefined ? {} : { stdLibURL }),
    });
    void booting.then(this.#turn, this.#turn);
    // A runtime that does not boot is told at once.
    const pyodide = await booting;
    this.#tell({ stage: "runtime" });
    this.#inflate = pickInflate(pyodide._module);
    for (const one of this.#early.splice(0)) {
      this.#look(one, this.#inflate);
    }
    await this.#lookAround(pyodide).catch(() => undefined);
    const fetched = await fetching;
    try {
      if (!fetched.ok) {
        throw fetched.error;
      }
      const { lock } = fetched.value;
      const started = await this.#opened(pyodide, fetched.value.started);
      let mounts: Mounts;
      try {
        mounts = await this.#install(pyodide, lock, started);
      } catch (error) {
        for (const { source } of [...started.arrived, ...started.begun]) {
          source.close();
        }
        throw error;
      }
      this.#tell({ stage: "done" });
      this.#keep(pyodide, started, mounts, pickInflate(pyodide._module), lock.start && packKind(lock.abi.abiVersion, lock.start.sha256));
      return pyodide;
    } catch (error) {
      if (this.#keeper === null) {
        this.#python?.keep.destroy();
      }
      throw isLockError(error) && error.code !== "cancelled" ? new BootError(error, pyodide) : error;
    }
  }

  /** While wheels are on their way; what fails is done again, and told, when they are here. */
  async #lookAround(pyodide: P): Promise<void> {
    await Promise.race([this.#beginning, this.#cancelled]);
    this.#place = placeOf(pyodide);
    this.#python = (await this.#options.store) == null ? null : bytecodePython(pyodide);
  }

  /** Wheels of which parts are here, opened; all of them whole when one of those is not ordinary. */
  async #opened(pyodide: P, started: Started): Promise<Started> {
    if (started.isFor(pyodide.version) && (!started.isPacked || started.open(pyodide._module, interpreterOf(pyodide)))) {
      return started;
    }
    if (started.isPacked) {
      this.#tell({ stage: "no-start", message: "something about a wheel is not ordinary" });
    }
    this.#rest();
    return new Started(await started.all(), []);
  }

  async #fetch(): Promise<{ lock: ReadLock; started: Started }> {
    const { text, base } = await this.#lockText();
    const { abi, packages: named, choose, store } = this.#options;
    const { lock: chosen, packages = named, addresses } = choose?.(text) ?? { lock: text };
    const lock = readLock(chosen);
    if (abi !== undefined && abi !== lock.abi.abiVersion) {
      throw otherAbi(lock.abi, { ...lock.abi, abiVersion: abi });
    }
    const wheels = packages === undefined ? lock.wheels : closure(lock.wheels, packages);
    const sizes = wheels.map(({ size }) => size);
    this.#total = sizes.includes(null) ? null : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
    this.#tell({ stage: "lock" });
    this.#hasLock = true;
    const wanted = wheels.map((wheel): Wanted => ({ wheel, address: addresses?.get(wheel.sha256) ?? absolute(wheel, base) }));
    const fetching: FetchOptions = {
      engine: this.#engine,
      store: (await store) ?? null,
      bytecode: [bytecodeKind(lock.abi.abiVersion), ...(lock.start ? [packKind(lock.abi.abiVersion, lock.start.sha256)] : [])],
      signal: this.#stop.signal,
      // The worker has them wait for their turn: it goes on when this thread takes nothing in.
      concurrency: this.#aside === null ? (this.#options.concurrency ?? CONCURRENCY) : AHEAD,
      onArrived: this.#arrived,
      onBytes: ({ name, size }, received) => {
        this.#begun();
        this.#received.set(name, received);
        this.#tell({ stage: "fetch", package: name, received, total: size });
      },
    };
    const key = fetching.store?.getVisit === undefined ? null : await visitKey(chosen, packages, wanted);
    if (fetching.store != null && key !== null) {
      this.#visits = new VisitKeeper(fetching.store, key, fetching.bytecode ?? []);
      const before = await takeVisit(fetching.store, key, wanted, rangeReader(), this.#begun);
      if (before !== null) {
        before.forEach(({ wheel, kept }) => fetching.onBytes?.(wheel, kept.size));
        return { lock, started: returnWith(before, { fetching, behind: this.#behind.signal, quiet: this.#quiet }) };
      }
    }
    const stored = lock.start === null ? undefined : await allStored(wanted, fetching);
    await this.#turned;
    const started = lock.start && stored && (await this.#begin(lock.start, wanted, stored, fetching, base));
    return { lock, started: started ?? new Started(await fetchWheels(wanted, { ...fetching, ...(stored && { stored }) }), []) };
  }

  /** Begin with the lock's start pack where that is possible, and saves time. */
  async #begin(
    pack: StartPack,
    wanted: readonly Wanted[],
    stored: ReadonlyMap<Wanted, Arrived>,
    fetching: FetchOptions,
    base: string | undefined,
  ): Promise<Started | null> {
    const ranges = this.#options.readRange ?? rangeReader();
    if (this.#options.start === false || ranges === null) {
      return null;
    }
    try {
      const address = absolute({ name: "the start pack", url: pack.url }, base);
      const onBytes = (received: number) => this.#tell({ stage: "start", received, total: pack.size });
      const behind = this.#behind.signal;
      return await beginWith({ pack, address, wanted, fetching, behind, quiet: this.#quiet, ranges, onBytes }, stored);
    } catch (error) {
      if (!isLockError(error) || error.code === "cancelled") {
        throw error;
      }
      this.#tell({ stage: "no-start", message: `${error.code}: ${error.message}` });
      return null;
    }
  }

  async #lockText(): Promise<{ text: string; base: string | undefined }> {
    const { lock, base } = this.#options;
    const page = globalThis.location?.href;
    const against = base === undefined ? page : new URL(base, page).href;
    if (typeof lock === "string" && /^\s*[{[]/.test(lock)) {
      return { text: lock, base: against };
    }
    if (typeof lock !== "string" && !(lock instanceof URL)) {
      return { text: JSON.stringify(lock), base: against };
    }
    const address = new URL(lock, page).href;
    // On this thread, because a worker has to begin first.
    const { fetch } = this.#options;
    const { promise, abort } = createEngine(fetch && { fetch }).download(address, {
      maxBytes: MOST_LOCK_BYTES,
      headersTimeoutMs: LOCK_HEAD_MS,
      idleTimeoutMs: LOCK_IDLE_MS,
    });
    this.#stop.signal.addEventListener("abort", abort, { once: true });
    const result = await promise;
    this.#stop.signal.removeEventListener("abort", abort);
    this.#stop.signal.throwIfAborted();
    if (!result.ok) {
      const code = result.kind === "status" && (result.status === 404 || result.status === 410) ? "not-found" : "fetch-failed";
      throw new LockError(code, "the lock could not be fetched", { got: result.message });
    }
    return { text: decodeText(result.bytes), base: base === undefined ? result.url : against };
  }

  async #install(pyodide: P, lock: ReadLock, started: Started): Promise<Mounts> {
    checkAbi(lock.abi, pyodide._api.lockfile_info);
    const place = this.#place ?? placeOf(pyodide);
    await this.#checkStdLib(pyodide, place.stdlib);
    if (!Mounts.supports(pyodide.FS, place.site)) {
      throw new LockError("mount-unknown", "the file system of this Pyodide is not one that is known", {
        hint: "update micropip-lock, or replay the lock from Python",
      });
    }
    const inflate = pickInflate(pyodide._module);
    const store = await this.#options.store;
    const mounts = new Mounts(pyodide.FS, inflate, this.#options.onFinding ?? aloud);
    const wheels: WheelToMount[] = [];
    const declaring: Declaring[] = [];
    const begun = started.begun.filter(({ kept }) => kept === undefined);
    const all = [
      ...started.arrived.map((one) => ({ ...one, opened: this.#looked.get(one.bytes) ?? this.#look(one, inflate) })),
      ...begun.map((one) => ({ ...one, opened: started.opened(one), checked: false, bytecode: [] })),
    ];
    if (store != null || all.some(({ compiled }) => compiled != null)) {
      for (const { wheel } of begun) {
        this.#unproven.add(wheel.sha256);
      }
      const proven = (): readonly MountedWheel[] => mounts.wheels.filter(({ wheel }) => !this.#unproven.has(wheel.sha256 ?? ""));
      const python = this.#python ?? bytecodePython(pyodide);
      this.#keeper = new BytecodeKeeper(python, place.site, store ?? null, proven, () => this.#settled, () => this.#visits?.soon());
    }
    for (const { wheel, opened } of all) {
      checkWheel(wheel, opened, place.python);
    }
    const written = await Promise.all(all.map(({ wheel, address, opened }) => recordFiles(wheel, address, (opened as PlainWheel).recordText)));
    for (const [at, { opened: plain, ...one }] of all.entries()) {
      const [opened, records] = [plain as PlainWheel, written[at] as Record<string, string>];
      const { filename, distInfo, dataDir, entries, metadata } = opened;
      declaring.push({ name: one.wheel.name, metadata });
      const { source, checked, compiled } = one;
      const bytecode = compiled == null ? one.bytecode : [...one.bytecode, started.codes(compiled) ?? inflate(compiled.packed, compiled.size)];
      const wheel = { filename, distInfo, dataDir, entries, source, records, checked, sha256: one.wheel.sha256 };
      const keeper = bytecode.length > 0 ? this.#keeper : null;
      wheels.push(keeper ? { ...wheel, compiled: keeper.compiled(bytecode, entries) } : wheel);
    }
    checkImportNames(declaring);
    for (const { kept, source, wheel } of started.begun) {
      if (kept !== undefined) {
        const { filename, distInfo, dataDir, entries, records, here, bytecode } = kept;
        const known = { before: new Set(here), coded: codedIn(bytecode) };
        const one = { filename, distInfo, dataDir, entries, source, records, ...known, sha256: wheel.sha256 };
        wheels.push(bytecode.length > 0 && this.#keeper ? { ...one, compiled: this.#keeper.compiled(bytecode, entries) } : one);
      }
    }
    const prepared = mounts.prepare(place.site, place.prefix, wheels, new Set());
    const [taken] = prepared.taken;
    if (taken !== undefined) {
      throw new LockError("conflict", `${taken.wheel} would overwrite a file of another distribution`, { where: taken.path });
    }
    this.#stop.signal.throwIfAborted();
    try {
      // From here on an error undoes what was done; it can only be one of the runtime's, or of the listener.
      prepared.commit();
      this.#keeper?.offer(mounts.wheels, prepared.newFolders());
      this.#tell({ stage: "mount" });
      const limit = "document" in globalThis ? PAGE_LIMIT : -1;
      for (const path of JSON.parse(prepared.extensionsNow(limit)) as string[]) {
        await loadExtension(pyodide, path);
        this.#stop.signal.throwIfAborted();
      }
    } catch (error) {
      prepared.undo();
      throw error;
    }
    lookAnew(pyodide);
    this.#looked.clear();
    for (const { wheel, address } of [...started.arrived, ...started.begun]) {
      pyodide.loadedPackages[wheel.displayName] = sourceOf(wheel.origin ?? { kind: "url", url: address, index: null });
    }
    return mounts;
  }

  async #checkStdLib(pyodide: P, path: string): Promise<void> {
    const { stdLibSha256 } = this.#options;
    if (stdLibSha256 === undefined) {
      return;
    }
    const { contents, usedBytes = 0 } = pyodide.FS.lookupPath(path, { follow: true }).node;
    const got = await hexOf((contents as Uint8Array<ArrayBuffer>).slice(0, usedBytes));
    if (got !== stdLibSha256.toLowerCase()) {
      const sides = { expected: `sha256 ${stdLibSha256}`, got };
      throw new LockError("digest-mismatch", "the standard library is not the one that the page names", { where: "stdLibURL", ...sides });
    }
  }

  /**
   * Keep what was fetched, and compare with RECORD what nobody has read yet, when everything is in place: nothing waits
   * for it, and nothing fails by it.
   *
   * @param kind Under which what the start pack brought is kept.
   */
  #keep(pyodide: P, started: Started, mounts: Mounts, inflate: Inflate, kind: string | null): void {
    this.#isGoingOn = started.begun.length > 0;
    const keep = async (): Promise<void> => {
      await Promise.resolve(this.#options.quiet).catch(() => undefined);
      this.#rest();
      const store = await this.#options.store;
      const put = async ({ wheel, bytes, compiled }: Arrived): Promise<void> => {
        this.#unproven.delete(wheel.sha256);
        await store?.put(wheel.sha256, bytes);
        if (compiled && kind !== null) {
          await store?.putExtra(wheel.sha256, kind, Uint8Array.from(inflate(compiled.packed, compiled.size)));
        }
      };
      const settling = started.settle(mounts, inflate, (event) => this.#tell(event), put).finally(() => this.#aside?.close());
      this.#settled = settling;
      const isComplete = await settling;
      this.#options.signal?.removeEventListener("abort", this.#leave);
      for (const one of started.arrived.filter(({ from }) => from === "network")) {
        await put(one);
      }
      await store?.settle();
      if (!isComplete) {
        return;
      }
      if (started.isPacked) {
        this.#tell({ stage: "complete" });
      }
      await mounts.checkRest(({ sha256 }) => {
        if (sha256 != null) {
          void store?.putExtra(sha256, CHECKED, new Uint8Array([1]));
        }
      });
      // What was imported by now.
      await this.#keeper?.flush();
      await this.#visits?.keep(mounts.wheels, pyodide.version);
      this.#tell({ stage: "settled" });
    };
    keep().catch((error: unknown) => console.error("micropip-lock: after the boot:", error));
  }

  #tell(event: Omit<BootEvent, "allReceived" | "allTotal">): void {
    const allReceived = [...this.#received.values()].reduce((sum, one) => sum + one, 0);
    this.#options.onProgress?.({ ...event, allReceived, allTotal: this.#total });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true })));
}

function moment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LONGEST_WAIT_MS));
}

function aloud({ wheel, path, code, message }: Finding): void {
  console.error(`micropip-lock: ${code}: ${message}: ${wheel}: ${path}; it reads as an I/O error`);
}
