/**
 * Compiled modules as one file of the file system, of which each is read by its place: nothing is copied before that.
 *
 * Rules this file keeps: a place is given once, and what is there stays; a read gives one module, or a part of it, and
 * nothing between or behind them.
 */

import type { FileSystem, FsNode } from "./emscripten.ts";

const FOLDER = "/var/cache/micropip-lock";
const PATH = `${FOLDER}/codes`;

export class Codes {
  readonly #all = new Map<number, Uint8Array>();
  #size = 0;
  #node: FsNode | undefined;

  /** Where a module's code can be read from now on. */
  add(code: Uint8Array): number {
    const at = this.#size;
    this.#all.set(at, code);
    this.#size += code.length;
    return at;
  }

  /** The path of the file; it is made once. */
  open(fs: FileSystem): string {
    if (this.#node === undefined) {
      fs.mkdirTree(FOLDER);
      fs.writeFile(PATH, new Uint8Array(0));
      this.#node = fs.lookupPath(PATH, { follow: true }).node;
      const read = (_: unknown, into: Uint8Array, offset: number, length: number, position: number): number => {
        const bytes = this.#all.get(position)?.subarray(0, length) ?? new Uint8Array(0);
        into.set(bytes, offset);
        return bytes.length;
      };
      this.#node.stream_ops = { ...this.#node.stream_ops, read };
    }
    this.#node.usedBytes = this.#size;
    return PATH;
  }
}
