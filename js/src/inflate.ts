/**
 * Inflating one file at once, synchronously: a lazily mounted file is read by code that cannot wait.
 *
 * Rules this file keeps:
 *
 * 1. A stream gives exactly the bytes that were announced, and ends where the packed data ends; anything else is an
 *    error, and never more is made than was announced (in Pyodide's module, one piece more).
 * 2. In Pyodide's own zlib, all memory is taken when the inflater is made. Reading a file never makes the heap grow:
 *    growing would detach the views that a reader up the stack holds.
 *
 * Source: DEFLATE (RFC 1951); zlib 1.3.1, `zlib.h`.
 * Left to others: CRC (`crc32.ts`) and digest of what comes out.
 */

import type * as Zlib from "node:zlib";
import { LockError } from "./errors.ts";

/**
 * Inflate a raw stream.
 *
 * @param size Bytes that it has to give.
 * @throws LockError with code `bad-zip` when it is no such stream, `size-mismatch` when it gives more or less, breaks
 *   off, or ends before `packed` does.
 */
export type Inflate = (packed: Uint8Array, size: number) => Uint8Array;

/** What is used of Pyodide's Emscripten module. Its heap is a new object each time it grows. */
export interface InflateModule {
  readonly HEAPU8: Uint8Array;
  _malloc?(size: number): number;
  /** Pyodide 0.29 has malloc under this name only. */
  _PyMem_RawMalloc?(size: number): number;
  _inflateInit2_(stream: number, windowBits: number, version: number, streamSize: number): number;
  _inflateReset(stream: number): number;
  _inflate(stream: number, flush: number): number;
}

/** The inflater to take here: Node's where there is Node, else that of the module. */
export function pickInflate(module?: InflateModule): Inflate {
  return nodeInflate() ?? (module && moduleInflate(module)) ?? noInflate();
}

function noInflate(): never {
  throw new LockError("no-inflate", "there is nothing here to inflate files with", {
    expected: "zlib in Pyodide's module, or Node's",
    got: "neither",
  });
}

/** Node's zlib; `null` elsewhere. */
export function nodeInflate(): Inflate | null {
  const zlib = globalThis.process?.getBuiltinModule?.("node:zlib");
  return zlib === undefined ? null : (packed, size) => inflateInNode(zlib, packed, size);
}

function inflateInNode(zlib: typeof Zlib, packed: Uint8Array, size: number): Uint8Array {
  // One byte more than announced is room to see too much; 64 is the least that Node takes.
  const options = { info: true, maxOutputLength: size + 1, chunkSize: Math.max(64, size + 1) };
  let result: { buffer: Uint8Array; engine: Zlib.InflateRaw };
  try {
    result = zlib.inflateRawSync(packed, options) as unknown as { buffer: Uint8Array; engine: Zlib.InflateRaw };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "Z_BUF_ERROR" || code === "ERR_BUFFER_TOO_LARGE") {
      throw mismatch(size, code === "Z_BUF_ERROR" ? "a stream that breaks off" : "more");
    }
    throw noStream(String(error));
  }
  const { buffer, engine } = result;
  if (buffer.length !== size || engine.bytesWritten !== packed.length) {
    throw mismatch(size, `${buffer.length} bytes from ${engine.bytesWritten} of ${packed.length}`);
  }
  return new Uint8Array(buffer.buffer, buffer.byteOffset, size);
}

const STREAM_SIZE = 56;
/** Offsets in a `z_stream` of 32-bit pointers. */
const [NEXT_IN, AVAIL_IN, NEXT_OUT, AVAIL_OUT] = [0, 4, 12, 16];
const PIECE_IN = 64 * 1024;
const PIECE_OUT = 256 * 1024;
const [OK, STREAM_END, BUF_ERROR] = [0, 1, -5];
const RAW = -15;
/** A stored block that is not the last one, of one byte. */
const HALF_A_STREAM = [0, 1, 0, 0xfe, 0xff, 0x41];

/** The zlib that Pyodide is linked with; `null` when this module does not offer it. */
export function moduleInflate(module: InflateModule): Inflate | null {
  const allocate = module._malloc ?? module._PyMem_RawMalloc;
  if (allocate === undefined || [module._inflateInit2_, module._inflateReset, module._inflate].some((one) => typeof one !== "function")) {
    return null;
  }
  const stream = allocate(STREAM_SIZE + 8 + PIECE_IN + PIECE_OUT);
  if (stream === 0) {
    return null;
  }
  const version = stream + STREAM_SIZE;
  const input = version + 8;
  const output = input + PIECE_IN;
  // zlib compares the first character only. No allocator is named: it takes malloc.
  module.HEAPU8.fill(0, stream, input).set([0x31, 0x2e, 0x33], version);
  if (module._inflateInit2_(stream, RAW, version, STREAM_SIZE) !== OK) {
    return null;
  }
  const inflate: Inflate = (packed, size) => inflateInModule(module, { stream, input, output }, packed, size);
  // The window is allocated when a stream first goes on in another call; here, and kept from then on.
  try {
    inflate(Uint8Array.from(HALF_A_STREAM), 1);
  } catch {
    return inflate;
  }
  return null;
}

interface Places {
  readonly stream: number;
  readonly input: number;
  readonly output: number;
}

function inflateInModule(module: InflateModule, { stream, input, output }: Places, packed: Uint8Array, size: number): Uint8Array {
  const heap = module.HEAPU8;
  const view = new DataView(heap.buffer, heap.byteOffset + stream, STREAM_SIZE);
  const result = new Uint8Array(size);
  let read = 0;
  let written = 0;
  let code = module._inflateReset(stream);
  view.setUint32(AVAIL_IN, 0, true);
  while (code === OK) {
    if (view.getUint32(AVAIL_IN, true) === 0) {
      const piece = packed.subarray(read, read + PIECE_IN);
      heap.set(piece, input);
      read += piece.length;
      view.setUint32(NEXT_IN, input, true);
      view.setUint32(AVAIL_IN, piece.length, true);
    }
    view.setUint32(NEXT_OUT, output, true);
    view.setUint32(AVAIL_OUT, PIECE_OUT, true);
    code = module._inflate(stream, 0);
    const made = PIECE_OUT - view.getUint32(AVAIL_OUT, true);
    if (written + made > size) {
      throw mismatch(size, "more");
    }
    result.set(heap.subarray(output, output + made), written);
    written += made;
  }
  if (code === BUF_ERROR) {
    throw mismatch(size, "a stream that breaks off");
  }
  if (code !== STREAM_END) {
    throw noStream(`zlib's ${code}`);
  }
  const used = read - view.getUint32(AVAIL_IN, true);
  if (written !== size || used !== packed.length) {
    throw mismatch(size, `${written} bytes from ${used} of ${packed.length}`);
  }
  return result;
}

function noStream(got: string): LockError {
  return new LockError("bad-zip", "a file cannot be inflated", { expected: "a deflate stream", got });
}

function mismatch(size: number, got: string): LockError {
  return new LockError("size-mismatch", "a file is not what the archive's directory says", { expected: `${size} bytes`, got });
}
