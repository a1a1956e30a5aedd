/**
 * Browsers' storage in memory, for the store's tests: a private file system with its locks, Cache Storage, Web Locks,
 * and tabs that can be killed between any two steps.
 */

import type { SyncAccessHandle } from "./source.ts";

/** What a platform can do. */
export interface Platform {
  /** Handles may be opened `read-only`, several at once. */
  readonly modes: boolean;
  /** Files can be moved. */
  readonly move: boolean;
}

export class Killed extends Error {}

export class Folder {
  readonly entries = new Map<string, Folder | FileEntry>();
  /** Cleared away by the browser: handles to it find nothing any more. */
  isGone = false;
}

export class FileEntry {
  bytes = new Uint8Array(0);
  changed = 0;
  /** Open handles: exclusive ones alone, shared ones together. */
  open = 0;
  exclusive = false;
}

/** A file whose bytes can be had at once, as a worker's FileReaderSync can; Node has none. */
class HeldFile extends File {
  readonly held: Uint8Array<ArrayBuffer>;

  constructor(bytes: Uint8Array<ArrayBuffer>, name: string, lastModified: number) {
    super([bytes], name, { lastModified });
    this.held = bytes;
  }

  override slice(from = 0, to = this.size): Blob {
    return new HeldFile(this.held.slice(from, to), this.name, this.lastModified);
  }
}

/** For `FileReaderSync`. */
export class FileReaderNow {
  readAsArrayBuffer(blob: Blob): ArrayBuffer {
    return (blob as HeldFile).held.slice().buffer;
  }
}

/** An origin's storage: what outlives its tabs. */
export class Origin {
  readonly platform: Platform;
  readonly root = new Folder();
  readonly caches = new Map<string, Map<string, { body: Blob; headers: Headers }>>();
  readonly locks = new Map<string, Tab>();
  quota = Number.POSITIVE_INFINITY;
  clock = 1_000_000;

  constructor(platform: Platform = { modes: true, move: true }) {
    this.platform = platform;
  }

  usage(): number {
    const cached = [...this.caches.values()].flatMap((cache) => [...cache.values()].map(({ body }) => body.size));
    return [...files(this.root).values()].reduce((sum, { bytes }) => sum + bytes.length, 0) + cached.reduce((sum, size) => sum + size, 0);
  }

  /** Every file by its path, those of Cache Storage by their address. */
  paths(): string[] {
    const cached = [...this.caches].flatMap(([name, cache]) => [...cache.keys()].map((url) => `${name} ${url}`));
    return [...files(this.root).keys(), ...cached].sort();
  }

  /** As when a person clears the data of a site. */
  clear(folder = this.root): void {
    for (const entry of folder.entries.values()) {
      if (entry instanceof Folder) {
        entry.isGone = true;
        this.clear(entry);
      }
    }
    folder.entries.clear();
    this.caches.clear();
  }

  /** The one file whose path ends so. */
  file(end: string): FileEntry {
    const found = [...files(this.root)].filter(([path]) => path.endsWith(end));
    if (found.length !== 1) throw new Error(`${found.length} files end in ${end}`);
    return found[0]![1];
  }

  spend(bytes: number): void {
    if (bytes > 0 && this.usage() + bytes > this.quota) throw new DOMException("no room", "QuotaExceededError");
  }
}

function files(folder: Folder, prefix = ""): Map<string, FileEntry> {
  const found = new Map<string, FileEntry>();
  for (const [name, entry] of folder.entries) {
    if (entry instanceof FileEntry) found.set(prefix + name, entry);
    else for (const [path, file] of files(entry, `${prefix}${name}/`)) found.set(path, file);
  }
  return found;
}

/** One tab: after so many steps it is killed, and nothing of it goes on. */
export class Tab {
  readonly origin: Origin;
  steps = 0;
  readonly #last: number;
  readonly #handles = new Set<FileEntry>();

  constructor(origin: Origin, last = Number.POSITIVE_INFINITY) {
    this.origin = origin;
    this.#last = last;
  }

  /** Each step of the platform passes here. */
  step(): void {
    if (++this.steps > this.#last) {
      this.kill();
      throw new Killed();
    }
  }

  async turn(): Promise<void> {
    this.step();
    await Promise.resolve();
  }

