/**
 * A lock as the boot path needs it: what to fetch, how to check it, and what to write beside it.
 *
 * Rules this file keeps:
 *
 * 1. What is taken here, `micropip_lock/core/formats/pyodide_lock.py` and the preflight of a replay take, with the same
 *    facts (`tests/vectors/lock_read.json`). Nothing is fetched for a lock that is not taken whole.
 * 2. What Python refuses is refused with Python's code; of several faults the first one is told.
 * 3. What Python takes and this does not (mock packages, addresses that are not plain) is refused with `not-plain`.
 *
 * Left to others: whether the runtime fits (`boot.ts`), wheels (`wheel.ts`).
 */

import { type Abi, named, takesWheel } from "./abis.ts";
import { checkAddress, fileOf } from "./address.ts";
import { LockError } from "./errors.ts";
import { type Integer, type Json, parseJson } from "./json.ts";
import { checkAllVisible, normalized, shown, Table } from "./table.ts";
import { versionKey } from "./version.ts";

const TOOL = "micropip-lock";
const FORMAT = 1;
const MOST_PACKAGES = 2000;
const MOST_CHARACTERS = 255;
const MOST_TAGS = 1024;

export type OriginKind = "index" | "url" | "runtime" | "local";
const KINDS: readonly OriginKind[] = ["index", "url", "runtime", "local"];

/** Where a wheel was installed from when the lock was frozen. */
export interface Origin {
  readonly kind: OriginKind;
  readonly url: string;
  readonly index: string | null;
}

