/**
 * A wheel whose bytes stay in JavaScript: Python decides about it by its digest and its texts, and never copies it.
 *
 * Rules this file keeps: what is not plain is for Python's checker to judge; what Python found right comes back as a
 * `Layout`.
 */

import type { Inflate } from "./inflate.ts";
import { type ByteSource, memorySource } from "./source.ts";
import { openWheel, type PlainEntry } from "./wheel.ts";

/** Where the files of a wheel lie, and what RECORD says of each. */
export interface Layout {
  readonly filename: string;
  readonly distInfo: string;
  readonly dataDir: string;
  readonly entries: readonly PlainEntry[];
}

export class Held {
  readonly size: number;
  /** In lower-case hexadecimal; `null` where the platform could not hash. */
  readonly sha256: string | null;
  readonly url: string;
  readonly contentType: string;
  /** Whether every file was compared with RECORD, in this session or an earlier one. */
  checked = false;
  /** What earlier visits compiled of it, as the store has it. */
  bytecode: Uint8Array | null = null;
  source: ByteSource;
  layout: Layout | undefined;
  readonly #inflate: () => Inflate;
  /** Until somebody has looked into it, where `source` is a file. */
  #bytes: Uint8Array<ArrayBuffer> | undefined;

  constructor(
    bytes: Uint8Array<ArrayBuffer>,
    facts: { readonly sha256: string | null; readonly url: string; readonly contentType: string },
    inflate: () => Inflate,
    source: ByteSource = memorySource(bytes),
  ) {
    this.#bytes = bytes;
    this.size = bytes.length;
    this.sha256 = facts.sha256;
    this.url = facts.url;
    this.contentType = facts.contentType;
    this.source = source;
    this.#inflate = inflate;
  }

  /** All bytes. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes ?? this.source.read(0, this.size).slice();
  }

  /** Once it was looked into, the source alone has the bytes: what is open as a file need not be in memory, too. */
  #looked(layout: Layout): void {
    this.layout = layout;
    this.#bytes = undefined;
  }

  /** What the wheel says, as JSON; `null` when it is not plain. */
  plain(filename: string): string | null {
    const wheel = openWheel(this.bytes(), filename, this.#inflate());
    if (wheel === null) {
      return null;
    }
    const { distInfo, dataDir, entries, metadata, recordText, requiresPython } = wheel;
    this.#looked({ filename, distInfo, dataDir, entries });
    return JSON.stringify({ distInfo, dataDir, metadata, recordText, requiresPython });
  }

  /** Take a layout that Python found right: JSON of a `Layout`, each entry an array in the order of `PlainEntry`. */
  found(text: string): void {
    const { entries, ...rest } = JSON.parse(text) as Omit<Layout, "entries"> & { entries: unknown[][] };
    const named = entries.map(([path, start, packedSize, size, method, crc, mode, digest]) => ({
      path,
      start,
      packedSize,
      size,
      method,
      crc,
      mode,
      digest,
    }));
    this.#looked({ ...rest, entries: named as unknown as readonly PlainEntry[] });
  }
}
