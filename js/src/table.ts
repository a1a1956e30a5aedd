/**
 * Typed values out of parsed JSON, each fault with its dotted place: the reader under `lock-reader.ts`.
 *
 * Rules this file keeps:
 *
 * 1. A getter returns a value in its final type, or throws a LockError with the code that Python's
 *    `micropip_lock/core/read.py` has for the fault.
 * 2. No text that is shown to people holds a control, bidirectional or zero-width character.
 */

import { LockError } from "./errors.ts";
import { Integer, type Json } from "./json.ts";
import { versionKey } from "./version.ts";

const MOST_TEXT = 4096;
const MOST_NAME = 214;
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const SHA256 = /^[0-9a-f]{64}$/i;
const WEAK = /^(?:md5|sha1|sha-1|sha224|blake2s)[:=-]/i;
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
const HIDDEN_BUT_BREAKS = /(?![\t\n\r])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
const PLAIN_KEY = /^[A-Za-z0-9_-]+$/;

/** A name as all its spellings have it in common (PEP 503). */
export function normalized(name: string): string {
  return name.replace(/[-_.]+/g, "-").toLowerCase();
}

export class Table {
  readonly where: string;
  readonly #members: ReadonlyMap<string, Json>;

  /** @throws LockError with code `type` when `value` is no object. */
  constructor(value: Json, where: string) {
    this.where = where;
    if (!(value instanceof Map)) {
      throw wrongType(where === "" ? "the lock" : where, where, "a table", value);
    }
    this.#members = value;
  }