export interface LockedWheel {
  /** Normalised. */
  readonly name: string;
  /** As METADATA spells it. */
  readonly displayName: string;
  readonly version: string;
  /** As the lock names the file: an address, or a path relative to the lock. */
  readonly url: string;
  readonly filename: string;
  /** 64 lower-case hexadecimal characters. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number | null;
  readonly depends: readonly string[];
  readonly origin: Origin | null;
  readonly uploadTime: string | null;
  readonly yanked: boolean | string;
  readonly requested: boolean;
  readonly requirement: string | null;
  readonly extras: readonly string[];
}

/** What may be fetched before the wheels (`start-pack.ts`). */
export interface StartPack {
  /** An address, or a path relative to the lock. */
  readonly url: string;
  readonly sha256: string;
  readonly size: number;
}

export interface ReadLock {
  readonly abi: Abi;
  readonly start: StartPack | null;
  /** Names of what the place it was frozen in brings along itself; they are no packages of the lock. */
  readonly site: readonly string[];
  /** Sorted by name. */
  readonly wheels: readonly LockedWheel[];
}

/**
 * Read a lock.
 *
 * @param text `pyodide-lock.json`.
 * @throws LockError with Python's codes (`pyodide_lock.parse_pyodide_lock`, and of the preflight `not-wheel`,
 *   `tag-mismatch`, `wheel-filename`), or with `not-plain`.
 */
export function readLock(text: string): ReadLock {
  const value = parseJson(text);
  checkFormat(value);
  const top = new Table(value, "");
  const info = top.table("info");
  const abi: Abi = {
    abiVersion: info.text("abi_version", { filled: true }),
    arch: info.text("arch"),
    platform: info.text("platform"),
    python: info.text("python"),
  };
  const packages = top.table("packages");
  const keys = packages.keys;
  if (keys.length > MOST_PACKAGES) {
    const sides = { expected: `at most ${MOST_PACKAGES}`, got: `${keys.length}` };
    throw new LockError("too-large", "the lock holds too many packages", { where: "packages", ...sides });
  }
  const names = new Set<string>();
  for (const key of keys) {
    const name = normalized(key);
    if (names.has(name)) {
      throw packages.fault("duplicate-package", "two entries are of one package", key, `one key for ${name}`, shown(key));
    }
    names.add(name);
  }
  const wheels = keys.map((key) => readWheel(key, packages.table(key), names, abi));
  const { start, site } = readTool(top);
  checkAllVisible(value);
  return { abi, start, site, wheels: wheels.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** Our tables in a lock of a newer format may mean something else. */
function checkFormat(value: Json): void {
  let version: Json | undefined = value;
  for (const key of ["tool", TOOL, "version"]) {
    version = version instanceof Map ? version.get(key) : undefined;
  }
  const digits = (version as Partial<Integer> | undefined)?.digits;
  if (digits !== undefined && Number(digits) > FORMAT) {
    const sides = { where: `tool.${TOOL}.version`, expected: `at most ${FORMAT}`, got: digits.slice(0, 40) };
    throw new LockError("lock-version", "the lock was written by a newer micropip-lock", sides);
  }
}

/** What our table at the top says; of it a boot can do nothing with mock packages. */
function readTool(top: Table): Pick<ReadLock, "start" | "site"> {
  const ours = toolTable(top);
  if (ours === null) {
    return { start: null, site: [] };
  }
  const version = ours.whole("version");
  if (version === null) {
    throw ours.fault("missing", "version is missing", "version", "a value for version", "none");
  }
  if (version !== FORMAT) {
    throw ours.fault("enum", "no such format", "version", `${FORMAT}`, `${version}`);
  }
  for (const [key, what] of [
    ["mocks", "mock packages"],
    ["unlocked", "what could not be locked"],
  ] as const) {
    if (ours.has(key)) {
      throw notPlain(ours.at(key), `a lock that a boot can install whole`, `a lock with ${what}`);
    }
  }
  // What a JupyterLite site brings along; it is no package of the lock.
  const site = ours.tables("site").map((one) => {
    const unknown = one.keys.find((key) => key !== "name" && key !== "version");
    if (unknown !== undefined) {
      throw one.fault("unknown-key", "an unknown key", unknown, "name, version", shown(unknown));
    }
    one.version("version");
    return normalized(one.name("name"));
  });
  const twice = site.find((name, at) => site.indexOf(name) !== at);
  if (twice !== undefined) {
    throw ours.fault("duplicate-package", "two entries are of one package", "site", "each once", shown(twice));
  }
  return { start: readStart(ours.optionalTable("start")), site };
}

function readStart(table: Table | null): StartPack | null {
  if (table === null) {
    return null;
  }
  const url = table.text("url", { filled: true });
  const sha256 = table.digest("sha256");
  const size = table.whole("size");
  if (size === null) {
    throw table.fault("missing", "size is missing", "size", "a value for size", "none");
  }
  checkAddress(url, table.at("url"), { relative: true });
  const unknown = table.keys.find((key) => !["url", "sha256", "size"].includes(key));
  if (unknown !== undefined) {
    throw table.fault("unknown-key", "an unknown key", unknown, "url, sha256, size", shown(unknown));
  }
  return { url, sha256, size };
}

function toolTable(parent: Table): Table | null {
  const tool = parent.optionalTable("tool");
  if (tool === null) {
    return null;
  }
  for (const key of tool.keys) {
    tool.table(key);
  }
  return tool.optionalTable(TOOL);
}

function readWheel(key: string, entry: Table, names: ReadonlySet<string>, abi: Abi): LockedWheel {
  const spelt = entry.name("name");
  const name = normalized(spelt);
  if (name !== key) {
    throw entry.fault("key-name", "the key and the name are of different packages", "name", shown(key), shown(spelt));
  }
  const type = entry.choice("package_type", ["package", "cpython_module", "shared_library", "static_library"], "package");
  // C libraries have versions of their own, and are refused below.
  const version = type === "package" ? entry.version("version") : entry.text("version");
  const url = entry.text("file_name", { filled: true });
  checkAddress(url, entry.at("file_name"), { relative: true });
  const digest = entry.digest("sha256");
  const ours = toolTable(entry);
  const filename = fileOf(url);
  entry.texts("imports");
  entry.choice("install_dir", ["site", "dynlib"], "site");
  entry.flag("unvendored_tests");
  const depends = readDepends(entry, ours, name, names);
  if (filename === "") {
    throw entry.fault("filename", "no file is named", "file_name", "a file", shown(url));
  }
  if (type !== "package" || !filename.endsWith(".whl")) {
    throw entry.fault("not-wheel", `${name} ${version} is not a wheel`, "file_name", "a .whl of package_type package", `${filename} of package_type ${type}`);
  }
  checkFilename(entry, filename, name, version, abi);
  return { name, displayName: spelt, version, url, filename, sha256: digest, depends, ...readFacts(ours, url, filename) };
}

type Facts = Pick<LockedWheel, "size" | "origin" | "uploadTime" | "yanked" | "requested" | "requirement" | "extras">;

function readFacts(ours: Table | null, fileName: string, filename: string): Facts {
  if (ours === null) {
    return { size: null, origin: null, uploadTime: null, yanked: false, requested: false, requirement: null, extras: [] };
  }
  ours.names("missing");
  if (ours.names("mocked").length > 0) {
    throw notPlain(ours.at("mocked"), "packages that need no mock package", "one that does");
  }
  return {
    size: ours.whole("size"),
    origin: readOrigin(ours, fileName, filename),
    uploadTime: ours.text("upload-time", { missing: "" }) || null,
    yanked: ours.flagOrText("yanked"),
    requested: ours.flag("requested"),
    requirement: ours.text("requirement", { missing: "" }) || null,
    extras: ours.texts("extras"),
  };
}

function readOrigin(ours: Table, fileName: string, filename: string): Origin | null {
  const index = ours.text("index", { missing: "" });
  const url = ours.text("url", { missing: "" });
  for (const [key, address] of [
    ["index", index],
    ["url", url],
  ] as const) {
    if (address !== "") {
      checkAddress(address, ours.at(key), { relative: false });
    }
  }
  if (!ours.has("source") && index === "" && url === "") {
    return null;
  }
  const kind = ours.choice("source", KINDS);
  if (kind === "local" && url !== "") {
    throw ours.fault("origin", "a local file has no address", "url", "no url", shown(url));
  }
  if (index !== "" && kind !== "index") {
    throw ours.fault("origin", "only an install by name has an index", "index", "source index", shown(index));
  }
  return { kind, url: kind === "local" ? filename : url || fileName, index: index || null };
}

/** What a package needs: `depends`, or all of it where that leaves out what would close a cycle. */
function readDepends(entry: Table, ours: Table | null, name: string, names: ReadonlySet<string>): readonly string[] {
  const depends = entry.names("depends").filter((needed) => needed !== name);
  const whole = ours?.names("depends").filter((needed) => needed !== name) ?? [];
  const unnamed = depends.filter((needed) => !whole.includes(needed));
  if (ours !== null && whole.length > 0 && unnamed.length > 0) {
    throw ours.fault("depends", "two lists of dependencies that do not agree", "depends", `also ${unnamed.join(", ")}`, whole.join(", "));
  }
  const all = whole.length > 0 ? whole : depends;
  for (const needed of all) {
    if (!names.has(needed)) {
      throw entry.fault("missing-dependency", `${name} needs ${needed}, which the lock does not hold`, "depends", `an entry for ${needed}`, "none");
    }
  }
  return all;
}

const FILENAME = /^([^-]+)-([^-]+)(?:-([0-9][^-]*))?-([^-]+)-([^-]+)-([^-]+)\.whl$/;

function checkFilename(entry: Table, filename: string, name: string, version: string, abi: Abi): void {
  const [, project = "", release = "", , python = "", binary = "", platform = ""] = FILENAME.exec(filename) ?? [];
  const tags = [python, binary, platform].map((field) => field.toLowerCase());
  const many = tags.reduce((product, field) => product * field.split(".").length, 1);
  const is = /^[\w.]+$/.test(project) && normalized(project) === name && versionKey(release) === versionKey(version);
  if (!is || filename.length > MOST_CHARACTERS || many > MOST_TAGS) {
    throw entry.fault("filename", "the file is not a wheel of this package", "file_name", `a wheel of ${name} ${version}`, shown(filename));
  }
  if (!takesWheel(abi, ...(tags as [string, string, string]))) {
    const message = `the wheel of ${name} ${version} is not built for ${named(abi.abiVersion)}`;
    throw entry.fault("tag-mismatch", message, "file_name", `a pure wheel or one for ${abi.abiVersion}`, tags.join("-"));
  }
}

function notPlain(where: string, expected: string, got: string): LockError {
  const hint = "replay it from Python: await micropip_lock.replay(lock)";
  return new LockError("not-plain", "a boot cannot install this lock", { where, expected, got, hint });
}
