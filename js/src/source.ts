/** The bytes of a stored or downloaded file, read at any place and at once. */

/** Synchronous random access; `close` gives up what is behind it. */
export interface ByteSource {
  /** Bytes of the whole file. */
  readonly size: number;
  /** The bytes from `from` up to, not including, `to`: a view or a copy. */
  read(from: number, to: number): Uint8Array;
  close(): void;
}

/** Bytes that are in memory. */
export function memorySource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: (from, to) => bytes.subarray(from, to), close: () => undefined };
}
