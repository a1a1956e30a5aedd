/**
 * Lazy mount: wheels that were checked, put into site-packages without being unpacked.
 *
 * Rules this file keeps:
 *
 * 1. Nothing changes before `commit`, and `commit` cannot fail: it hangs directories into the tree and makes no file.
 * 2. A place that is taken is told (`collisions`), never taken.
 * 3. Each file is compared with its CRC and with RECORD when it is first read (`lazy-file.ts`), or by `checkRest`; what
 *    was compared once is not compared again. What does not match is a finding, kept and told aloud.
 * 4. Files are laid out as Pyodide's own installer does: the `.data` directory stays, its `data` scheme is there a
 *    second time below the prefix.
 *
 * Left to others: whether a wheel is right (`wheel.ts`, and Python's checker), what else is installed and goes away
 * (`micropip_lock/adapters/mounted.py`).
 */

import type { FileSystem, FsNode } from "./emscripten.ts";
import { isKnown } from "./emscripten.ts";
import { isLockError, LockError } from "./errors.ts";
import { crc32 } from "./crc32.ts";
import type { Inflate } from "./inflate.ts";
import { type Content, LazyFiles } from "./lazy-file.ts";
import { type Collision, type Item, Items, LazyTree } from "./lazy-tree.ts";
import { sha256Sync } from "./sha256.ts";
import type { ByteSource } from "./source.ts";
import { NOT_THERE_YET } from "./sparse-source.ts";
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
  /** Compiled modules, by path below `sys.pycache_prefix`, for sources of that time in site-packages. */
  readonly compiled?: (site: string, time: number) => ReadonlyMap<string, Content>;
}

/** A file that is not the one that RECORD lists. */
export interface Finding {
  readonly wheel: string;
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** A place that is taken. */
export interface Taken {
  readonly wheel: string;
  readonly path: string;
}

/** Where Python finds the bytecode of mounted wheels: `sys.pycache_prefix`. */
export const PYCACHE = "/var/cache/micropip-lock/bytecode";

/** The path in a finding that is about all files of a wheel that were not read yet. */
export const WHOLE = "*";

const encoder = new TextEncoder();

/** Content that a wheel brings. */
interface Owned extends Content {
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
  #fault: Pick<LockError, "code" | "message"> | undefined;

  constructor(wheel: WheelToMount, inflate: Inflate) {
    this.wheel = wheel;
    this.#source = wheel.source;
    this.#inflate = inflate;
  }

  /** Whether this wheel has a file of that path and SHA-256. */
  brings(path: string, digest: Uint8Array): boolean {
    this.#byPath ??= new Map(this.wheel.entries.map((entry) => [entry.path, entry]));
    const entry = this.#byPath.get(path);
    return entry?.digest != null && entry.digest === base64url(digest);
  }

