/**
 * The names in an archive: which are ordinary, and what each is called where case makes no difference.
 *
 * Rules this file keeps:
 *
 * 1. A name is made of a few kinds of ASCII characters, leaves no directory and is a file's on every system: it is one
 *    that `micropip_lock/core/zip_paths.py` takes and warns of nothing in.
 * 2. No two names are the same but for case, none is both a file and a directory.
 * 3. All names are decoded and folded together, as one text with a name on each line.
 *
 * Source: binary distribution format (PEP 427); "Naming Files, Paths, and Namespaces" (Windows).
 */

const SLASH = 47;
const DOT = 46;
const NEWLINE = 10;

/** Characters of ordinary names; no comma and no quotation mark, so that RECORD names them as they are. */
const ORDINARY = new Uint8Array(256);
for (const character of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+@~=!#$%&'()[]{}^; /") {
  ORDINARY[character.charCodeAt(0)] = 1;
}

const three = (text: string): number => (text.charCodeAt(0) << 16) | (text.charCodeAt(1) << 8) | text.charCodeAt(2);
const [CON, PRN, AUX, NUL, COM, LPT] = ["con", "prn", "aux", "nul", "com", "lpt"].map(three);

/**
 * Copy a name and a line end behind the names that were taken before it; a directory's slash is left out.
 *
 * @param at Where the directory has it.
 * @param local Where the local header has it; the same bytes are expected.
 * @returns Whether it is ordinary.
 */
export function takeName(bytes: Uint8Array, at: number, local: number, length: number, names: Uint8Array, to: number): boolean {
  // Offset of the current part, and of the first dot in it.
  let part = 0;
  let dot = -1;
  for (let index = 0; index < length; index += 1) {
    const byte = bytes[at + index] as number;
    if (byte !== bytes[local + index] || ORDINARY[byte] === 0) {
      return false;
    }
    names[to + index] = byte;
    if (byte === SLASH) {
      if (!isOrdinaryPart(bytes, at + part, index - part, dot < 0 ? index - part : dot - part)) {
        return false;
      }
      part = index + 1;
      dot = -1;
    } else if (byte === DOT && dot < 0) {
      dot = index;
    }
  }
  if (part === length) {
    // A directory; a name of no characters is none.
    names[to + length - 1] = NEWLINE;
    return length > 0;
  }
  names[to + length] = NEWLINE;
  return isOrdinaryPart(bytes, at + part, length - part, dot < 0 ? length - part : dot - part);
}

/** Whether a part of a name is something, stays in its directory, and is no device of Windows, whatever its ending. */
function isOrdinaryPart(bytes: Uint8Array, at: number, length: number, stem: number): boolean {
  if (length < 3) {
    return length > 0 && !(stem === 0 && (length === 1 || bytes[at + 1] === DOT));
  }
  if (stem !== 3 && stem !== 4) {
    return true;
  }
  const key = (((bytes[at] as number) | 32) << 16) | (((bytes[at + 1] as number) | 32) << 8) | ((bytes[at + 2] as number) | 32);
  if (stem === 3) {
    return key !== CON && key !== PRN && key !== AUX && key !== NUL;
  }
  const digit = (bytes[at + 3] as number) - 48;
  return (key !== COM && key !== LPT) || digit < 0 || digit > 9;
}

/**
 * Give the files their names.
 *
 * @param text A name on each line.
 * @param lengths Of each name; not positive for a directory.
 * @param files The files among them, in the same order.
 * @returns Index in `files` by folded name, -1 for a directory; `null` when two names are one somewhere.
 */
export function foldNames(text: string, lengths: Int32Array, files: readonly { path: string }[]): Map<string, number> | null {
  // ASCII keeps its length.
  const folded = text.toLowerCase();
  const found = new Map<string, number>();
  let at = 0;
  let count = 0;
  for (const length of lengths) {
    const stop = at + Math.abs(length);
    if (length > 0) {
      (files[count] as { path: string }).path = text.slice(at, stop);
    }
    found.set(folded.slice(at, stop), length > 0 ? count++ : -1);
    at = stop + 1;
  }
  return found.size === lengths.length && !hasFileAsDirectory(found) ? found : null;
}

/** Whether any name lies in a file. */
function hasFileAsDirectory(names: ReadonlyMap<string, number>): boolean {
  const seen = new Set<string>();
  let last = "";
  for (const name of names.keys()) {
    let parent = name.slice(0, Math.max(name.lastIndexOf("/"), 0));
    // Most names lie where the one before them does.
    if (parent === last) {
      continue;
    }
    last = parent;
    while (parent !== "" && !seen.has(parent)) {
      if ((names.get(parent) ?? -1) >= 0) {
        return true;
      }
      seen.add(parent);
      parent = parent.slice(0, Math.max(parent.lastIndexOf("/"), 0));
    }
  }
  return false;
}
