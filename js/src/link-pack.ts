/**
 * The content of a link as a walk over a lock's outline: one order of values, written and read by the same code, the
 * same as `micropip_lock/core/link_pack.py`, which says what each field is.
 */

import { fromHex } from "./sha256-hex.ts";
import { Coder, damaged } from "./link-coder.ts";
import { KNOWN_INFO, LESSONS, SAMPLE_SIZES, SAMPLE_VERSIONS, WORDS } from "./link-names.ts";
import { byCodePoint, type Json } from "./json.ts";
import { normalized } from "./table.ts";

const SOURCES = ["index", "runtime", "url", "local", ""];
/** A normalised name, as keys of locks are. */
export const NORMAL_NAME = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const NUMERIC = /^(?:0|[1-9][0-9]{0,8})(?:\.(?:0|[1-9][0-9]{0,8})){0,5}$/;
// Kinds of texts.
const ABI = 0;
const TAG = 1;
const ADDRESS = 2;
const NAME = 3;
const OTHER = 4;
const MOST_PACKAGES = 2000;
/** Packages above which dependencies are told one by one. */
const MANY = 256;

const KNOWN = new Map(WORDS.map((word) => word.split("=") as [string, string | undefined]));
const NAMES = [...KNOWN.keys()];

/** Packages of a runtime's own lock, by key. */
export type Base = ReadonlyMap<string, Json>;
type Table = ReadonlyMap<string, Json>;

export interface Entry {
  name: string;
  display: string;
  version: string;
  file: string;
  prefix: string;
  hasPath: boolean;
  path: Uint8Array;
  digest: Uint8Array;
  carried: boolean;
  size: number;
  imports: readonly string[];
  needs: number[];
  source: string;
  index: string;
  url: string;
  requested: boolean;
  requirement: string;
  extras: readonly string[];
  testsApart: boolean;
  bare: boolean;
  base: Table | null;
}

export interface Outline {
  info: string[];
  address: string;
  entries: Entry[];
}

const NOTHING = new Uint8Array(0);

export function entryOf(name: string, base: Table | null = null): Entry {
  return {
    ...{ name, display: "", version: "", file: "", prefix: "", hasPath: false, path: NOTHING, digest: NOTHING },
    ...{ carried: false, size: -1, imports: [], needs: [], source: "", index: "", url: "", requested: false },
    ...{ requirement: "", extras: [], testsApart: false, bare: false, base },
  };
}

let taught: Coder | undefined;

/** What both sides know before the first bit. */
export function tutor(): Coder {
  if (taught === undefined) {
    const coder = new Coder();
    LESSONS.forEach((words, kind) => {
      for (const word of words.split(" ")) {
        coder.text(kind, word);
      }
    });
    for (const base of [null, new Map<string, Json>()]) {
      new Walk(coder, NOTHING, false, base).outline(sample(base));
    }
    taught = coder;
  }
  return taught;
}

/** A lock as they are, to learn from. */
function sample(base: Map<string, Json> | null): Outline {
  const entries = SAMPLE_VERSIONS.split(" ").map((version, number) => {
    const name = NAMES[number * 9] as string;
    const stem = underscored(name);
    const entry = entryOf(name);
    const file = `${stem}-${version}-py3-none-any.whl`;
    Object.assign(entry, { display: number % 2 ? stem : name, version, file, needs: number === 5 ? [3] : [] });
    entry.requested = number % 5 === 0;
    entry.requirement = entry.requested ? name : "";
    if (base !== null) {
      entry.base = new Map(Object.entries({ name, version, file_name: file, sha256: "" }));
      base.set(name, entry.base as Map<string, Json>);
      entry.source = "runtime";
    } else {
      const block = new Uint8Array(32);
      Object.assign(entry, { source: "index", hasPath: true, path: block, digest: block, size: SAMPLE_SIZES[number % 8] });
    }
    entry.imports = usualImports(entry);
    return entry;
  });
  return { info: (KNOWN_INFO[0] as string).split(" "), address: "", entries };
}

/** One walk over an outline. */
export class Walk {
  readonly #coder: Coder;
  readonly #blocks: Uint8Array;
  readonly #short: boolean;
  readonly #base: Base | null;
  readonly #tables: string[][] = [[], ["py3-none-any", "py2.py3-none-any"], [], []];
  #at = 0;
  readonly written: Uint8Array[] = [];

  constructor(coder: Coder, blocks: Uint8Array, short: boolean, base: Base | null) {
    this.#coder = coder;
    this.#blocks = blocks;
    this.#short = short;
    this.#base = base;
  }

