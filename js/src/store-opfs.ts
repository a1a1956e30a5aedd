/**
 * A shelf in the origin's private file system, by synchronous access handles: dedicated workers only.
 *
 * Rules this file keeps:
 *
 * 1. A file is written in `incoming/` under a Web Lock of its own and moved to its place when it is whole. Where a file
 *    cannot be moved it is written in its place, with a mark in `incoming/` until it is whole.
 * 2. What is in `incoming/` without its lock being held is a killed tab's, and goes away with what it marks.
 * 3. A file that is open for reading is shared where the platform can do so (`mode: "read-only"`); elsewhere its bytes
 *    are kept in memory, so that it is open to the next kernel.
 *
 * Source: WHATWG File System; the modes and `move` are in Chromium's, and partly in others'.
 */

import { ifFree, locked } from "./locks.ts";
import type { Listed, Opened, Shelf } from "./shelf.ts";
import { blobSource, type ByteSource, handleSource, memorySource, type SyncAccessHandle } from "./source.ts";

/** What is used of a FileSystemFileHandle beyond what every platform has. */
interface SyncFileHandle extends FileSystemFileHandle {
  createSyncAccessHandle(options?: { mode?: string }): Promise<SyncAccessHandle>;
  move?(folder: FileSystemDirectoryHandle, name: string): Promise<void>;
}

const INCOMING = "incoming";
const MARK = ".mark";

export class OpfsShelf implements Shelf {
  readonly kind = "opfs";
  readonly #root: FileSystemDirectoryHandle;
  readonly #name: string;
  /** Handles of folders by path: each step of a path costs a question to the browser. */
  readonly #folders = new Map<string, FileSystemDirectoryHandle>();

  /**
   * @param root Of the origin's private file system.
   * @param name Of the folder in it.
   */
  constructor(root: FileSystemDirectoryHandle, name: string) {
    this.#root = root;
    this.#name = name;
  }

