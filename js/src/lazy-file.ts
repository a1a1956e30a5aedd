/**
 * A file of a mounted wheel: made when it is looked up, inflated when it is read, checked before a byte of it is served.
 *
 * Rules this file keeps:
 *
 * 1. To Emscripten the node is one of MEMFS; only its `contents` is computed, by an accessor, when somebody asks.
 * 2. No byte is served whose CRC and RECORD digest were not compared; what does not match is told and reads as an I/O
 *    error, every time.
 * 3. Inflated bytes are kept for a while, and for good from the second inflating or the first write on: a file that is
 *    read piece by piece is inflated twice at most.
 */

import type { FsNode, FileSystem, NodeTable } from "./emscripten.ts";
import { EIO, FILE_MODE } from "./emscripten.ts";

/** What gives the bytes of one file; throws where they are not what they should be. */
export interface Content {
  readonly size: number;
  /** @throws LockError */
  read(): Uint8Array;
}

/** Inflated bytes that are kept for the next read, and the most of one file that is worth keeping so. */
const MOST_KEPT = 8 * 1024 * 1024;

/** Inflated bytes of files that were read lately, the oldest first. */
class Lately {
  readonly #kept = new Map<FsNode, Uint8Array>();
  #bytes = 0;

  get(node: FsNode): Uint8Array | undefined {
    return this.#kept.get(node);
  }

  keep(node: FsNode, bytes: Uint8Array): void {
    this.#kept.set(node, bytes);
    this.#bytes += bytes.length;
    for (const [oldest, its] of this.#kept) {
      if (this.#bytes <= MOST_KEPT || oldest === node) {
        return;
      }
      this.#kept.delete(oldest);
      this.#bytes -= its.length;
    }
  }

  drop(node: FsNode): void {
    this.#bytes -= this.#kept.get(node)?.length ?? 0;
    this.#kept.delete(node);
  }
}

/** Makes the nodes of lazy files in one file system. */
export class LazyFiles {
  readonly #fs: FileSystem;
  readonly #node: Record<string, unknown>;
  readonly #stream: Record<string, unknown>;
  readonly #lately = new Lately();
  readonly #told: (error: unknown) => void;

  /** @param told Told of each file that is not what it should be, when it is read. */
  constructor(fs: FileSystem, plain: NodeTable["file"], told: (error: unknown) => void) {
    this.#fs = fs;
    this.#told = told;
    // MEMFS writes into the array that `contents` gives.
    const pinned = (write: unknown) => (stream: { node: FsNode }, ...rest: unknown[]) => {
      this.#pin(stream.node);
      return (write as (...all: unknown[]) => unknown)(stream, ...rest);
    };
    const { write, msync } = plain.stream;
    this.#stream = { ...plain.stream, write: pinned(write), msync: pinned(msync) };
    const setattr = plain.node["setattr"] as (node: FsNode, attributes: { size?: number }) => void;
    this.#node = {
      ...plain.node,
      setattr: (node: FsNode, attributes: { size?: number }): void => {
        if (attributes.size === 0) {
          // Nothing of it stays: it is not read, and one that cannot be read can be written anew.
          node.contents = new Uint8Array(0);
        }
        setattr(node, attributes);
      },
    };
  }

  /** A node below `parent`, without an entry among the parent's children. */
  make(parent: FsNode, name: string, content: Content, time: number): FsNode {
    const node = this.#fs.createNode(parent, name, FILE_MODE, 0);
    node.node_ops = this.#node;
    node.stream_ops = this.#stream;
    node.usedBytes = content.size;
    node.atime = node.mtime = node.ctime = time;
    let before = false;
    Object.defineProperty(node, "contents", {
      configurable: true,
      enumerable: true,
      get: (): Uint8Array => {
        const kept = this.#lately.get(node);
        if (kept !== undefined) {
          return kept;
        }
        const bytes = this.#read(content);
        if (before) {
          node.contents = bytes;
        } else {
          before = true;
          this.#lately.keep(node, bytes);
        }
        return bytes;
      },
      set: (bytes: unknown) => {
        this.#lately.drop(node);
        Object.defineProperty(node, "contents", { configurable: true, enumerable: true, writable: true, value: bytes });
      },
    });
    return node;
  }

  #read(content: Content): Uint8Array {
    try {
      return content.read();
    } catch (error) {
      this.#told(error);
      throw new this.#fs.ErrnoError(EIO);
    }
  }

  #pin(node: FsNode): void {
    if (Object.getOwnPropertyDescriptor(node, "contents")?.get !== undefined) {
      // A copy: what `read` gives may be a view of the wheel.
      node.contents = Uint8Array.from(node.contents as Uint8Array);
    }
  }
}