  get keys(): readonly string[] {
    return [...this.#members.keys()];
  }

  has(key: string): boolean {
    return this.#members.has(key);
  }

  at(key: string): string {
    const last = PLAIN_KEY.test(key) ? key : JSON.stringify(key);
    return this.where === "" ? last : `${this.where}.${last}`;
  }

  fault(code: string, message: string, key: string, expected: string, got: string): LockError {
    return new LockError(code, message, { where: this.at(key), expected, got });
  }

  /** @throws LockError with code `missing`, `type`, `too-large`, `control-char`. */
  text(key: string, { filled = false, missing }: { filled?: boolean; missing?: string } = {}): string {
    const value = this.#value(key, missing);
    if (typeof value !== "string") {
      throw wrongType(key, this.at(key), "a string", value);
    }
    if (filled && value === "") {
      throw this.fault("missing", `${key} is empty`, key, `a value for ${key}`, "''");
    }
    return checkVisible(value, this.at(key));
  }

  /** A list of strings; empty when absent. */
  texts(key: string): readonly string[] {
    const value = this.#value(key, []);
    if (!Array.isArray(value)) {
      throw wrongType(key, this.at(key), "a list of strings", value);
    }
    return value.map((one, index) => {
      if (typeof one !== "string") {
        throw wrongType(key, `${this.at(key)}[${index}]`, "a list of strings", one);
      }
      return checkVisible(one, `${this.at(key)}[${index}]`);
    });
  }

  /** A list of distribution names, normalised, each once; empty when absent. */
  names(key: string): readonly string[] {
    const texts = this.texts(key);
    return [...new Set(texts.map((text, index) => normalized(checkName(text, `${this.at(key)}[${index}]`))))];
  }

  /** A distribution name as it is spelt. */
  name(key: string): string {
    const value = this.#value(key);
    if (typeof value !== "string") {
      throw wrongType(key, this.at(key), "a string", value);
    }
    return checkName(value, this.at(key));
  }

  /** A whole number from zero to what a number holds exactly; `null` when absent. */
  whole(key: string): number | null {
    if (!this.has(key)) {
      return null;
    }
    const value = this.#value(key);
    if (!(value instanceof Integer)) {
      throw wrongType(key, this.at(key), "a whole number", value);
    }
    const number = Number(value.digits);
    if (!(number >= 0 && number <= Number.MAX_SAFE_INTEGER)) {
      throw this.fault("size", `${key} is out of range`, key, `0 to ${Number.MAX_SAFE_INTEGER}`, value.digits.slice(0, 40));
    }
    return number;
  }

  flag(key: string): boolean {
    const value = this.#value(key, false);
    if (typeof value !== "boolean") {
      throw wrongType(key, this.at(key), "true or false", value);
    }
    return value;
  }

  /** True, false, or why; false when absent or empty. */
  flagOrText(key: string): boolean | string {
    return typeof this.#members.get(key) === "boolean" ? this.flag(key) : this.text(key, { missing: "" }) || false;
  }

  choice<T extends string>(key: string, choices: readonly T[], missing?: T): T {
    const value = this.#value(key, missing);
    if (typeof value !== "string") {
      throw wrongType(key, this.at(key), "a string", value);
    }
    const found = choices.find((one) => one === value);
    if (found === undefined) {
      throw this.fault("enum", "none of the known words", key, choices.join(", "), JSON.stringify(value.slice(0, 60)));
    }
    return found;
  }

  version(key: string): string {
    const value = this.#value(key);
    if (typeof value !== "string" || versionKey(value) === null) {
      throw this.fault("version", "not a version", key, "a PEP 440 version in a string", shown(value));
    }
    return checkVisible(value, this.at(key));
  }

  /** @throws LockError with codes `no-hash`, `weak-hash`, `hash-form`, `type`. */
  digest(key: string): string {
    const value = this.#value(key, "");
    if (typeof value !== "string") {
      throw wrongType(key, this.at(key), "64 hexadecimal characters", value);
    }
    if (value === "") {
      throw this.fault("no-hash", "a file without a hash cannot be checked", key, "the SHA-256 of the file", "nothing");
    }
    if (WEAK.test(value)) {
      throw this.fault("weak-hash", "the hash does not protect the file", key, "a SHA-256", shown(value));
    }
    if (!SHA256.test(value)) {
      throw this.fault("hash-form", "not a SHA-256 digest", key, "64 hexadecimal characters", shown(value));
    }
    return value.toLowerCase();
  }

  /** @throws LockError with code `missing` or `type`. */
  table(key: string): Table {
    return new Table(this.#value(key), this.at(key));
  }

  /** A list of tables; empty when absent. */
  tables(key: string): readonly Table[] {
    const value = this.#value(key, []);
    if (!Array.isArray(value)) {
      throw wrongType(key, this.at(key), "a list of tables", value);
    }
    return value.map((one, index) => new Table(one, `${this.at(key)}[${index}]`));
  }

  optionalTable(key: string): Table | null {
    return this.has(key) ? this.table(key) : null;
  }

  #value(key: string, missing?: Json): Json {
    const value = this.#members.get(key) ?? (this.#members.has(key) ? null : missing);
    if (value === undefined) {
      throw this.fault("missing", `${key} is missing`, key, `a value for ${key}`, "none");
    }
    return value;
  }
}

/**
 * Check every text of a value, keys too; line breaks and tabs are let through.
 * @throws LockError with code `control-char`.
 */
export function checkAllVisible(value: Json, where = ""): void {
  if (typeof value === "string") {
    checkCharacters(value, where, HIDDEN_BUT_BREAKS);
  } else if (Array.isArray(value)) {
    value.forEach((one, index) => checkAllVisible(one, `${where}[${index}]`));
  } else if (value instanceof Map) {
    for (const [key, inner] of value) {
      checkCharacters(key, where, HIDDEN_BUT_BREAKS);
      checkAllVisible(inner, where === "" ? key : `${where}.${key}`);
    }
  }
}

export function shown(value: Json): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length <= 60 ? value : `${value.slice(0, 60)}…`);
  }
  if (value instanceof Map) {
    return `a table of ${value.size}`;
  }
  if (Array.isArray(value)) {
    return `a list of ${value.length}`;
  }
  return value instanceof Integer ? `the number ${value.digits.slice(0, 40)}` : String(value);
}

/** @throws LockError with code `name`. */
export function checkName(text: string, where: string): string {
  if (text.length > MOST_NAME || !NAME.test(text)) {
    const expected = `letters, digits, '.', '_' and '-', at most ${MOST_NAME} (PEP 508)`;
    throw new LockError("name", "not the name of a distribution", { where, expected, got: shown(text) });
  }
  return text;
}

function checkVisible(text: string, where: string): string {
  if ([...text].length > MOST_TEXT) {
    const sides = { expected: `at most ${MOST_TEXT} characters`, got: `${text.length} characters` };
    throw new LockError("too-large", "a string is too long", { where, ...sides });
  }
  checkCharacters(text, where, HIDDEN);
  return text;
}

function checkCharacters(text: string, where: string, hidden: RegExp): void {
  const found = hidden.exec(text)?.[0];
  if (found !== undefined) {
    const got = `U+${(found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
    throw new LockError("control-char", "a control or invisible character", { where, expected: "visible characters", got });
  }
}

function wrongType(subject: string, where: string, expected: string, value: Json): LockError {
  return new LockError("type", `${subject} has the wrong type`, { where, expected, got: shown(value) });
}
