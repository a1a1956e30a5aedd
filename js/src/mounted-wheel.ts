/**
 * One mounted wheel: its files, as items for the tree, each compared with RECORD when it is first read.
 *
 * Rules this file keeps:
 *
 * 1. No byte of a file is given whose CRC and RECORD digest were not compared; what was compared once is not compared again.
 * 2. Files are laid out as Pyodide's own installer does: the `.data` directory stays, its `data` scheme is there a second
 *    time below the prefix; what the installer writes takes the place of the wheel's own file of that name.
 *
 * Left to others: the tree (`lazy-tree.ts`), what is mounted together (`mount.ts`).
 */

import { HEAD_BYTES, setSource } from "./bytecode.ts";
import { crc32 } from "./crc32.ts";
import { isLockError, LockError } from "./errors.ts";
import type { Inflate } from "./inflate.ts";
import type { Content } from "./lazy-file.ts";
import type { Item } from "./lazy-tree.ts";
import { sha256Sync } from "./sha256.ts";
import type { ByteSource } from "./source.ts";
import type { PlainEntry } from "./wheel.ts";

/** One wheel to mount. */
export interface WheelToMount {
  readonly filename: string;
  readonly distInfo: string;
  readonly dataDir: string;
  readonly entries: readonly PlainEntry[];
  readonly source: ByteSource;
  /** Of the whole wheel, where it is known. */
  readonly sha256?: string | null;
  /** Files that the installer writes into dist-info, in the place of the wheel's own of that name. */
  readonly records: Readonly<Record<string, string>>;
  /** Every file was compared with RECORD before: the digest of the whole wheel stands for it. */
  readonly checked?: boolean;
  /** Paths of files that were compared with RECORD before, and whose bytes `source` has as they were then. */
  readonly before?: ReadonlySet<string>;
  /** Paths of sources whose compiled form was left by that visit. */
  readonly coded?: ReadonlySet<string>;
  /** Compiled modules, by path below `sys.pycache_prefix`, for sources of that time in site-packages. */
  readonly compiled?: (site: string, time: number) => ReadonlyMap<string, Content>;
}
/** Where Python finds the bytecode of mounted wheels: `sys.pycache_prefix`. */
export const PYCACHE = "/var/cache/micropip-lock/bytecode";
/** PEP 3147: a module's bytecode lies in `__pycache__` beside it. */
const IN_PYCACHE = /^((?:.*\/)?)__pycache__\/([^/.]+)\.(cpython-[0-9]+)\.pyc$/s;
const encoder = new TextEncoder();
/** Content that a wheel brings. */
export interface Owned extends Content {
  readonly owner: MountedWheel;
}

/** A file of a mounted wheel, and its item: wheels have thousands. */
class WheelFile implements Owned, Item<Owned> {
  readonly owner: MountedWheel;
  readonly entry: PlainEntry;
  readonly path: string;

  constructor(owner: MountedWheel, entry: PlainEntry, path: string) {
    this.owner = owner;
    this.entry = entry;
    this.path = path;
  }

  get leaf(): this {
    return this;
  }

  get size(): number {
    return this.entry.size;
  }

  read(): Uint8Array {
    const bytes = this.owner.read(this.entry);
    this.owner.served.add(this.entry.path);
    return bytes;
  }
}

/** Flags of a `.pyc` that holds a hash of its source which Python is not to compare (PEP 552). */
const UNCHECKED = 1;

/**
 * Bytecode that a wheel brings, where Python looks for it. What would be taken unseen is given the time and size of its source,
 * so that it is not taken for another one that comes in its place.
 */
class OwnBytecode implements Owned {
  readonly owner: MountedWheel;
  readonly #entry: PlainEntry;
  readonly #time: number;
  readonly #sourceSize: number;

  constructor(owner: MountedWheel, entry: PlainEntry, time: number, sourceSize: number) {
    this.owner = owner;
    this.#entry = entry;
    this.#time = time;
    this.#sourceSize = sourceSize;
  }

