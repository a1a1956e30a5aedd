/**
 * The least that a place of storage must do for the store: files by path, whole or not there.
 *
 * Left to others: digests, what may be thrown away, and that nothing of it throws (`store.ts`).
 */

import type { ByteSource } from "./source.ts";

/** A file that is there. */
export interface Opened {
  /** All of its bytes, as they are. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same bytes, for keeping: an open file where the place has such a thing. */
  readonly source: ByteSource;
}

/** A file by what is known of it without reading it. */
export interface Listed {
  readonly name: string;
  readonly size: number;
  /** Milliseconds since 1970 when it was written, or `touch`ed. */
  readonly changed: number;
}

/**
 * A place of storage. Paths are relative and `/`-separated. Every function may throw what the platform throws;
 * `isFull` tells which of it means that there is no room.
 */
export interface Shelf {
  readonly kind: "opfs" | "cache" | "directory";
  /** `null` when there is no such file. */
  open(path: string): Promise<Opened | null>;
  /** A file to be read in parts, unread as yet; `null` when there is none. Only where reading so needs no waiting. */
  part?(path: string): Promise<ByteSource | null>;
  /** Write a file whole or not at all, also when this tab or process is killed; another of that name is replaced. */
  write(path: string, parts: readonly Uint8Array<ArrayBuffer>[]): Promise<void>;
  /** Take a file, or a folder with all in it, away; one that is not there is no error. */
  remove(path: string): Promise<void>;
  /** The files of a folder and of its folders, by their paths in it; none when it is not there. */
  list(folder: string): Promise<Listed[]>;
  /** The names in a folder, where asking for them once is cheaper than asking for each. */
  names?(folder: string): Promise<ReadonlySet<string>>;
  /** Note that a file is used, where the place keeps a time for each. */
  touch?(path: string): Promise<void>;
  /** Take away what killed tabs and processes left half-written, and what nobody is writing now. */
  tidy(): Promise<void>;
}

/** Whether an error of the platform says that there is no room: the quota of the origin, or a full disk. */
export function isFull(error: unknown): boolean {
  if (typeof error !== "object" || error === null) {
    return false;
  }
  const { name, code } = error as { name?: unknown; code?: unknown };
  // NS_ERROR_…: Firefox, for a full disk.
  return (
    name === "QuotaExceededError" ||
    name === "NS_ERROR_FILE_NO_DEVICE_SPACE" ||
    code === 22 ||
    code === "ENOSPC" ||
    code === "EDQUOT"
  );
}
