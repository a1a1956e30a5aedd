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
 * (`micropip_lock/adapters/mounting.py`).
 */

import type { FileSystem, FsNode } from "./emscripten.ts";
import { isKnown } from "./emscripten.ts";
import { isLockError, LockError } from "./errors.ts";
import type { Inflate } from "./inflate.ts";
import { LazyFiles } from "./lazy-file.ts";
import { type Collision, type Item, Items, LazyTree } from "./lazy-tree.ts";
import { extensionModules, MountedWheel, type Owned, type WheelToMount } from "./mounted-wheel.ts";
import type { ByteSource } from "./source.ts";
import { NOT_THERE_YET } from "./sparse-source.ts";

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

/** The path in a finding that is about all files of a wheel that were not read yet. */
export const WHOLE = "*";

/** Wheels that are about to be mounted. */
export interface Prepared {
  /** Places that are taken by other bytes; with any of them nothing can be mounted. */
  readonly taken: readonly Taken[];
  /** Mount; cannot fail. */
  commit(): void;
  /** Take away what `commit` made; before it, nothing. */
  undo(): void;
  /** The outermost of the directories that `commit` made below site-packages, as paths in it. */
  newFolders(): ReadonlySet<string>;
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
      newFolders: () => made.find(({ root }) => root === site)?.folders ?? new Set(),
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
      if (one.unchecked.length === 0 || this.#whole.has(one)) {
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

  /** Every file of a mounted wheel was compared with RECORD before. */
  confirm(sha256: string): void {
    for (const one of this.#of(sha256)) {
      one.confirm();
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
