/**
 * What is inside the bytes of a wheel, found fast where everything is ordinary.
 *
 * Rules this file keeps:
 *
 * 1. It is sound against Python's checker: a wheel that is taken here, `micropip_lock/core/wheel.py` takes, with the
 *    same facts and without a warning, and `wheel_place.py` finds none of its files in another's room.
 * 2. It refuses nothing: `null` means "not ordinary", and Python, which knows all rules and has the words, is asked.
 * 3. No content is looked at but that of four files in dist-info. Who reads a file checks its size, CRC and digest.
 *
 * Whether `requiresPython` holds is left to Python as well. `tests/contract/test_plain_wheels.py` proves the first rule
 * on the corpus, on wheels that are altered at random, and on real ones.
 *
 * Source: binary distribution format (PEP 427), "Recording installed projects" (PEP 376, PEP 627).
 */

import { crc32 } from "./crc32.ts";
import { isLockError } from "./errors.ts";
import type { Inflate } from "./inflate.ts";
import { isPlainEntryPoints, isPlainWheelFile, readMetadata } from "./metadata.ts";
import { takeRecord } from "./record.ts";
import { VERSION } from "./requirement.ts";
import { type Has, openZip, type PlainEntry, type PlainZip } from "./zip.ts";

export type { PlainEntry } from "./zip.ts";

/** A wheel of which everything is ordinary. */
export interface PlainWheel {
  readonly filename: string;
  /** Name of the dist-info directory. */
  readonly distInfo: string;
  /** Name of the `.data` directory, whether there is one or not. */
  readonly dataDir: string;
  /** Files only, in the order of the archive. */
  readonly entries: readonly PlainEntry[];
  /** RECORD as shipped. */
  readonly recordText: string;
  /** METADATA as shipped. */
  readonly metadata: string;
  /** What METADATA requires of Python, or `""`. */
  readonly requiresPython: string;
}

const TAGS = "[A-Za-z0-9_]+(?:\\.[A-Za-z0-9_]+)*";
/** Groups: name, version, tags. */
const FILENAME = new RegExp(`^([A-Za-z0-9]+(?:[._][A-Za-z0-9]+)*)-(${VERSION})(?:-[0-9]{1,18}[A-Za-z0-9_.]*)?-([a-z][a-z0-9_]*(?:\\.[a-z][a-z0-9_]*)*-${TAGS}-${TAGS})\\.whl$`);
const MOST_CHARACTERS = 255;
const MOST_TAGS = 1024;
/** Bytes of a text in dist-info that is still read here; those of real wheels have at most 4 MB. */
const MOST_TEXT = 32 << 20;

/** What no name begins with. */
const NOWHERE = "\n";
const DISTRIBUTION = /\.(?:dist|egg)-info$/;
const SCHEMES = ["purelib", "platlib", "headers", "scripts", "data"];
/** Top-level packages that only one distribution may put files into. */
const PROTECTED: ReadonlyMap<string, string> = new Map([
  ["micropip", "micropip"],
  ["micropip_lock", "micropip-lock"],
  ["micropip_lock_lite", "micropip-lock"],
  ["piplite", "piplite"],
  ["pyodide", "pyodide-py"],
  ["_pyodide", "pyodide-py"],
]);
/** What the names of everything begin with that a replay puts into site-packages while it runs. */
const OWN_PREFIX = ".micropip-lock";
/** Modules that each start of Python imports. */
const START_MODULES = ["sitecustomize", "usercustomize"];
/** Names in dist-info that say who installed, not what; an ordinary wheel has RECORD of them, and as a file. */
const INSTALLER_FILES = new Set(
  "index direct_url.json micropip-lock.json provenance_url.json pyodide_source pyodide_url pyodide_sha256 pyodide_requires installer requested record.jws record.p7s".split(
    " ",
  ),
);

/**
 * Open a wheel.
 *
 * @param bytes All of it; they are not kept.
 * @param filename Its file name.
 * @param has Given when only parts of it are here, and zeros elsewhere; see `openZip`. Of such a wheel the first rule
 *   holds once all of it was opened, with the same answer.
 * @returns `null` when anything about it is not ordinary.
 */
export function openWheel(bytes: Uint8Array, filename: string, inflate: Inflate, has?: Has): PlainWheel | null {
  const identity = filename.length <= MOST_CHARACTERS ? FILENAME.exec(filename) : null;
  const [, name = "", version = "", tags = ""] = identity ?? [];
  const zip = identity !== null && countTags(tags) <= MOST_TAGS ? openZip(bytes, has) : null;
  if (zip === null) {
    return null;
  }
  const owner = normalized(name);
  const distInfo = findDistInfo(zip, owner, version);
  const dataDir = distInfo.replace(/dist-info$/, "data");
  if (distInfo === "" || !hasOrdinaryPlaces(zip, distInfo, dataDir, owner)) {
    return null;
  }
  const read = (name: string): string | null => textOf(bytes, zip, `${distInfo}/${name}`, inflate);
  const wheelFile = read("WHEEL");
  const metadata = read("METADATA");
  const recordText = read("RECORD");
  const fields = metadata === null ? null : readMetadata(metadata);
  if (
    wheelFile === null ||
    metadata === null ||
    recordText === null ||
    fields === null ||
    !isPlainWheelFile(wheelFile) ||
    normalized(fields.name) !== owner ||
    fields.version !== version ||
    !takeRecord(recordText, `${distInfo}/RECORD`, zip)
  ) {
    return null;
  }
  if (zip.byFolded.has(`${distInfo.toLowerCase()}/entry_points.txt`)) {
    const entryPoints = read("entry_points.txt");
    if (entryPoints === null || !isPlainEntryPoints(entryPoints)) {
      return null;
    }
  }
  return { filename, distInfo, dataDir, entries: zip.files, recordText, metadata, requiresPython: fields.requiresPython };
}

