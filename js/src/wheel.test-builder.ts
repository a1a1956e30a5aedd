/** Builds wheels for tests: files in, a right archive out, in which single things can be told to be otherwise. */

import { createHash } from "node:crypto";
import { deflateRawSync } from "node:zlib";
import { crc32 } from "./crc32.ts";

/** One entry of an archive: what it holds, and what is not as usual. */
export interface Part {
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly stored?: boolean;
  readonly flags?: number;
  readonly attributes?: number;
  readonly localPath?: string;
  readonly extra?: Uint8Array;
  readonly localExtra?: Uint8Array;
  /** What follows the data; the numbers in the local header are zero then. */
  readonly descriptor?: Uint8Array;
  readonly size?: number;
}

const encoder = new TextEncoder();

export function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === "string" ? encoder.encode(content) : content;
}

/** Little-endian fields: pairs of value and width. */
export function fields(...pairs: readonly (readonly [number, 2 | 4])[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(pairs.reduce((sum, [, width]) => sum + width, 0)));
  let at = 0;
  for (const [value, width] of pairs) {
    width === 2 ? view.setUint16(at, value, true) : view.setUint32(at, value, true);
    at += width;
  }
  return new Uint8Array(view.buffer);
}

/** An archive of the parts, in their order. */
export function zipOf(parts: readonly Part[]): Uint8Array {
  const body: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const part of parts) {
    const content = bytesOf(part.content);
    const data = part.stored ? content : new Uint8Array(deflateRawSync(content));
    const [path, localPath] = [bytesOf(part.path), bytesOf(part.localPath ?? part.path)];
    const [extra, localExtra, descriptor] = [part.extra ?? bytesOf(""), part.localExtra ?? bytesOf(""), part.descriptor ?? bytesOf("")];
    const flags = (part.flags ?? 0) | (part.descriptor === undefined ? 0 : 8);
    const numbers = [crc32(content), data.length, part.size ?? content.length].map((number) => [number, 4] as const);
    const zeros = numbers.map(() => [0, 4] as const);
    // Version, flags, method, time, date.
    const common = [20, flags, part.stored ? 0 : 8, 0, 0x21].map((number) => [number, 2] as const);
    const local = [
      fields([0x04034b50, 4], ...common, ...(part.descriptor === undefined ? numbers : zeros), [localPath.length, 2], [localExtra.length, 2]),
      localPath,
      localExtra,
      data,
      descriptor,
    ];
    const lengths = [path.length, extra.length, 0, 0, 0].map((number) => [number, 2] as const);
    directory.push(
      fields([0x02014b50, 4], [0x0314, 2], ...common, ...numbers, ...lengths, [(part.attributes ?? 0o100644 * 65536) >>> 0, 4], [offset, 4]),
      path,
      extra,
    );
    body.push(...local);
    offset += local.reduce((sum, piece) => sum + piece.length, 0);
  }
  const length = directory.reduce((sum, piece) => sum + piece.length, 0);
  const end = fields([0x06054b50, 4], [0, 4], [parts.length, 2], [parts.length, 2], [length, 4], [offset, 4], [0, 2]);
  return joined([...body, ...directory, end]);
}

export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

export const INFO = "six-1.16.0.dist-info";
export const FILENAME = "six-1.16.0-py2.py3-none-any.whl";

/** RECORD's row of a file. */
export function rowOf(path: string, content: string | Uint8Array): string {
  const data = bytesOf(content);
  return `${path},sha256=${createHash("sha256").update(data).digest("base64url")},${data.length}\n`;
}

/** The files of a right wheel of `six` 1.16.0, RECORD among them; those given are added or take another's place. */
export function filesOf(others: Readonly<Record<string, string | Uint8Array>> = {}): Record<string, string | Uint8Array> {
  const files: Record<string, string | Uint8Array> = {
    "six.py": "X = 1\n",
    [`${INFO}/METADATA`]: "Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\nRequires-Python: >=2.7\n\nSix.\n",
    [`${INFO}/WHEEL`]: "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py2-none-any\n",
    ...others,
  };
  const rows = Object.entries(files).map(([path, content]) => rowOf(path, content));
  return { ...files, [`${INFO}/RECORD`]: `${rows.join("")}${INFO}/RECORD,,\n`, ...others };
}

/** A wheel of such files. */
export function wheelOf(others: Readonly<Record<string, string | Uint8Array>> = {}): Uint8Array {
  return zipOf(Object.entries(filesOf(others)).map(([path, content]) => ({ path, content })));
}
