/**
 * Compiled modules of mounted wheels, kept in the store for the next visit.
 *
 * Rules this file keeps:
 *
 * 1. A wheel's bytecode is kept beside the wheel, under its SHA-256, the interpreter's own name and magic number, and the
 *    version of this format. Whatever does not fit or was changed is as good as none: the source is compiled again.
 * 2. Only code that was compiled from the very bytes that RECORD lists is kept.
 * 3. To Python it is an ordinary `.pyc` with the time and size of the source as it is mounted (PEP 552 leaves that form
 *    as it was): a source that somebody edits is compiled anew.
 *
 * Source: PEP 3147 and `importlib.util.cache_from_source` (where a `.pyc` is looked for), PEP 552 (its head).
 */

import type { Content } from "./lazy-file.ts";
import type { PlainEntry } from "./wheel.ts";

const FORMAT = 1;

/** What a `.pyc` depends on beside its source. */
export interface Interpreter {
  /** `sys.implementation.cache_tag`, e.g. `cpython-314`. */
  readonly cacheTag: string;
  /** `importlib.util.MAGIC_NUMBER`: four bytes. */
  readonly magic: Uint8Array;
  /** Of Pyodide, e.g. `314.0.7`. */
  readonly version: string;
}

/**
 * Under which kind bytecode is kept beside a wheel: for one ABI, which a lock names before any interpreter runs.
 *
 * @param abiVersion e.g. `2026_0`
 */
export function bytecodeKind(abiVersion: string): string {
  return `bytecode.${FORMAT}.${abiVersion.toLowerCase().replaceAll(/[^a-z0-9._-]/g, "-")}`;
}

/**
 * The same for what a start pack brought. The pack's digest alone vouches for it, so it is only for locks that name the pack.
 *
 * @param sha256 Of the pack, in lower-case hexadecimal.
 */
export function packKind(abiVersion: string, sha256: string): string {
  return `${bytecodeKind(abiVersion)}.${sha256.slice(0, 32)}`;
}

/** One spelling of an interpreter. */
function nameOf({ cacheTag, magic, version }: Interpreter): string {
  return `${cacheTag} ${Array.from(magic).join(".")} ${version}`;
}

/** The compiled modules of one wheel: marshalled code by the path of the source in the wheel. */
export class Bytecode {
  readonly #codes: Map<string, Uint8Array>;

  constructor(codes: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#codes = new Map(codes);
  }

  /** What `toBytes` made for this interpreter; empty when it is anything else. */
  static fromBytes(bytes: Uint8Array, interpreter: Interpreter): Bytecode {
    const codes = new Map<string, Uint8Array>();
    try {
      const head = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
      const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(4, 4 + head));
      const [name, list] = JSON.parse(text) as [string, [string, number][]];
      let at = 4 + head;
      for (const [path, length] of list) {
        if (
          name !== nameOf(interpreter) ||
          typeof path !== "string" ||
          !Number.isInteger(length) ||
          length < 0 ||
          at + length > bytes.length
        ) {
          return new Bytecode();
        }
        codes.set(path, bytes.subarray(at, at + length));
        at += length;
      }
      return at === bytes.length ? new Bytecode(codes) : new Bytecode();
    } catch {
      return new Bytecode();
    }
  }

  /** The code of a source, by its path in the wheel. */
  get(path: string): Uint8Array | undefined {
    return this.#codes.get(path);
  }

  /** The paths of the sources in what `toBytes` made. */
  static pathsIn(bytes: Uint8Array): readonly string[] {
    const head = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    const [, list] = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + head))) as [string, [string, number][]];
    return list.map(([path]) => path);
  }

  get size(): number {
    return this.#codes.size;
  }

  has(path: string): boolean {
    return this.#codes.has(path);
  }

  set(path: string, code: Uint8Array): void {
    this.#codes.set(path, code);
  }

  /** Take over what another one has. */
  add(other: Bytecode): void {
    for (const [path, code] of other.#codes) {
      this.#codes.set(path, code);
    }
  }

  /** One file of all of them. */
  toBytes(interpreter: Interpreter): Uint8Array<ArrayBuffer> {
    const list = [...this.#codes].map(([path, code]): [string, number] => [path, code.length]);
    const head = new TextEncoder().encode(JSON.stringify([nameOf(interpreter), list]));
    const bytes = new Uint8Array(4 + head.length + list.reduce((sum, [, length]) => sum + length, 0));
    new DataView(bytes.buffer).setUint32(0, head.length, true);
    bytes.set(head, 4);
    let at = 4 + head.length;
    for (const code of this.#codes.values()) {
      bytes.set(code, at);
      at += code.length;
    }
    return bytes;
  }

  /**
   * The `.pyc` of each source that has one, by its path below `sys.pycache_prefix`.
   *
   * @param site Site-packages, an absolute path.
   * @param time When the sources are from, in milliseconds since 1970.
   */
  files(entries: readonly PlainEntry[], site: string, time: number, interpreter: Interpreter): Map<string, Content> {
    const found = new Map<string, Content>();
    for (const { path, size } of entries) {
      const code = path.endsWith(".py") ? this.#codes.get(path) : undefined;
      if (code !== undefined) {
        const compiled = `${site.slice(1)}/${path.slice(0, -".py".length)}.${interpreter.cacheTag}.pyc`;
        found.set(compiled, { size: HEAD_BYTES + code.length, read: () => pyc(code, interpreter.magic, time, size) });
      }
    }
    return found;
  }
}

function pyc(code: Uint8Array, magic: Uint8Array, time: number, size: number): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + code.length);
  bytes.set(magic.subarray(0, 4));
  setSource(new DataView(bytes.buffer), time, size);
  bytes.set(code, HEAD_BYTES);
  return bytes;
}

/** Of a `.pyc`: magic number, flags, and eight bytes that name the source. */
export const HEAD_BYTES = 16;

/** Name a source by its time, in milliseconds since 1970, and its size. */
export function setSource(head: DataView, time: number, size: number): void {
  head.setUint32(8, Math.floor(time / 1000) >>> 0, true);
  head.setUint32(12, size >>> 0, true);
}
