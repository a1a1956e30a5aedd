/**
 * Wheels that were fetched once, kept by their SHA-256: for the next visit, the next tab, and for being offline.
 *
 * Rules this file keeps:
 *
 * 1. Nothing that is read is believed: bytes are hashed each time, and those with another digest are taken away and are
 *    as good as none.
 * 2. A store only saves time. No function throws; what cannot be kept is fetched again.
 * 3. A file is whole or not there, whenever a tab is killed.
 * 4. For want of room the wheels that were used longest ago go, never one that this session used; then one more try.
 *
 * Left to others: where bytes lie (`store-….ts`), fetching, and what is in a wheel.
 */

import { sha256 as digestOf } from "./digest.ts";
import { isFull, type Opened, type Shelf } from "./shelf.ts";
import type { ByteSource } from "./source.ts";
import { CacheShelf } from "./store-cache.ts";
import { NodeShelf } from "./store-node.ts";
import { OpfsShelf } from "./store-opfs.ts";
import { Uses } from "./uses.ts";

export { exclusively } from "./locks.ts";

export interface Stored {
  /** The whole file, just hashed. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same bytes for keeping: an open file where there is such a thing, so that `bytes` can be let go of. */
  readonly source: ByteSource;
}

export interface StoredWheel {
  readonly sha256: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly lastUsed: number;
}

/** Kind of what is kept beside a wheel each of whose files was compared with RECORD. */
export const CHECKED = "checked.1";

/** `quota`: there is no room, also after old wheels went. `failed`: the platform does not let us. */
export type Kept = "stored" | "there" | "quota" | "failed";

