/**
 * A shelf in a directory under Node: the directory that the host's Python store keeps
 * (`micropip_lock/adapters/wheel_store.py`), in the same form.
 */

import type * as FileSystem from "node:fs";
import type { Dirent } from "node:fs";
import type { Listed, Opened, Shelf } from "./shelf.ts";
import { descriptorSource } from "./source.ts";

/** A half-written file is a hidden one, beside the place of the whole one; the Python store knows it too. */
const isPart = (name: string): boolean => name.startsWith(".", name.lastIndexOf("/") + 1);

/** Milliseconds after which a half-written file is nobody's any more. */
const ABANDONED = 60 * 60 * 1000;

export class NodeShelf implements Shelf {
  readonly kind = "directory";
  readonly #fs: typeof FileSystem;
  readonly #root: string;

  /**
   * @param fs Node's module `fs`.
   * @param root The directory, made when the first file is written.
   */
  constructor(fs: typeof FileSystem, root: string) {
    this.#fs = fs;
    this.#root = root.replace(/\/+$/, "");
  }

  async open(path: string): Promise<Opened | null> {
    let descriptor: number;
    try {
      descriptor = this.#fs.openSync(this.#path(path), "r");
    } catch (error) {
      return absent(error, null);
    }
    try {
      const status = this.#fs.fstatSync(descriptor);
      if (!status.isFile()) {
        this.#fs.closeSync(descriptor);
        return null;
      }
      const source = descriptorSource(this.#fs, descriptor, status.size);
      return { bytes: source.read(0, status.size), source };
    } catch (error) {
      this.#fs.closeSync(descriptor);
      throw error;
    }
  }

  async write(path: string, parts: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    const { mkdir, open, rename, unlink } = this.#fs.promises;
    const target = this.#path(path);
    const slash = target.lastIndexOf("/");
    await mkdir(target.slice(0, slash), { recursive: true });
    const part = `${target.slice(0, slash)}/.${target.slice(slash + 1)}.${random()}`;
    const file = await open(part, "wx");
    try {
      for (const bytes of parts) {
        await file.writeFile(bytes);
      }
      await file.sync();
      await file.close();
      await rename(part, target);
    } catch (error) {
      await file.close().catch(() => undefined);
      await unlink(part).catch(() => undefined);
      throw error;
    }
  }

  async remove(path: string): Promise<void> {
    await this.#fs.promises.rm(this.#path(path), { recursive: true, force: true });
  }

  async list(folder: string): Promise<Listed[]> {
    const listed: Listed[] = [];
    for (const [name, path] of await this.#files(folder)) {
      if (!isPart(name)) {
        const status = await this.#fs.promises.stat(path).catch(() => undefined);
        if (status !== undefined) {
          listed.push({ name, size: status.size, changed: status.mtimeMs });
        }
      }
    }
    return listed;
  }

  async touch(path: string): Promise<void> {
    const now = new Date();
    await this.#fs.promises.utimes(this.#path(path), now, now);
  }

  async tidy(): Promise<void> {
    const { stat, unlink } = this.#fs.promises;
    for (const folder of ["wheels", "extras"]) {
      for (const [name, path] of await this.#files(folder)) {
        if (isPart(name) && (await stat(path)).mtimeMs < Date.now() - ABANDONED) {
          await unlink(path);
        }
      }
    }
  }

  #path(path: string): string {
    return `${this.#root}/${path}`;
  }

  async #files(folder: string, prefix = ""): Promise<[name: string, path: string][]> {
    const files: [string, string][] = [];
    let entries: Dirent[];
    try {
      entries = await this.#fs.promises.readdir(this.#path(folder), { withFileTypes: true });
    } catch (error) {
      return absent(error, []);
    }
    for (const entry of entries) {
      if (entry.isDirectory()) {
        files.push(...(await this.#files(`${folder}/${entry.name}`, `${prefix}${entry.name}/`)));
      } else if (entry.isFile()) {
        files.push([prefix + entry.name, this.#path(`${folder}/${entry.name}`)]);
      }
    }
    return files;
  }
}

function absent<T>(error: unknown, value: T): T {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR") {
    return value;
  }
  throw error;
}

function random(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