  outline(given: Outline): Outline {
    const code = this.#coder;
    const said = KNOWN_INFO.indexOf(given.info.join(" "));
    const known = KNOWN_INFO[code.number(9, said < 0 ? KNOWN_INFO.length : said)];
    const info = known?.split(" ") ?? given.info.map((text) => code.text(ABI, text));
    const interpreter = `cp${(info[3] as string).split(".").slice(0, 2).join("")}`;
    this.#table(TAG).push(`${interpreter}-${interpreter}-pyemscripten_${info[0]}_wasm32`);
    const address = code.flag(6, given.address !== "") ? code.text(ADDRESS, given.address) : "";
    const based = this.#based(given.entries.filter((entry) => entry.base !== null));
    const entries = [...based, ...this.#others(given.entries.filter((entry) => entry.base === null))];
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    if (new Set(entries.map((entry) => entry.name)).size < entries.length) {
      throw damaged();
    }
    this.#needs(entries, given.entries);
    return { info, address, entries };
  }

  /** All digests must have been used. */
  finish(): void {
    if (this.#at !== this.#blocks.length) {
      throw damaged();
    }
  }

  #version(given: string): string {
    const code = this.#coder;
    if (!code.flag(10, NUMERIC.test(given))) {
      return code.text(OTHER, given);
    }
    const numbers = given === "" ? [] : given.split(".").map(Number);
    const count = code.number(11, numbers.length);
    if (count > 6) {
      throw damaged();
    }
    return Array.from({ length: count }, (_, place) => code.number(12 + Math.min(place, 2), numbers[place] ?? 0)).join(".");
  }

