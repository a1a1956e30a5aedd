/**
 * The container of a wheel, when nothing about it is unusual: bytes in, the files in it out.
 *
 * Rules this file keeps:
 *
 * 1. What is taken here, `micropip_lock/core/zip.py` takes, with the same names, places, sizes and modes. What is not
 *    ordinary is not judged: the answer is `null`, and Python, which can say why, is asked.
 * 2. The entries lie in the order of the directory, from the first byte to the directory, without gap or overlap; the
 *    directory and each local header agree byte for byte, or differ only in the numbers that follow the data.
 * 3. All is looked at as bytes, once: a set of wheels has ten thousand files.
 *
 * Source: .ZIP File Format Specification (APPNOTE 6.3.10, sections 4.3 to 4.5).
 * Left to others: names (`zip-names.ts`), what the files mean (`wheel.ts`), their content (`inflate.ts`).
 */

import { foldNames, takeName } from "./zip-names.ts";

/** One file of a wheel. */
export interface PlainEntry {
  /** `/`-separated, relative. */
  readonly path: string;
  /** Offset of the packed data in the wheel. */
  readonly start: number;
  readonly packedSize: number;
  readonly size: number;
  /** 0 for stored, 8 for deflated. */
  readonly method: 0 | 8;
  /** CRC-32 of the content, not negative. */
  readonly crc: number;
  /** POSIX permission bits, 0 for none. */
  readonly mode: number;
  /** SHA-256 in RECORD's 43 characters of URL-safe base64; `null` for RECORD itself. */
  readonly digest: string | null;
}

/** A file that is still being read. */
export type DraftEntry = { -readonly [Key in keyof PlainEntry]: PlainEntry[Key] };

/** An archive of which everything is ordinary. */
export interface PlainZip {
  /** In the order of the archive; no digest is known yet. */
  readonly files: DraftEntry[];
  /** Index in `files` by the name in lower case, -1 for a directory; no two names are the same so. */
  readonly byFolded: ReadonlyMap<string, number>;
}

const MOST_ENTRIES = 50_000;
const MOST_DIRECTORY = 16 << 20;
const MOST_UNPACKED = 2 ** 30;
const MOST_RATIO = 200;

const END = 0x06054b50;
const END_SIZE = 22;
const LOCATOR64 = 0x07064b50;
const LOCATOR64_SIZE = 20;
const ENTRY = 0x02014b50;
const ENTRY_SIZE = 46;
const LOCAL = 0x04034b50;
const LOCAL_SIZE = 30;
const DESCRIPTOR = 0x08074b50;
/** The last bytes in which Python looks for a second end: an end, the longest comment, and some. */
const TAIL = END_SIZE + 0xffff + 128;
/** Flags that wheels have: how it was deflated, numbers behind the data, names in UTF-8. */
const USUAL_FLAGS = 0x080e;
const NUMBERS_FOLLOW = 8;
const NEWEST = 63;
const UNICODE_PATH = 0x7075;
const DOS_DIRECTORY = 0x10;
/** File types in a Unix mode. */
const [NO_TYPE, DIRECTORY, REGULAR] = [0, 4, 8];
const SLASH = 47;

/** Whether bytes of an archive are here of which only parts are. */
export type Has = (from: number, to: number) => boolean;

/**
 * Open an archive; `null` when anything about it is unusual.
 *
 * @param has Given for an archive of which parts are here, the directory among them: a local header that is not here is
 *   taken to say what the directory does, and whoever has all of the archive opens it again.
 */
export function openZip(bytes: Uint8Array, has?: Has): PlainZip | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const directory = findDirectory(bytes, view);
  if (directory === null) {
    return null;
  }
  const { start, stop, count } = directory;
  const names = new Uint8Array(stop - start);
  const lengths = new Int32Array(count);
  const files: DraftEntry[] = [];
  let named = 0;
  let unpacked = 0;
  // Where the next local header has to be: right behind what was before it.
  let here = 0;
  let at = start;
  for (let index = 0; index < count; index += 1) {
    if (stop - at < ENTRY_SIZE || start - here < LOCAL_SIZE || view.getUint32(at, true) !== ENTRY) {
      return null;
    }
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    const crc = view.getUint32(at + 16, true);
    const packedSize = view.getUint32(at + 20, true);
    const size = view.getUint32(at + 24, true);
    const length = view.getUint16(at + 28, true);
    const external = view.getUint32(at + 38, true);
    const name = at + ENTRY_SIZE;
    const next = name + length + view.getUint16(at + 30, true);
    const isHere = has === undefined || has(here, here + LOCAL_SIZE + length);
    const localName = here + LOCAL_SIZE;
    const data = isHere
      ? localName + length + view.getUint16(here + 28, true)
      : impliedStart(view, next, { start, stop }, flags, packedSize);
    const kind = external >>> 28;
    const isDirectory = bytes[name + length - 1] === SLASH;
    if (
      (method !== 8 && (method !== 0 || size !== packedSize)) ||
      (flags & ~USUAL_FLAGS) !== 0 ||
      view.getUint8(at + 6) > NEWEST ||
      // No comment, and one part only.
      view.getUint32(at + 32, true) !== 0 ||
      view.getUint32(at + 42, true) !== here ||
      next > stop ||
      data + packedSize > start ||
      (kind !== NO_TYPE && kind !== (isDirectory ? DIRECTORY : REGULAR)) ||
      (isDirectory ? size !== 0 : (external & DOS_DIRECTORY) !== 0) ||
      data < localName + length ||
      !isHarmless(view, name + length, next) ||
      (isHere && !(agree(view, at, here, flags) && isHarmless(view, localName + length, data))) ||
      !takeName(bytes, name, isHere ? localName : name, length, names, named)
    ) {
      return null;
    }
    if (isDirectory) {
      lengths[index] = 1 - length;
      named += length;
    } else {
      lengths[index] = length;
      named += length + 1;
      files.push({ path: "", start: data, packedSize, size, method, crc, mode: (external >>> 16) & 0o777, digest: null });
    }
    unpacked += size;
    at = next;
    here = data + packedSize;
    if ((flags & NUMBERS_FOLLOW) !== 0) {
      const length = descriptorSize(view, here, start, crc, packedSize, size);
      if (length === 0) {
        return null;
      }
      here += length;
    }
  }
  if (at !== stop || here !== start || files.length === 0 || unpacked > Math.min(MOST_UNPACKED, MOST_RATIO * bytes.length)) {
    return null;
  }
  const byFolded = foldNames(new TextDecoder().decode(names.subarray(0, named)), lengths, files);
  return byFolded && { files, byFolded };
}