  kill(): void {
    for (const file of this.#handles) Object.assign(file, { open: file.open - 1, exclusive: false });
    this.#handles.clear();
    for (const [name, tab] of this.origin.locks) if (tab === this) this.origin.locks.delete(name);
  }

  /** The globals that the store asks for. */
  globals(worker = true): Record<string, unknown> {
    class FileSystemFileHandle {}
    if (worker) Object.assign(FileSystemFileHandle.prototype, { createSyncAccessHandle() {} });
    const storage = {
      getDirectory: async () => this.folder(this.origin.root),
      estimate: async () => ({ quota: this.origin.quota, usage: this.origin.usage() }),
    };
    return { FileSystemFileHandle, navigator: { storage, locks: this.lockManager() }, caches: this.cacheStorage() };
  }

  lockManager(): unknown {
    const { locks } = this.origin;
    return {
      request: async (name: string, options: LockOptions, work: (lock: unknown) => Promise<unknown>) => {
        await this.turn();
        while (locks.has(name)) {
          if (options.ifAvailable) return work(null);
          if (options.signal?.aborted) throw options.signal.reason;
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        locks.set(name, this);
        try {
          return await work({ name });
        } finally {
          if (locks.get(name) === this) locks.delete(name);
        }
      },
    };
  }

  cacheStorage(): unknown {
    const { caches } = this.origin;
    return {
      open: async (name: string) => {
        await this.turn();
        const cache = caches.get(name) ?? new Map<string, { body: Blob; headers: Headers }>();
        caches.set(name, cache);
        const url = (asked: string | { url: string }) => (typeof asked === "string" ? asked : asked.url);
        return {
          match: async (asked: string | { url: string }) => {
            await this.turn();
            const there = cache.get(url(asked));
            return there && new Response(there.body);
          },
          put: async (asked: Request, response: Response) => {
            const there = { body: await response.blob(), headers: asked.headers };
            await this.turn();
            this.origin.spend(there.body.size - (cache.get(asked.url)?.body.size ?? 0));
            cache.set(asked.url, there);
          },
          delete: async (asked: string | { url: string }) => {
            await this.turn();
            return cache.delete(url(asked));
          },
          keys: async () => {
            await this.turn();
            return [...cache].map(([address, { headers }]) => ({ url: address, headers }));
          },
        };
      },
    };
  }

  folder(folder: Folder): unknown {
    const look = (name: string, kind: typeof Folder | typeof FileEntry, create: boolean) => {
      if (folder.isGone) throw new DOMException(name, "NotFoundError");
      if (!folder.entries.has(name) && create) folder.entries.set(name, new kind());
      const entry = folder.entries.get(name);
      if (entry === undefined) throw new DOMException(name, "NotFoundError");
      if (!(entry instanceof kind)) throw new DOMException(name, "TypeMismatchError");
      return entry;
    };
    return {
      kind: "directory",
      inside: folder,
      getDirectoryHandle: async (name: string, { create = false } = {}) => {
        await this.turn();
        return this.folder(look(name, Folder, create) as Folder);
      },
      getFileHandle: async (name: string, { create = false } = {}) => {
        await this.turn();
        return this.file(folder, name, look(name, FileEntry, create) as FileEntry);
      },
      removeEntry: async (name: string) => {
        await this.turn();
        const entry = folder.entries.get(name);
        if (entry === undefined) throw new DOMException(name, "NotFoundError");
        if (entry instanceof FileEntry ? entry.open > 0 : [...files(entry).values()].some(({ open }) => open > 0))
          throw new DOMException(name, "NoModificationAllowedError");
        folder.entries.delete(name);
      },
      keys: () => this.#each(folder, (name) => name),
      entries: () =>
        this.#each(folder, (name, entry) => [
          name,
          entry instanceof Folder ? this.folder(entry) : this.file(folder, name, entry),
        ]),
    };
  }

  async *#each<T>(folder: Folder, of: (name: string, entry: Folder | FileEntry) => T): AsyncGenerator<T> {
    for (const [name, entry] of [...folder.entries]) {
      await this.turn();
      yield of(name, entry);
    }
  }

  file(folder: Folder, name: string, file: FileEntry): unknown {
    const { platform } = this.origin;
    const there = () => {
      if (folder.entries.get(name) !== file) throw new DOMException(name, "NotFoundError");
    };
    return {
      kind: "file",
      getFile: async () => {
        await this.turn();
        there();
        return new HeldFile(file.bytes.slice(), name, file.changed);
      },
      createSyncAccessHandle: async ({ mode = "readwrite" } = {}) => {
        await this.turn();
        there();
        const shared = platform.modes && mode === "read-only";
        if (file.exclusive || (file.open > 0 && !shared)) throw new DOMException(name, "NoModificationAllowedError");
        return this.#handle(file, shared);
      },
      ...(platform.move && {
        move: async (target: { inside: Folder }, as: string) => {
          await this.turn();
          there();
          const replaced = target.inside.entries.get(as);
          if (file.open > 0 || (replaced instanceof FileEntry && replaced.open > 0))
            throw new DOMException(name, "NoModificationAllowedError");
          folder.entries.delete(name);
          target.inside.entries.set(as, file);
        },
      }),
    };
  }

  #handle(file: FileEntry, shared: boolean): SyncAccessHandle {
    file.open += 1;
    file.exclusive = !shared;
    this.#handles.add(file);
    let open = true;
    return {
      ...(this.origin.platform.modes && { mode: shared ? "read-only" : "readwrite" }),
      getSize: () => file.bytes.length,
      read: (into, { at }) => {
        const piece = file.bytes.subarray(at, at + into.length);
        into.set(piece);
        return piece.length;
      },
      write: (bytes, { at }) => {
        // A tab that is killed in the middle has written a part.
        const half = Math.floor(bytes.length / 2);
        for (const end of [half, bytes.length]) {
          this.step();
          this.origin.spend(at + end - file.bytes.length);
          const larger = new Uint8Array(Math.max(file.bytes.length, at + end));
          larger.set(file.bytes);
          larger.set(bytes.subarray(0, end), at);
          Object.assign(file, { bytes: larger, changed: this.origin.clock++ });
        }
        return bytes.length;
      },
      close: () => {
        if (!open) return;
        open = false;
        file.open -= 1;
        file.exclusive = false;
        this.#handles.delete(file);
      },
    };
  }
}