/** The spelling of a project's name that all others have in common. */
function normalized(name: string): string {
  return name.replace(/[-_.]+/g, "-").toLowerCase();
}

/** Tags that a file name stands for: the product of its three lists (PEP 425). */
function countTags(tags: string): number {
  return tags.split("-").reduce((product, list) => product * list.split(".").length, 1);
}

/** The dist-info directory that is this distribution's and the only one, or `""`. */
function findDistInfo({ files }: PlainZip, owner: string, version: string): string {
  let found = "";
  let last = NOWHERE;
  for (const { path } of files) {
    if (path.startsWith(last)) {
      continue;
    }
    const top = path.slice(0, path.indexOf("/") + 1);
    last = top || NOWHERE;
    const name = (top === "" ? path : top.slice(0, -1)).toLowerCase();
    if (!DISTRIBUTION.test(name)) {
      continue;
    }
    const exact = top.slice(0, -1);
    if ((found !== "" && found !== exact) || !exact.endsWith(`-${version}.dist-info`)) {
      return "";
    }
    found = exact;
  }
  const project = found.slice(0, Math.max(0, found.length - version.length - ".dist-info".length - 1));
  return /^[A-Za-z0-9_.]+$/.test(project) && normalized(project) === owner ? found : "";
}

/** Whether no file is in a place that somebody else has, or that runs at each start of Python. */
function hasOrdinaryPlaces({ files }: PlainZip, distInfo: string, dataDir: string, owner: string): boolean {
  let last = NOWHERE;
  for (const { path } of files) {
    if (path.startsWith(last)) {
      continue;
    }
    const top = path.slice(0, path.indexOf("/") + 1);
    if (top === `${distInfo}/`) {
      const [, name = "", ...deeper] = path.toLowerCase().split("/");
      if (INSTALLER_FILES.has(name) || (name === "record" && deeper.length > 0)) {
        return false;
      }
    } else if (top === `${dataDir}/`) {
      if (!isOrdinaryData(path.slice(top.length), owner)) {
        return false;
      }
    } else if (/\.data\/?$/i.test(top || path) || !isOrdinaryPlace(path, owner)) {
      return false;
    } else {
      // All that lies in a directory is in the same place as its first file.
      last = top || NOWHERE;
    }
  }
  return true;
}

/** Whether a file of site-packages belongs there. */
function isOrdinaryPlace(path: string, owner: string): boolean {
  const lower = path.toLowerCase();
  const [top = ""] = lower.split("/", 1);
  const [module = ""] = top.split(".", 1);
  return !top.startsWith(OWN_PREFIX) && (PROTECTED.get(module) ?? owner) === owner && !START_MODULES.includes(module) && !(top === lower && lower.endsWith(".pth"));
}

/** Whether a file below the `.data` directory is spread to a place that is its own. */
function isOrdinaryData(path: string, owner: string): boolean {
  const [scheme = "", ...parts] = path.split("/");
  const inner = parts.join("/");
  if (parts.length === 0 || !SCHEMES.includes(scheme) || parts.some((part) => DISTRIBUTION.test(part.toLowerCase()))) {
    return false;
  }
  if (scheme === "purelib" || scheme === "platlib") {
    return isOrdinaryPlace(inner, owner);
  }
  // The standard library, and site-packages by another way.
  return scheme !== "data" || !(/^lib(?:64)?\/python/i.test(inner) || inner.toLowerCase().startsWith(OWN_PREFIX));
}

/** A text in dist-info, or `null`. */
function textOf(bytes: Uint8Array, { files, byFolded }: PlainZip, path: string, inflate: Inflate): string | null {
  const file = files[byFolded.get(path.toLowerCase()) ?? -1];
  if (file?.path !== path || file.size > MOST_TEXT) {
    return null;
  }
  try {
    const packed = bytes.subarray(file.start, file.start + file.packedSize);
    const content = file.method === 0 ? packed : inflate(packed, file.size);
    return crc32(content) === file.crc ? new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content) : null;
  } catch (error) {
    // A stream that is not right, or bytes that are not UTF-8.
    if (isLockError(error) || error instanceof TypeError) {
      return null;
    }
    throw error;
  }
}