  get size(): number {
    return this.#entry.size;
  }

  read(): Uint8Array {
    const bytes = this.owner.read(this.#entry);
    this.owner.served.add(this.#entry.path);
    if (bytes.length >= HEAD_BYTES) {
      const head = new DataView(bytes.buffer, bytes.byteOffset);
      if (head.getUint32(4, true) === UNCHECKED) {
        head.setUint32(4, 0, true);
        setSource(head, this.#time, this.#sourceSize);
      }
    }
    return bytes;
  }
}

/** A file that an installer writes. */
class RecordFile implements Content {
  readonly owner: MountedWheel;
  readonly #bytes: Uint8Array;

  constructor(owner: MountedWheel, text: string) {
    this.owner = owner;
    this.#bytes = encoder.encode(text);
  }

  get size(): number {
    return this.#bytes.length;
  }

  read(): Uint8Array {
    return this.#bytes.slice();
  }
}

/** A wheel whose files are in the tree. */
export class MountedWheel {
  readonly wheel: WheelToMount;
  /** Paths in the wheel of files that somebody read. */
  readonly served = new Set<string>();
  readonly #inflate: Inflate;
  readonly #compared = new Set<PlainEntry>();
  #byPath: Map<string, PlainEntry> | undefined;
  #source: ByteSource;
  #checked: boolean;
  #fault: Pick<LockError, "code" | "message"> | undefined;

  constructor(wheel: WheelToMount, inflate: Inflate) {
    this.wheel = wheel;
    this.#source = wheel.source;
    this.#checked = wheel.checked ?? false;
    this.#inflate = inflate;
  }

  /** Whether this wheel has a file of that path and SHA-256. */
  brings(path: string, digest: Uint8Array): boolean {
    const entry = this.#entryOf(path);
    return entry?.digest != null && entry.digest === base64url(digest);
  }

  /** Files that were not compared with RECORD yet. */
  get unchecked(): readonly PlainEntry[] {
    return this.#checked ? [] : this.wheel.entries.filter((entry) => !this.#isCompared(entry));
  }

  /** Every file was compared with RECORD before, and the source is the whole wheel. */
  confirm(): void {
    this.#checked = true;
  }

  /** Bytes of the whole wheel. */
  get bytes(): number {
    return this.#source.size;
  }

  #isCompared(entry: PlainEntry): boolean {
    return this.#compared.has(entry) || (this.wheel.before?.has(entry.path) ?? false);
  }

  /**
   * The bytes of a file: a fresh array.
   *
   * @throws LockError with codes `bad-zip`, `size-mismatch`, `crc`, `record-hash`.
   */
  read(entry: PlainEntry): Uint8Array {
    if (this.#fault !== undefined) {
      throw new LockError(this.#fault.code, this.#fault.message, { where: `${this.wheel.filename}: ${entry.path}` });
    }
    const packed = this.#packed(entry);
    const bytes = entry.method === 0 ? packed.slice() : this.#inflate(packed, entry.size);
    if (!this.#checked && !this.#isCompared(entry)) {
      this.#check(entry, bytes);
      this.#compared.add(entry);
    }
    return bytes;
  }

  /**
   * The bytes of a file as they lie in the wheel, when they are what RECORD lists now.
   * @throws As `read`.
   */
  compared(entry: PlainEntry): Uint8Array {
    const packed = this.#packed(entry).slice();
    this.#check(entry, entry.method === 0 ? packed : this.#inflate(packed, entry.size));
    return packed;
  }

  #packed({ path, start, packedSize }: PlainEntry): Uint8Array {
    try {
      return this.#source.read(start, start + packedSize);
    } catch (error) {
      throw isLockError(error)
        ? new LockError(error.code, error.message, { where: `${this.wheel.filename}: ${path}` })
        : error;
    }
  }

  /** Read from now on from another source, which has the same bytes. */
  replaceSource(source: ByteSource): void {
    this.#source.close();
    this.#source = source;
  }

  /** Let nothing more be read, because this is not the wheel that it seemed to be. */
  invalidate(fault: Pick<LockError, "code" | "message">): void {
    this.#fault = fault;
  }

  /** Add what goes below site-packages, and what goes below the prefix. */
  addItems(site: Item<Owned>[], prefix: Item<Owned>[]): void {
    const { distInfo, dataDir, records, entries } = this.wheel;
    const data = `${dataDir}/data/`;
    const written = new Map(Object.entries(records).map(([name, text]) => [`${distInfo}/${name}`, new RecordFile(this, text)]));
    for (const entry of entries) {
      const record = entry.path.startsWith(distInfo) ? written.get(entry.path) : undefined;
      if (record !== undefined) {
        site.push({ path: entry.path, leaf: record });
        written.delete(entry.path);
        continue;
      }
      site.push(new WheelFile(this, entry, entry.path));
      if (entry.path.startsWith(data)) {
        prefix.push(new WheelFile(this, entry, entry.path.slice(data.length)));
      }
    }
    for (const [path, leaf] of written) {
      site.push({ path, leaf });
    }
  }

  /**
   * Items below the root of the file system: compiled modules below `sys.pycache_prefix`, where Python looks for no others;
   * so those that the wheel brings of its own modules are there, too.
   */
  compiled(site: string, time: number): Item<Owned>[] {
    const found = this.wheel.compiled?.(site, time) ?? new Map<string, Content>();
    const at = PYCACHE.slice(1);
    const items: Item<Owned>[] = Array.from(found, ([path, { size, read }]) => ({ path: `${at}/${path}`, leaf: { owner: this, size, read } }));
    for (const entry of this.wheel.entries) {
      const [, folder, module, tag] = (entry.path.endsWith(".pyc") && IN_PYCACHE.exec(entry.path)) || [];
      const source = module === undefined ? undefined : this.#entryOf(`${folder}${module}.py`);
      const path = `${site.slice(1)}/${folder}${module}.${tag}.pyc`;
      if (source !== undefined && !found.has(path)) {
        items.push({ path: `${at}/${path}`, leaf: new OwnBytecode(this, entry, time, source.size) });
      }
    }
    return items;
  }

  #entryOf(path: string): PlainEntry | undefined {
    this.#byPath ??= new Map(this.wheel.entries.map((entry) => [entry.path, entry]));
    return this.#byPath.get(path);
  }

  #check(entry: PlainEntry, bytes: Uint8Array): void {
    const where = `${this.wheel.filename}: ${entry.path}`;
    if (bytes.length !== entry.size) {
      const sides = { expected: `${entry.size} bytes`, got: `${bytes.length} bytes` };
      throw new LockError("size-mismatch", "a file has another size than the archive says", { where, ...sides });
    }
    if (crc32(bytes) !== entry.crc) {
      throw new LockError("crc", "a file of the wheel is damaged", { where });
    }
    if (entry.digest !== null) {
      const got = base64url(sha256Sync(bytes));
      if (got !== entry.digest) {
        const sides = { expected: `sha256=${entry.digest}`, got: `sha256=${got}` };
        throw new LockError("record-hash", "a file is not the one RECORD lists", { where, ...sides });
      }
    }
  }
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").slice(0, 43);
}

/** What `import` would open with `dlopen`, and whether the wheel brings other libraries that it may need. */
export function extensionModules({ entries }: WheelToMount): { path: string; size: number; linked: boolean }[] {
  const libraries = entries.filter(({ path }) => path.endsWith(".so"));
  const modules = libraries.filter(({ path }) => {
    const name = path.slice(path.lastIndexOf("/") + 1, -".so".length);
    const dot = name.indexOf(".");
    const tag = dot < 0 ? "" : name.slice(dot + 1);
    return tag === "" || tag === "abi3" || tag.includes("wasm32");
  });
  const linked = libraries.some(({ path }) => /\.libs\//.test(path)) || modules.length < libraries.length;
  return modules.map(({ path, size }) => ({ path, size, linked }));
}