  /**
   * Have a handle once: WebKitGTK has the function and refuses every call. Where wheels are, it was had.
   * @throws what the platform throws then.
   */
  async tryHandle(): Promise<void> {
    if ((await found(this.#folder("wheels", false))) !== null) {
      return;
    }
    const name = `trial.${random()}`;
    await locked(`${INCOMING}/${name}`, async () => {
      const folder = await this.#folder(INCOMING, true);
      const file = (await folder.getFileHandle(name, { create: true })) as SyncFileHandle;
      try {
        (await file.createSyncAccessHandle()).close();
      } finally {
        await found(folder.removeEntry(name));
      }
    });
  }

  async open(path: string): Promise<Opened | null> {
    const file = await found(this.#file(path));
    if (file === null) {
      return null;
    }
    let handle: SyncAccessHandle;
    try {
      handle = await file.createSyncAccessHandle({ mode: "read-only" });
    } catch (error) {
      if (!isNamed(error, "NoModificationAllowedError", "InvalidStateError")) {
        return found(Promise.reject(error));
      }
      // Another kernel has it open, and the platform's handles are exclusive.
      return inMemory(new Uint8Array(await (await file.getFile()).arrayBuffer()));
    }
    const source = handleSource(handle);
    let keeps = false;
    try {
      const bytes = source.read(0, source.size);
      keeps = handle.mode === "read-only";
      return keeps ? { bytes, source } : inMemory(bytes);
    } finally {
      if (!keeps) {
        source.close();
      }
    }
  }

  async part(path: string): Promise<ByteSource | null> {
    const file = await found(this.#file(path).then((one) => one.getFile()));
    return file === null ? null : blobSource(file);
  }

  async names(folder: string): Promise<ReadonlySet<string>> {
    const names = new Set<string>();
    const there = await found(this.#folder(folder, false));
    if (there !== null) {
      for await (const name of (there as FileSystemDirectoryHandle & { keys(): AsyncIterable<string> }).keys()) {
        names.add(name);
      }
    }
    return names;
  }

  async write(path: string, parts: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    try {
      await this.#write(path, parts);
    } catch (error) {
      if (!isNamed(error, "NotFoundError")) {
        throw error;
      }
      // The browser, or its user, took everything away, and the folders that are known with it.
      this.#folders.clear();
      await this.#write(path, parts);
    }
  }

  async #write(path: string, parts: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    const incoming = `${path.replaceAll("/", "~")}.${random()}`;
    await locked(`${INCOMING}/${incoming}`, async () => {
      const folder = await this.#folder(INCOMING, true);
      const part = (await folder.getFileHandle(incoming, { create: true })) as SyncFileHandle;
      try {
        if (part.move === undefined) {
          await this.#writeInPlace(folder, incoming, path, parts);
        } else {
          await fill(part, parts);
          const [above, name] = split(path);
          await part.move(await this.#folder(above, true), name);
        }
      } finally {
        // Moved away when all went well.
        await found(folder.removeEntry(incoming)).catch(() => undefined);
      }
    });
  }

  async #writeInPlace(
    folder: FileSystemDirectoryHandle,
    incoming: string,
    path: string,
    parts: readonly Uint8Array<ArrayBuffer>[],
  ): Promise<void> {
    await folder.getFileHandle(incoming + MARK, { create: true });
    const [above, name] = split(path);
    try {
      const file = await (await this.#folder(above, true)).getFileHandle(name, { create: true });
      await fill(file as SyncFileHandle, parts);
    } catch (error) {
      await this.remove(path).catch(() => undefined);
      throw error;
    } finally {
      await folder.removeEntry(incoming + MARK);
    }
  }

  async remove(path: string): Promise<void> {
    this.#folders.delete(path);
    const [above, name] = split(path);
    const folder = await found(this.#folder(above, false));
    if (folder !== null) {
      await found(folder.removeEntry(name, { recursive: true }));
    }
  }

  async list(folder: string): Promise<Listed[]> {
    const top = await found(this.#folder(folder, false));
    return top === null ? [] : listed(top, "");
  }

  async tidy(): Promise<void> {
    const folder = await found(this.#folder(INCOMING, false));
    if (folder === null) {
      return;
    }
    const names: string[] = [];
    for await (const name of folder.keys()) {
      names.push(name);
    }
    for (const name of names) {
      const written = name.endsWith(MARK) ? name.slice(0, -MARK.length) : name;
      await ifFree(`${INCOMING}/${written}`, async () => {
        // Its writer may have finished since the names were read: then its mark is gone, and the file is whole.
        if (written !== name && (await found(folder.getFileHandle(name))) !== null) {
          await this.remove(written.slice(0, written.lastIndexOf(".")).replaceAll("~", "/"));
        }
        await found(folder.removeEntry(name));
      });
    }
  }

  async #folder(path: string, create: boolean): Promise<FileSystemDirectoryHandle> {
    const known = this.#folders.get(path);
    if (known !== undefined) {
      return known;
    }
    const [above, name] = split(path);
    const folder =
      path === ""
        ? await this.#root.getDirectoryHandle(this.#name, { create })
        : await (await this.#folder(above, create)).getDirectoryHandle(name, { create });
    this.#folders.set(path, folder);
    return folder;
  }

  async #file(path: string): Promise<SyncFileHandle> {
    const [above, name] = split(path);
    return (await (await this.#folder(above, false)).getFileHandle(name)) as SyncFileHandle;
  }
}

/** Not flushed to the disk: that costs more than the bytes, and what a failing machine cuts is found when it is read. */
async function fill(file: SyncFileHandle, parts: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
  const handle = await file.createSyncAccessHandle();
  try {
    let at = 0;
    for (const bytes of parts) {
      const count = handle.write(bytes, { at });
      if (count !== bytes.length) {
        throw new DOMException(`${count} of ${bytes.length} bytes were written`, "QuotaExceededError");
      }
      at += count;
    }
  } finally {
    handle.close();
  }
}

async function listed(folder: FileSystemDirectoryHandle, prefix: string): Promise<Listed[]> {
  const files: Listed[] = [];
  for await (const [name, entry] of folder.entries()) {
    if (entry.kind === "directory") {
      files.push(...(await listed(entry as FileSystemDirectoryHandle, `${prefix}${name}/`)));
    } else {
      const file = await found((entry as FileSystemFileHandle).getFile());
      if (file !== null) {
        files.push({ name: prefix + name, size: file.size, changed: file.lastModified });
      }
    }
  }
  return files;
}

/** What is not there is `null`, be it taken away while it was looked at. */
async function found<T>(looked: Promise<T>): Promise<T | null> {
  try {
    return await looked;
  } catch (error) {
    if (isNamed(error, "NotFoundError", "TypeMismatchError")) {
      return null;
    }
    throw error;
  }
}

function isNamed(error: unknown, ...names: string[]): boolean {
  return typeof error === "object" && error !== null && "name" in error && names.includes(String(error.name));
}

function inMemory(bytes: Uint8Array<ArrayBuffer>): Opened {
  return { bytes, source: memorySource(bytes) };
}

function split(path: string): [folder: string, name: string] {
  const slash = path.lastIndexOf("/");
  return [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)];
}

function random(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