/** Where data has to begin that ends where the next entry, or the directory, begins; -1 when it need not end there. */
function impliedStart(
  view: DataView,
  next: number,
  { start, stop }: { readonly start: number; readonly stop: number },
  flags: number,
  packedSize: number,
): number {
  const following = stop - next < ENTRY_SIZE ? start : view.getUint32(next + 42, true);
  return (flags & NUMBERS_FOLLOW) !== 0 ? -1 : following - packedSize;
}

/** Where the directory lies: right in front of an end without a comment, the only one there is. */
function findDirectory(bytes: Uint8Array, view: DataView): { start: number; stop: number; count: number } | null {
  const stop = bytes.length - END_SIZE;
  if (stop < 0 || view.getUint32(stop, true) !== END || view.getUint16(stop + 20, true) !== 0) {
    return null;
  }
  const count = view.getUint16(stop + 10, true);
  const length = view.getUint32(stop + 12, true);
  const start = view.getUint32(stop + 16, true);
  if (
    // Parts: this one, that of the directory; entries in this part.
    view.getUint32(stop + 4, true) !== 0 ||
    view.getUint16(stop + 8, true) !== count ||
    count === 0 ||
    count > MOST_ENTRIES ||
    length > MOST_DIRECTORY ||
    length < count * ENTRY_SIZE ||
    start + length !== stop ||
    (stop >= LOCATOR64_SIZE && view.getUint32(stop - LOCATOR64_SIZE, true) === LOCATOR64) ||
    hasOtherEnd(bytes, stop)
  ) {
    return null;
  }
  return { start, stop, count };
}

/** Whether what begins an end stands anywhere near the end but at `end`: it may be chance, or another reader's end. */
function hasOtherEnd(bytes: Uint8Array, end: number): boolean {
  const from = Math.max(0, bytes.length - TAIL);
  for (let at = bytes.indexOf(5, from + 2); at >= 0; at = bytes.indexOf(5, at + 1)) {
    if (bytes[at + 1] === 6 && bytes[at - 1] === 0x4b && bytes[at - 2] === 0x50 && at - 2 !== end) {
      return true;
    }
  }
  return false;
}

/** Whether a local header says what the directory's entry at `at` says, the name and what comes behind it apart. */
function agree(view: DataView, at: number, here: number, flags: number): boolean {
  if (view.getUint32(here, true) !== LOCAL || view.getUint16(here + 26, true) !== view.getUint16(at + 28, true)) {
    return false;
  }
  let same = true;
  for (let field = 4; field < 24; field += 4) {
    same &&= view.getUint32(here + field, true) === view.getUint32(at + 2 + field, true);
  }
  if (same && view.getUint16(here + 24, true) === view.getUint16(at + 26, true)) {
    return true;
  }
  // APPNOTE 4.4.4, bit 3: the numbers follow the data; here they are zero, or there already. Version and time may differ.
  const mayBeZero = (flags & NUMBERS_FOLLOW) !== 0;
  const number = (field: number): boolean => {
    const there = view.getUint32(here + field, true);
    return there === view.getUint32(at + 2 + field, true) || (there === 0 && mayBeZero);
  };
  return view.getUint32(here + 6, true) === view.getUint32(at + 8, true) && number(14) && number(18) && number(22);
}

/** Whether an extra field is whole and gives no second name; sizes in it count only where a field is full, and none is. */
function isHarmless(view: DataView, from: number, stop: number): boolean {
  let at = from;
  while (stop - at >= 4) {
    if (view.getUint16(at, true) === UNICODE_PATH) {
      return false;
    }
    at += 4 + view.getUint16(at + 2, true);
  }
  return at === stop;
}

/** Bytes of the numbers behind an entry's data (APPNOTE 4.3.9: the signature is optional), 0 when they are not true. */
function descriptorSize(view: DataView, at: number, stop: number, crc: number, packedSize: number, size: number): number {
  for (const length of [16, 12]) {
    const numbers = at + length - 12;
    if (
      at + length <= stop &&
      (length === 12 || view.getUint32(at, true) === DESCRIPTOR) &&
      view.getUint32(numbers, true) === crc &&
      view.getUint32(numbers + 4, true) === packedSize &&
      view.getUint32(numbers + 8, true) === size
    ) {
      return length;
    }
  }
  return 0;
}
