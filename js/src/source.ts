/**
 * A file's bytes, to be read at any place and at once: in memory, in the origin's private file system, or on the disk.
 *
 * Rules this file keeps:
 *
 * 1. `read` answers synchronously with exactly the bytes that were asked for, or throws; never with fewer.
 * 2. Whoever opened a source closes it; after that it throws.
 *
 * Left to others: whether the bytes are the right ones (`store.ts`, `mount.ts`).
 */

/** Random access to the bytes of one file. */
export interface ByteSource {
  /** Bytes of the whole file. */
  readonly size: number;
  /**
   * The bytes from `from` up to, not including, `to`. They may be a view of what the source keeps: do not change them.
   * @throws RangeError when `0 <= from <= to <= size` is not so; Error when the source is closed or cannot be read.
   */
  read(from: number, to: number): Uint8Array;
  /** Let go of the file. Closing again does nothing. */
  close(): void;
}

/** What is used of a FileSystemSyncAccessHandle (WHATWG File System, section 2.6); dedicated workers only. */
export interface SyncAccessHandle {
  /** `undefined` where the platform knows no modes, and the handle is an exclusive one. */
  readonly mode?: string;
  getSize(): number;
  read(into: Uint8Array<ArrayBuffer>, options: { at: number }): number;
  write(bytes: Uint8Array<ArrayBuffer>, options: { at: number }): number;
  close(): void;
}

/** @param bytes Kept, not copied; what is read are views of them. */
export function memorySource(bytes: Uint8Array): ByteSource {
  let kept: Uint8Array | undefined = bytes;
  return {
    size: bytes.length,
    read(from, to) {
      if (kept === undefined) {
        throw closed();
      }
      return kept.subarray(...inside(from, to, bytes.length));
    },
    close() {
      kept = undefined;
    },
  };
}

/** @param handle Ours from here on: closing the source closes it, and lets others change the file. */
export function handleSource(handle: SyncAccessHandle): FileSource {
  const read = (into: Uint8Array<ArrayBuffer>, at: number) => handle.read(into, { at });
  return new FileSource(handle.getSize(), read, () => handle.close());
}

/** What is used of Node's module `fs`. */
export interface ReadsFiles {
  readSync(descriptor: number, into: Uint8Array, offset: number, length: number, position: number): number;
  closeSync(descriptor: number): void;
}

/**
 * @param fs Node's module `fs`.
 * @param descriptor An open file; ours from here on.
 */
export function descriptorSource(fs: ReadsFiles, descriptor: number, size: number): FileSource {
  const read = (into: Uint8Array<ArrayBuffer>, at: number) => fs.readSync(descriptor, into, 0, into.length, at);
  return new FileSource(size, read, () => fs.closeSync(descriptor));
}

/** A file that is read in pieces, as many bytes a time as the platform likes. */
export class FileSource implements ByteSource {
  readonly size: number;
  readonly #read: (into: Uint8Array<ArrayBuffer>, at: number) => number;
  #close: (() => void) | undefined;

  constructor(size: number, read: (into: Uint8Array<ArrayBuffer>, at: number) => number, close: () => void) {
    this.size = size;
    this.#read = read;
    this.#close = close;
  }

  read(from: number, to: number): Uint8Array<ArrayBuffer> {
    if (this.#close === undefined) {
      throw closed();
    }
    const [first, end] = inside(from, to, this.size);
    const bytes = new Uint8Array(end - first);
    for (let length = 0; length < bytes.length; ) {
      // A read may give less than was asked for; one that gives nothing has met the end of the file.
      const count = this.#read(bytes.subarray(length), first + length);
      if (!(count > 0)) {
        throw new Error(`the file ended at ${first + length} of ${this.size} bytes`);
      }
      length += count;
    }
    return bytes;
  }

  close(): void {
    const close = this.#close;
    this.#close = undefined;
    close?.();
  }
}

/** What is used of the FileReaderSync of workers (W3C File API, section 6.5.1). */
declare const FileReaderSync: (new () => { readAsArrayBuffer(blob: Blob): ArrayBuffer }) | undefined;

/** @param file E.g. of the origin's private file system. @returns `null` where it cannot be read at once: outside of workers. */
export function blobSource(file: Blob): ByteSource | null {
  if (typeof FileReaderSync === "undefined") {
    return null;
  }
  const reader = new FileReaderSync();
  let kept: Blob | undefined = file;
  return {
    size: file.size,
    read(from, to) {
      if (kept === undefined) {
        throw closed();
      }
      const bytes = new Uint8Array(reader.readAsArrayBuffer(kept.slice(...inside(from, to, kept.size))));
      if (bytes.length !== to - from) {
        throw new Error(`${bytes.length} of ${to - from} bytes could be read`);
      }
      return bytes;
    },
    close() {
      kept = undefined;
    },
  };
}

function inside(from: number, to: number, size: number): [number, number] {
  if (!(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= size)) {
    throw new RangeError(`bytes ${from} to ${to} of ${size}`);
  }
  return [from, to];
}

function closed(): Error {
  return new Error("the file is closed");
}