  /** Files that were not compared with RECORD yet. */
  get unchecked(): readonly PlainEntry[] {
    return this.wheel.checked ? [] : this.wheel.entries.filter((entry) => !this.#compared.has(entry));
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
    if (!this.wheel.checked && !this.#compared.has(entry)) {
      this.#check(entry, bytes);
      this.#compared.add(entry);
    }
    return bytes;
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

  /** Items below the root of the file system: compiled modules below `sys.pycache_prefix`. */
  compiled(site: string, time: number): Item<Owned>[] {
    const found = this.wheel.compiled?.(site, time) ?? [];
    const at = PYCACHE.slice(1);
    return Array.from(found, ([path, { size, read }]) => ({ path: `${at}/${path}`, leaf: { owner: this, size, read } }));
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

/** Wheels that are about to be mounted. */
export interface Prepared {
  /** Places that are taken by other bytes; with any of them nothing can be mounted. */
  readonly taken: readonly Taken[];
  /** Mount; cannot fail. */
  commit(): void;
  /** Take away what `commit` made; before it, nothing. */
  undo(): void;
  /** How many extension modules the wheels have. */
  readonly extensions: number;
  /**
   * Absolute paths, as JSON, of extension modules that are better opened before anything imports them: those over `limit`
   * bytes, unless that is negative, and all of a wheel that brings libraries of its own.
   */
  extensionsNow(limit: number): string;
}

/** What is mounted in one running Pyodide. */
export class Mounts {
  readonly wheels: MountedWheel[] = [];
  readonly findings: Finding[] = [];
  readonly #fs: FileSystem;
  readonly #inflate: Inflate;
  readonly #tree: LazyTree;
  readonly #told: (finding: Finding) => void;
  /** Wheels all of whose files were compared. */
  readonly #whole = new WeakSet<MountedWheel>();
  #checking: Promise<void> | undefined;

  /** @param told Told of each finding once. */
  constructor(fs: FileSystem, inflate: Inflate, told: (finding: Finding) => void) {
    this.#fs = fs;
    this.#inflate = inflate;
    this.#told = told;
    const table = fs.filesystems.MEMFS.ops_table;
    if (table === undefined) {
      throw new LockError("mount-unknown", "the file system of this Pyodide is not one that is known");
    }
    this.#tree = new LazyTree(fs, table.dir, new LazyFiles(fs, table.file, (error) => this.#found(error)));
  }

  /** Whether wheels can be mounted below `path`. */
  static supports(fs: FileSystem, path: string): boolean {
    return isKnown(fs, path);
  }

  /**
   * Look for places that are taken.
   *
   * @param site Site-packages, the absolute path of a directory that is there.
   * @param prefix Where the `data` scheme goes, the same.
   * @param leaving Absolute paths of files that will be gone before `commit`.
   */
  prepare(site: string, prefix: string, wheels: readonly WheelToMount[], leaving: ReadonlySet<string>): Prepared {
    const mounted = wheels.map((wheel) => new MountedWheel(wheel, this.#inflate));
    const inSite: Item<Owned>[] = [];
    const inPrefix: typeof inSite = [];
    for (const one of mounted) {
      one.addItems(inSite, inPrefix);
    }
    const now = Date.now();
    const places = [
      { root: site, items: inSite, cache: false },
      { root: prefix, items: inPrefix, cache: false },
      { root: "/", items: mounted.flatMap((one) => one.compiled(site, now)), cache: true },
    ].filter(({ items }) => items.length > 0);
    // Site-packages by another way: whoever unpacks sees two files that want one place.
    const around = inPrefix.filter(({ path }) => `${base(prefix)}/${path}`.startsWith(`${base(site)}/`));
    const taken: Taken[] = around.map(({ path, leaf }) => ({ wheel: leaf.owner.wheel.filename, path }));
    const ready = places.map(({ root, items, cache }) => {
      const node = this.#node(root);
      const { kept, lost } = cache
        ? { kept: this.#fresh(node, new Items(items)), lost: [] }
        : this.#free(node, root, new Items(items), leaving);
      taken.push(...lost);
      return { root, node, items: kept };
    });
    const modules = mounted.flatMap((one) => extensionModules(one.wheel));
    let made: { root: string; items: readonly Item[]; folders: ReadonlySet<string> }[] = [];
    return {
      taken,
      extensions: modules.length,
      extensionsNow: (limit) => {
        const now = modules.filter(({ size, linked }) => linked || (limit >= 0 && size > limit));
        return JSON.stringify(now.map(({ path }) => `${site}/${path}`));
      },
      commit: () => {
        made = ready.map(({ root, node, items }) => {
          const folders = this.#tree.newFolders(node, items);
          this.#tree.attach(node, items, now);
          return { root, items: items.all, folders };
        });
        this.wheels.push(...mounted);
      },
      undo: () => {
        for (const one of mounted) {
          const at = this.wheels.indexOf(one);
          if (at >= 0) {
            this.wheels.splice(at, 1);
          }
        }
        for (const { root, items, folders } of made.splice(0)) {
          this.#remove(root, items, folders);
        }
      },
    };
  }

  /**
   * Compare with RECORD what nobody has read yet, a slice at a time, while others may run.
   *
   * @param whole Told of each wheel whose last file was compared and right.
   */
  checkRest(whole: (wheel: WheelToMount) => unknown = () => undefined): Promise<void> {
    this.#checking ??= this.#checkRest(whole).finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async #checkRest(whole: (wheel: WheelToMount) => unknown): Promise<void> {
    for (const one of [...this.wheels]) {
      if (one.wheel.checked || this.#whole.has(one)) {
        continue;
      }
      let until = Date.now() + SLICE_MS;
      let right = true;
      for (const entry of [...one.unchecked]) {
        try {
          one.read(entry);
        } catch (error) {
          right = false;
          this.#found(error);
        }
        if (Date.now() >= until) {
          await idle();
          until = Date.now() + SLICE_MS;
        }
      }
      if (right) {
        this.#whole.add(one);
        whole(one.wheel);
      }
    }
  }

  /** Read a mounted wheel from now on from another source, which has the same bytes. */
  replaceSource(sha256: string, source: ByteSource): void {
    for (const one of this.#of(sha256)) {
      one.replaceSource(source);
    }
  }

  /** Let nothing more be read of a wheel that is not the one that it seemed to be, and tell it. */
  invalidate(sha256: string, fault: LockError): void {
    for (const one of this.#of(sha256)) {
      one.invalidate(fault);
      this.#found(new LockError(fault.code, fault.message, { where: `${one.wheel.filename}: ${WHOLE}` }));
    }
  }

  #of(sha256: string): MountedWheel[] {
    return this.wheels.filter(({ wheel }) => wheel.sha256 === sha256);
  }

  #node(path: string): FsNode {
    return this.#fs.lookupPath(path, { follow: true }).node;
  }

  /** Items whose place is free. What an earlier wheel left there is older than the source: Python takes no notice of it. */
  #fresh(node: FsNode, items: Items<Owned>): Items<Owned> {
    const taken = new Set<unknown>(this.#tree.collisions(node, items).map(({ item }) => item));
    return taken.size === 0 ? items : new Items(items.all.filter((item) => !taken.has(item)));
  }

  /** Items whose place is free; one that would bring what is there already, byte for byte, is left out. */
  #free(
    node: FsNode,
    root: string,
    items: Items<Owned>,
    leaving: ReadonlySet<string>,
  ): { kept: Items<Owned>; lost: Taken[] } {
    const lost: Taken[] = [];
    const dropped = new Set<unknown>();
    for (const collision of this.#tree.collisions(node, items)) {
      const { item } = collision;
      if (collision.with === "file" && leaving.has(`${base(root)}/${item.path}`)) {
        continue;
      }
      if (this.#isSame(node, collision)) {
        dropped.add(item);
      } else {
        lost.push({ wheel: item.leaf.owner.wheel.filename, path: item.path });
      }
    }
    return { kept: dropped.size === 0 ? items : new Items(items.all.filter((item) => !dropped.has(item))), lost };
  }

  #isSame(node: FsNode, { item, with: other }: Collision<Owned>): boolean {
    try {
      if (typeof other === "object") {
        return equal(item.leaf.read(), other.leaf.read());
      }
      if (other !== "file") {
        return false;
      }
      const lazy = this.#tree.contentAt(node, item.path);
      if (lazy !== undefined) {
        return equal(lazy.read(), item.leaf.read());
      }
      let there = node;
      for (const part of item.path.split("/")) {
        there = (there.contents as Record<string, FsNode>)[part] as FsNode;
      }
      const bytes = there.contents as Uint8Array | null;
      return (
        this.#fs.isFile(there.mode) &&
        equal((bytes ?? new Uint8Array(0)).subarray(0, there.usedBytes ?? 0), item.leaf.read())
      );
    } catch {
      return false;
    }
  }

  /** @param outermost Directories that were made for these items, without those inside them. */
  #remove(root: string, items: readonly Item[], outermost: ReadonlySet<string>): void {
    const folders = new Set<string>();
    for (const { path } of items) {
      try {
        this.#fs.unlink(`${base(root)}/${path}`);
      } catch {
        // It was never there, or is gone.
      }
      for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
        const folder = path.slice(0, at);
        folders.add(folder);
        if (outermost.has(folder)) {
          break;
        }
      }
    }
    for (const folder of [...folders].sort((a, b) => b.length - a.length)) {
      const made = outermost.has(folder) || [...outermost].some((one) => folder.startsWith(`${one}/`));
      if (made) {
        this.#rmdir(`${base(root)}/${folder}`);
      }
    }
  }

  #rmdir(path: string): void {
    try {
      this.#fs.rmdir(path);
    } catch {
      // Somebody put something into it.
    }
  }

  #found(error: unknown): void {
    const { code, message, where = "" } = isLockError(error) ? error : { code: "unreadable", message: String(error) };
    const at = where.indexOf(": ");
    const finding = { wheel: where.slice(0, at), path: where.slice(at + 2), code, message };
    if (code === NOT_THERE_YET) {
      // Nothing is wrong with the file.
      this.#told(finding);
    } else if (!this.findings.some((one) => one.wheel === finding.wheel && one.path === finding.path)) {
      this.findings.push(finding);
      this.#told(finding);
    }
  }
}

/** What `import` would open with `dlopen`, and whether the wheel brings other libraries that it may need. */
function extensionModules({ entries }: WheelToMount): { path: string; size: number; linked: boolean }[] {
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

/** How long the check of the rest runs before it lets others run. */
const SLICE_MS = 8;

function idle(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof globalThis.requestIdleCallback === "function") {
      globalThis.requestIdleCallback(() => resolve(), { timeout: 1000 });
    } else {
      setTimeout(resolve, 4);
    }
  });
}

/** A directory, to put `/` and a name behind. */
function base(root: string): string {
  return root === "/" ? "" : root;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