/** A digest is 64 lower-case hexadecimal characters everywhere here; nothing is found by another spelling. */
export interface WheelStore {
  readonly kind: "opfs" | "cache" | "directory" | "none";
  /**
   * The wheel, or `null` when its very bytes are not here.
   * @param size When the lock names one: a file of another size is left to the network, which says what is wrong.
   */
  get(sha256: string, size?: number | null): Promise<Stored | null>;
  /** Keep a wheel. @param bytes Known to have this digest. */
  put(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<Kept>;
  list(): Promise<readonly StoredWheel[]>;
  /** Take a wheel and its extras away. */
  remove(sha256: string): Promise<void>;
  /**
   * What was kept beside a wheel, whole and as it was given, or `null`.
   * @param kind A name such as `checked`: lower-case letters, digits, `.`, `_` and `-`.
   */
  getExtra(sha256: string, kind: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Keep something beside a wheel, which need not be here. */
  putExtra(sha256: string, kind: string, bytes: Uint8Array<ArrayBuffer>): Promise<Kept>;
  /** A wheel to be read in parts; nobody has hashed it. `null` where it is not here, or cannot be read so. */
  part?(sha256: string): Promise<ByteSource | null>;
  /** What a visit left for the next one, as it was given, or `null`. @param key 64 hexadecimal digits, as for a wheel. */
  getVisit?(key: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Keep something for the next visit; of many the oldest go. Wheels that want its room get it. */
  putVisit?(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<Kept>;
  /** Write down which wheels were used, once a replay is done. */
  settle(): Promise<void>;
}

export interface StoreOptions {
  /** Of the folder or cache in a browser. */
  readonly name?: string;
  /** Under Node: the directory. */
  readonly directory?: string | null;
}

/**
 * The best store that is to be had here; one that keeps nothing where none is (a private window, no secure context).
 *
 * What killed tabs left half-written is taken away on the way.
 */
export async function openStore(options: StoreOptions = {}): Promise<WheelStore> {
  if (globalThis.crypto?.subtle === undefined) {
    return NOTHING;
  }
  for (const shelfOf of [directoryShelf, opfsShelf, cacheShelf]) {
    try {
      const shelf = await shelfOf(options);
      if (shelf !== null) {
        await shelf.tidy().catch(() => undefined);
        return new ShelfStore(shelf);
      }
    } catch {
      // Not allowed here; the next may be.
    }
  }
  return NOTHING;
}

const NAME = "micropip-lock";

async function directoryShelf({ directory }: StoreOptions): Promise<Shelf | null> {
  if (!directory || globalThis.process?.versions?.node === undefined) {
    return null;
  }
  // `import` is not to be had in a text that was evaluated by an embedder that gave it no module loader.
  return new NodeShelf(globalThis.process.getBuiltinModule?.("node:fs") ?? (await import("node:fs")), directory);
}

async function opfsShelf({ name = NAME }: StoreOptions): Promise<Shelf | null> {
  const handle: { prototype: object } | undefined = globalThis.FileSystemFileHandle;
  if (handle === undefined || !("createSyncAccessHandle" in handle.prototype)) {
    return null;
  }
  const shelf = new OpfsShelf(await navigator.storage.getDirectory(), name);
  // Some private windows refuse only now.
  await shelf.tryHandle();
  return shelf;
}

async function cacheShelf({ name = NAME }: StoreOptions): Promise<Shelf | null> {
  if (globalThis.caches === undefined) {
    return null;
  }
  await caches.open(name);
  return new CacheShelf(caches, name);
}

const SHA256 = /^[0-9a-f]{64}$/;
const KIND = /^[a-z0-9][a-z0-9._-]{0,99}$/;
const DIGEST_BYTES = 32;

const wheelPath = (sha256: string): string => `wheels/${sha256.slice(0, 2)}/${sha256}`;
const extraPath = (sha256: string, kind: string): string => `extras/${sha256}/${kind}`;
const VISITS = "visits";
const visitPath = (key: string): string => `${VISITS}/${key}`;
/** How many environments a browser keeps what visits left of. */
const MOST_VISITS = 8;

/** How long no other tab is expected to have stored anything. */
const STALE_MS = 3_000;

/** A store on a shelf. */
export class ShelfStore implements WheelStore {
  readonly kind: Shelf["kind"];
  readonly #shelf: Shelf;
  readonly #uses: Uses;
  /** The folders that wheels are in, as the first question found them; `null` once it may be otherwise. */
  #folders: Promise<ReadonlySet<string> | null> | null | undefined;
  #asked = 0;

  constructor(shelf: Shelf) {
    this.kind = shelf.kind;
    this.#shelf = shelf;
    this.#uses = new Uses(shelf, wheelPath);
  }

  async get(sha256: string, size?: number | null): Promise<Stored | null> {
    if (!SHA256.test(sha256) || !(await this.#mayHave(sha256))) {
      return null;
    }
    const opened = await this.#read(wheelPath(sha256), async ({ bytes }) => (await digestOf(bytes)).hex === sha256);
    if (opened === null) {
      return null;
    }
    if (size != null && opened.bytes.length !== size) {
      opened.source.close();
      return null;
    }
    this.#uses.note(sha256);
    return opened;
  }

  /** A first visit asks for many wheels of an empty store, and each question takes the browser a millisecond. */
  async #mayHave(sha256: string): Promise<boolean> {
    const now = Date.now();
    if (this.#folders === undefined || (this.#folders !== null && now - this.#asked > STALE_MS)) {
      this.#asked = now;
      this.#folders = this.#shelf.names?.("wheels").catch(() => null) ?? null;
    }
    const folders = await this.#folders;
    return folders?.has(sha256.slice(0, 2)) ?? true;
  }

  async put(sha256: string, bytes: Uint8Array<ArrayBuffer>): Promise<Kept> {
    if (!SHA256.test(sha256)) {
      return "failed";
    }
    // What comes from now on is looked for where it is.
    this.#folders = null;
    const there = await this.get(sha256);
    if (there !== null) {
      there.source.close();
      return "there";
    }
    const kept = await this.#write(wheelPath(sha256), [bytes]);
    if (kept === "stored") {
      this.#uses.note(sha256);
      return kept;
    }
    // Another tab may have been faster, and have it open.
    const others = kept === "failed" ? await this.get(sha256) : null;
    others?.source.close();
    return others === null ? kept : "there";
  }

  async list(): Promise<readonly StoredWheel[]> {
    try {
      const [listed, used] = [await this.#shelf.list("wheels"), await this.#uses.read()];
      return listed.flatMap(({ name, size, changed }) => {
        const sha256 = name.slice(name.lastIndexOf("/") + 1);
        return SHA256.test(sha256) ? [{ sha256, size, lastUsed: Math.max(changed, used.get(sha256) ?? 0) }] : [];
      });
    } catch {
      return [];
    }
  }

  async remove(sha256: string): Promise<void> {
    if (SHA256.test(sha256)) {
      await this.#shelf.remove(wheelPath(sha256)).catch(() => undefined);
      await this.#shelf.remove(`extras/${sha256}`).catch(() => undefined);
    }
  }

  async getExtra(sha256: string, kind: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return SHA256.test(sha256) && KIND.test(kind) ? this.#getSealed(extraPath(sha256, kind)) : null;
  }

  async putExtra(sha256: string, kind: string, bytes: Uint8Array<ArrayBuffer>): Promise<Kept> {
    if (!(SHA256.test(sha256) && KIND.test(kind))) {
      return "failed";
    }
    try {
      return await this.#write(extraPath(sha256, kind), await sealed(bytes));
    } catch {
      return "failed";
    }
  }

  async part(sha256: string): Promise<ByteSource | null> {
    try {
      const part = SHA256.test(sha256) ? ((await this.#shelf.part?.(wheelPath(sha256))) ?? null) : null;
      if (part !== null) {
        this.#uses.note(sha256);
      }
      return part;
    } catch {
      return null;
    }
  }

  async getVisit(key: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return SHA256.test(key) && this.#shelf.part !== undefined ? this.#getSealed(visitPath(key)) : null;
  }

  async putVisit(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<Kept> {
    if (!SHA256.test(key) || this.#shelf.part === undefined) {
      return "failed";
    }
    try {
      await this.#shelf.write(visitPath(key), await sealed(bytes));
      const all = await this.#shelf.list(VISITS);
      all.sort((one, other) => other.changed - one.changed);
      for (const { name } of all.filter(({ name }) => name !== key).slice(MOST_VISITS - 1)) {
        await this.#shelf.remove(visitPath(name));
      }
      return "stored";
    } catch (error) {
      return isFull(error) ? "quota" : "failed";
    }
  }

  /** A file that begins with the digest of the rest. */
  async #getSealed(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
    const opened = await this.#read(path, async ({ bytes }) => {
      const stated = bytes.subarray(0, DIGEST_BYTES);
      const got = await crypto.subtle.digest("SHA-256", bytes.subarray(DIGEST_BYTES));
      return stated.length === DIGEST_BYTES && new Uint8Array(got).every((byte, at) => byte === stated[at]);
    });
    opened?.source.close();
    return opened === null ? null : opened.bytes.subarray(DIGEST_BYTES);
  }

  async settle(): Promise<void> {
    await this.#uses.write().catch(() => undefined);
  }

  /** A file that `isRight`; another one is taken away. */
  async #read(path: string, isRight: (opened: Opened) => Promise<boolean>): Promise<Opened | null> {
    let opened: Opened | null = null;
    try {
      opened = await this.#shelf.open(path);
      if (opened === null || (await isRight(opened))) {
        return opened;
      }
      opened.source.close();
      await this.#shelf.remove(path);
    } catch {
      opened?.source.close();
    }
    return null;
  }

  async #write(path: string, parts: readonly Uint8Array<ArrayBuffer>[]): Promise<Kept> {
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    for (const again of [false, true]) {
      try {
        await this.#shelf.write(path, parts);
        return "stored";
      } catch (error) {
        if (!isFull(error)) {
          return "failed";
        }
        if (again || !(await this.#makeRoom(size))) {
          break;
        }
      }
    }
    return "quota";
  }

  /** Take old wheels away until `size` bytes are free; whether any went. */
  async #makeRoom(size: number): Promise<boolean> {
    const quota = this.kind === "directory" ? undefined : await quotaHere();
    if (quota !== undefined && quota < size) {
      return false;
    }
    const visits = await this.#shelf.list(VISITS).catch(() => []);
    let gone = 0;
    for (const one of visits) {
      // Another tab may have it open.
      gone += await this.#shelf.remove(visitPath(one.name)).then(() => one.size, () => 0);
    }
    if (gone >= size) {
      return true;
    }
    const old = (await this.list()).filter(({ sha256 }) => !this.#uses.inSession(sha256));
    old.sort((one, other) => one.lastUsed - other.lastUsed);
    let freed = 0;
    for (const { sha256, size: one } of old) {
      if (freed < size) {
        await this.remove(sha256);
        freed += one;
      }
    }
    return freed + gone > 0;
  }
}

/** Bytes behind their digest. */
async function sealed(bytes: Uint8Array<ArrayBuffer>): Promise<readonly Uint8Array<ArrayBuffer>[]> {
  return [new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)), bytes];
}

async function quotaHere(): Promise<number | undefined> {
  try {
    return (await globalThis.navigator?.storage?.estimate?.())?.quota;
  } catch {
    return undefined;
  }
}

const NOTHING: WheelStore = {
  kind: "none",
  get: async () => null,
  put: async () => "failed",
  list: async () => [],
  remove: async () => undefined,
  getExtra: async () => null,
  putExtra: async () => "failed",
  settle: async () => undefined,
};
