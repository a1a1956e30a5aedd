/**
 * A lock's JSON value and its outline: what a link's walk can say of a lock, and the rest as changes to that, the same
 * as `micropip_lock/core/link_outline.py`.
 *
 * Rule: objects are Maps here, so that no key of a link is special.
 */

import { byCodePoint, Integer, type Json, MAX_DEPTH } from "./json.ts";
import { damaged, MOST_BYTES, tooLarge } from "./link-coder.ts";
import { type Base, type Entry, entryOf, NORMAL_NAME, ofBase, type Outline } from "./link-pack.ts";
import { fromHex } from "./sha256-hex.ts";

const INFO = ["abi_version", "arch", "platform", "python"];
const TOOL = "micropip-lock";
const DIGEST_PATH = /^(?:(.*\/))?([0-9a-f]{2})\/([0-9a-f]{2})\/([0-9a-f]{60})\/$/s;
const SOURCES = ["index", "runtime", "url", "local"];
const MOST_CHARACTERS = 4096;

type Table = Map<string, Json>;

/**
 * The JSON value of a lock that is no more than an outline says.
 * @throws LockError with code `content` when a digest is not there yet; `too-large`.
 */
export function expanded(outline: Outline): Table {
  const names = outline.entries.map((entry) => entry.name);
  checkSize(outline.entries, names);
  const packages = new Map(outline.entries.map((entry) => [entry.name, expandedEntry(entry, names)]));
  const value: Table = new Map<string, Json>([
    ["info", new Map(INFO.map((key, number) => [key, outline.info[number] as string]))],
    ["packages", packages],
  ]);
  if ([...packages.values()].some((one) => table(one.get("tool"))?.has(TOOL))) {
    value.set("tool", new Map([[TOOL, new Map([["version", new Integer("1")]])]]));
  }
  return value;
}

/**
 * Do what `changes` found.
 * @throws LockError with code `content`.
 */
export function apply(made: Json, value: Table): Table {
  const root = new Map<string, Json>([["", value]]);
  for (const change of Array.isArray(made) ? made : [null]) {
    const path = Array.isArray(change) && change.length <= 2 ? change[0] : null;
    if (!Array.isArray(path) || !Array.isArray(change) || path.length > MAX_DEPTH) {
      throw damaged();
    }
    let place: Json | undefined = root;
    for (const key of ["", ...path].slice(0, -1)) {
      place = typeof key === "string" ? table(place)?.get(key) : undefined;
    }
    const last = ["", ...path].at(-1);
    if (!(place instanceof Map) || typeof last !== "string" || (change.length === 1 && !place.delete(last))) {
      throw damaged();
    }
    if (change.length > 1) {
      place.set(last, change[1] as Json);
    }
  }
  const changed = root.get("");
  if (!(changed instanceof Map)) {
    throw damaged();
  }
  return changed;
}

/** What makes one JSON value into another: `[path, value]` to set, `[path]` to take away. */
export function changes(before: Json, after: Json, path: readonly string[] = []): Json[] {
  if (before instanceof Map && after instanceof Map) {
    const keys = [...new Set([...before.keys(), ...after.keys()])].sort(byCodePoint);
    return keys.flatMap((key) => {
      const [one, other, place] = [before.get(key), after.get(key), [...path, key]];
      return other === undefined ? [[place]] : one === undefined ? [[place, other]] : changes(one, other, place);
    });
  }
  return isSame(before, after) ? [] : [[[...path], after]];
}

function isSame(one: Json | undefined, other: Json | undefined): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, at) => isSame(item, other[at]));
  }
  if (one instanceof Map && other instanceof Map) {
    return one.size === other.size && [...one].every(([key, item]) => isSame(item, other.get(key)));
  }
  return one === other || (one instanceof Integer && other instanceof Integer && one.digits === other.digits);
}

/** What a walk can say of a lock, given as its JSON value. */
export function outlineOf(value: Table, base: Base | null, short: boolean): Outline {
  const info = table(value.get("info"));
  const packages = table(value.get("packages")) ?? new Map<string, Json>();
  const entries = [...packages.keys()]
    .sort(byCodePoint)
    .map((name) => outlined(name, table(packages.get(name)), base))
    .filter((entry) => entry !== null);
  const at = new Map(entries.map((entry, number) => [entry.name, number]));
  for (const entry of entries) {
    entry.carried = short && entry.base === null && !(entry.source === "index" && entry.index !== "");
    const depends = table(packages.get(entry.name))?.get("depends");
    const needs = (Array.isArray(depends) ? depends : []).map((one) => at.get(one as string) ?? -1);
    if (needs.every((one, number) => one > (needs[number - 1] ?? -1) && one !== at.get(entry.name))) {
      entry.needs = needs;
    }
  }
  return { info: INFO.map((key) => text(info?.get(key))), address: "", entries };
}