  #count(place: number, items: readonly unknown[]): number {
    const count = this.#coder.number(place, items.length);
    if (count > MOST_PACKAGES) {
      throw damaged();
    }
    return count;
  }

  #based(given: readonly Entry[]): Entry[] {
    if (this.#base === null) {
      return [];
    }
    const base = this.#base;
    const keys = [...base.keys()].sort(byCodePoint);
    let before = -1;
    return Array.from({ length: this.#count(1, given) }, (_, number) => {
      const entry = given[number] ?? entryOf("");
      before += 1 + this.#coder.number(2, Math.max(0, keys.indexOf(entry.name) - before - 1));
      const key = keys[before];
      const known = base.get(key ?? "");
      if (key === undefined || !(known instanceof Map)) {
        throw damaged();
      }
      return this.#entry(entry, entryOf(key, known));
    });
  }

  #others(given: readonly Entry[]): Entry[] {
    const code = this.#coder;
    let before = -1;
    return Array.from({ length: this.#count(3, given) }, (_, number) => {
      const entry = given[number] ?? entryOf("");
      const known = NAMES.indexOf(entry.name);
      let name: string | undefined;
      if (code.flag(4, known > before)) {
        before += 1 + code.number(5, Math.max(0, known - before - 1));
        name = NAMES[before];
      } else {
        name = code.text(NAME, entry.name);
      }
      if (!NORMAL_NAME.test(name ?? "")) {
        throw damaged();
      }
      return this.#entry(entry, entryOf(name as string));
    });
  }

  #entry(given: Entry, entry: Entry): Entry {
    const code = this.#coder;
    const mine = entry.base === null ? 0 : 1;
    if (entry.base === null) {
      this.#identity(given, entry);
    } else {
      Object.assign(entry, ofBase(entry.base));
    }
    entry.testsApart = code.flag(30 + mine, given.testsApart);
    entry.bare = code.flag(32 + mine, given.bare);
    entry.prefix = this.#oneOf(22 + mine, 2, given.prefix);
    if (entry.base === null) {
      entry.hasPath = code.flag(24, given.hasPath);
      entry.carried = this.#short && code.flag(25, given.carried);
    }
    const isListed = this.#short && !entry.carried;
    if (code.flag(38 + mine, given.size >= 0)) {
      entry.size = isListed && entry.base === null ? 0 : code.number(40 + mine, Math.max(0, given.size));
    }
    if (entry.base === null && !isListed) {
      entry.digest = this.#block(given.digest);
      entry.path = entry.hasPath ? this.#block(given.path) : NOTHING;
    }
    const usual = usualImports(entry);
    entry.imports = code.flag(42 + mine, given.imports.join("\0") === usual.join("\0")) ? usual : this.#texts(44, given.imports);
    this.#facts(given, entry, 50 + 20 * mine);
    return entry;
  }

  #identity(given: Entry, entry: Entry): void {
    const code = this.#coder;
    const { name } = entry;
    const escaped = underscored(name);
    const spellings = [name, escaped, name.slice(0, 1).toUpperCase() + name.slice(1)];
    const same = spellings.indexOf(given.display);
    const spelling = code.number(escaped === name ? 17 : 16, same < 0 ? 3 : same);
    entry.display = spellings[spelling] ?? code.text(NAME, given.display);
    entry.version = this.#version(given.version);
    const stems = [escaped, underscored(entry.display)].map((stem) => `${stem}-${entry.version}-`);
    const fits = stems.findIndex((stem) => given.file.startsWith(stem) && given.file.endsWith(".whl"));
    const stem = stems[code.number(18, fits < 0 ? 2 : fits)];
    entry.file =
      stem === undefined
        ? code.text(OTHER, given.file)
        : `${stem}${this.#oneOf(20, TAG, given.file.slice(stem.length, -".whl".length))}.whl`;
  }

  #facts(given: Entry, entry: Entry, place: number): void {
    const code = this.#coder;
    const source = SOURCES[code.number(place, SOURCES.indexOf(given.source))];
    if (source === undefined) {
      throw damaged();
    }
    entry.source = source;
    entry.index = source === "index" ? this.#oneOf(place + 1, 3, given.index) : "";
    entry.url = code.flag(place + 2, given.url !== "") ? code.text(ADDRESS, given.url) : "";
    entry.requested = code.flag(place + 3, given.requested);
    if (code.flag(place + 4 + (entry.requested ? 1 : 0), given.requirement !== "")) {
      const { name } = entry;
      if (code.flag(place + 6, given.requirement.startsWith(name))) {
        const rest = given.requirement.slice(name.length);
        entry.requirement = name + (code.flag(place + 7, rest !== "") ? code.text(OTHER, rest) : "");
      } else {
        entry.requirement = code.text(OTHER, given.requirement);
      }
    }
    entry.extras = this.#texts(place + 8, given.extras);
  }

  #needs(entries: readonly Entry[], given: readonly Entry[]): void {
    const code = this.#coder;
    const popular = entries.map(() => 0);
    const at = new Map(entries.map((entry, number) => [entry.name, number]));
    const wanted = new Map(given.map((entry) => [entry.name, entry.needs]));
    if (entries.length > MANY) {
      // One bit for every two packages would be too many.
      for (const entry of entries) {
        entry.needs = this.#steps(wanted.get(entry.name) ?? [], entries.length);
      }
      return;
    }
    entries.forEach((entry, number) => {
      const usual = usualNeeds(entry, at);
      // A writer may be given what it gives back.
      const needs = [...(wanted.get(entry.name) ?? [])];
      entry.needs = [];
      if (!code.flag(90 + (usual.size > 0 ? 1 : 0), needs.length > 0)) {
        return;
      }
      for (let other = 0; other < entries.length; other += 1) {
        const times = popular[other] as number;
        const place = 92 + Math.min(times, 3) + (usual.has(other) ? 4 : 0);
        if (other !== number && code.flag(place, needs.includes(other))) {
          entry.needs.push(other);
          popular[other] = times + 1;
        }
      }
    });
  }

  /** Ascending numbers below `end`, by the steps between them. */
  #steps(given: readonly number[], end: number): number[] {
    let before = -1;
    return Array.from({ length: this.#count(7, given) }, (_, place) => {
      before += 1 + this.#coder.number(8, Math.max(0, (given[place] ?? 0) - before - 1));
      if (before >= end) {
        throw damaged();
      }
      return before;
    });
  }

  #table(number: number): string[] {
    return this.#tables[number] as string[];
  }

  #oneOf(place: number, table: number, given: string): string {
    const met = this.#table(table);
    const there = met.indexOf(given);
    const number = this.#coder.number(place, there < 0 ? met.length : there);
    if (number > met.length) {
      throw damaged();
    }
    if (number === met.length) {
      met.push(this.#coder.text(Math.min(table, ADDRESS), given));
    }
    return met[number] as string;
  }

  #texts(place: number, given: readonly string[]): string[] {
    return Array.from({ length: this.#count(place, given) }, (_, number) => this.#coder.text(OTHER, given[number]));
  }

  #block(given: Uint8Array): Uint8Array {
    if (given.length > 0) {
      this.written.push(given);
      return given;
    }
    const block = this.#blocks.subarray(this.#at, this.#at + 32);
    if (block.length !== 32) {
      throw damaged();
    }
    this.#at += 32;
    return block;
  }
}

/** Name, version, file and SHA-256 as the runtime's lock has them. */
export function ofBase(base: Table): Pick<Entry, "display" | "version" | "file" | "digest"> {
  const [display, version, file, hex] = ["name", "version", "file_name", "sha256"].map((key) => base.get(key));
  if (typeof display !== "string" || typeof version !== "string" || typeof file !== "string" || typeof hex !== "string") {
    throw damaged();
  }
  return { display, version, file, digest: fromHex(hex) };
}


function usualImports(entry: Entry): string[] {
  if (entry.base !== null) {
    return texts(entry.base.get("imports"));
  }
  return KNOWN.get(entry.name)?.split("+") ?? [underscored(entry.name)];
}

function usualNeeds(entry: Entry, at: ReadonlyMap<string, number>): ReadonlySet<number> {
  const needed = texts(entry.base?.get("depends")).map((one) => at.get(normalized(one)));
  return new Set(needed.filter((one) => one !== undefined));
}

function texts(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function underscored(name: string): string {
  return name.replaceAll("-", "_");
}