function outlined(name: string, given: Table | null, base: Base | null): Entry | null {
  const tool = table(given?.get("tool"));
  const ours = table(tool?.get(TOOL)) ?? new Map<string, Json>();
  const [display, version, url, hex] = ["name", "version", "file_name", "sha256"].map((key) => text(given?.get(key)));
  if (!NORMAL_NAME.test(name) || !display || !version || !url || !/^[0-9a-f]{64}$/.test(hex ?? "")) {
    return null;
  }
  const cut = url.lastIndexOf("/") + 1;
  const size = ours.get("size");
  const source = text(ours.get("source"));
  const entry: Entry = {
    ...entryOf(name),
    ...{ display, version, file: url.slice(cut), prefix: url.slice(0, cut), digest: fromHex(hex as string) },
    size: size instanceof Integer && Number.isSafeInteger(Number(size.digits)) ? Number(size.digits) : -1,
    imports: texts(given?.get("imports")),
    source: SOURCES.includes(source) ? source : "",
    index: source === "index" ? text(ours.get("index")) : "",
    url: text(ours.get("url")),
    requested: ours.get("requested") === true,
    requirement: text(ours.get("requirement")),
    extras: texts(ours.get("extras")),
    testsApart: given?.get("unvendored_tests") === true,
    bare: tool?.size === 0,
  };
  const known = base?.get(name);
  if (known instanceof Map && (entry.source === "runtime" || ours.size === 0)) {
    const { file, ...told } = ofBase(known);
    if (told.display === display && told.version === version && `${told.digest}` === `${entry.digest}` && url.endsWith(file)) {
      return { ...entry, base: known, file, prefix: url.slice(0, url.length - file.length) };
    }
  }
  const path = DIGEST_PATH.exec(entry.prefix);
  if (path !== null) {
    Object.assign(entry, { hasPath: true, prefix: path[1] ?? "", path: fromHex(`${path[2]}${path[3]}${path[4]}`) });
  }
  return entry;
}

/** Addresses and names are written once, and may be repeated by every package. */
function checkSize(entries: readonly Entry[], names: readonly string[]): void {
  let made = 0;
  for (const { display, version, prefix, file, index, url, requirement, imports, extras, needs, name } of entries) {
    const text = [name, display, version, prefix, file, index, url, requirement, ...imports, ...extras].join("");
    made = needs.reduce((sum, number) => sum + (names[number] as string).length, made + new TextEncoder().encode(text).length);
    if (made > MOST_BYTES) {
      throw tooLarge(`at most ${MOST_BYTES} bytes`);
    }
  }
}

function expandedEntry(entry: Entry, names: readonly string[]): Table {
  if (entry.digest.length !== 32 || (entry.hasPath && entry.path.length !== 32)) {
    throw damaged();
  }
  const path = entry.hasPath ? hexOf(entry.path).replace(/^(..)(..)(.*)$/, "$1/$2/$3/") : "";
  const facts: [string, Json][] = [
    ["source", entry.source],
    ["index", entry.index],
    ["url", entry.url],
    ["size", entry.size < 0 ? "" : new Integer(`${entry.size}`)],
    ["requested", entry.requested],
    ["requirement", entry.requirement],
    ["extras", entry.extras.length > 0 ? [...entry.extras] : ""],
  ];
  const ours = new Map(facts.filter(([, fact]) => fact !== "" && fact !== false));
  const tool = new Map(ours.size > 0 ? [[TOOL, ours]] : []);
  return new Map<string, Json>([
    ["name", entry.display],
    ["version", entry.version],
    ["file_name", `${entry.prefix}${path}${entry.file}`],
    ["install_dir", entry.base?.get("install_dir") ?? "site"],
    ["sha256", hexOf(entry.digest)],
    ["package_type", entry.base?.get("package_type") ?? "package"],
    ["imports", [...entry.imports]],
    ["depends", entry.needs.map((number) => names[number] as string)],
    ["unvendored_tests", entry.testsApart],
    ...((ours.size > 0 || entry.bare ? [["tool", tool]] : []) as [string, Json][]),
  ]);
}

/** Lower-case hexadecimal digits. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function table(value: Json | undefined): Table | null {
  return value instanceof Map ? value : null;
}

function text(value: Json | undefined): string {
  return typeof value === "string" && !value.includes("\0") && value.length <= MOST_CHARACTERS ? value : "";
}

function texts(value: Json | undefined): string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string" && (one === "" || text(one) !== ""))
    ? (value as string[])
    : [];
}
