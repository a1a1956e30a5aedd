/**
 * A strict JSON reader and a canonical writer: what `JSON.parse` forgives is refused, and no key is special.
 *
 * Rules this file keeps:
 *
 * 1. Objects become Maps, so `__proto__` and `constructor` are keys like any other.
 * 2. A key given twice, `NaN` and `Infinity`, numbers that are no integers, nesting deeper than 32 and lone surrogates
 *    are refused, each with its code.
 * 3. Integers are kept as digits, so none loses precision.
 *
 * Source: RFC 8259; the canonical form is Python's
 * `json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)`.
 */

import { LockError } from "./errors.ts";

/** An integer by its canonical digits. */
export class Integer {
  readonly digits: string;

  constructor(digits: string) {
    this.digits = digits;
  }
}

export type Json = null | boolean | string | Integer | Json[] | Map<string, Json>;

/** How deep arrays and objects may lie in each other. */
export const MAX_DEPTH = 32;

/** The largest text that is read, in bytes. */
export const MAX_BYTES = 8 * 2 ** 20;

const BLANK = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const NO_JSON_NUMBER = /-?Infinity|NaN/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): Json {
    this.#take(BLANK);
    if (this.#at === this.#text.length) {
      throw new LockError("empty", "there is nothing in the text", { expected: "a JSON object", got: "no characters" });
    }
    const value = this.#value(0);
    this.#take(BLANK);
    if (this.#at !== this.#text.length) {
      throw this.#unexpected("the end of the text");
    }
    return value;
  }

  #value(depth: number): Json {
    const first = this.#text[this.#at];
    switch (first) {
      case "{":
        return this.#object(this.#deeper(depth));
      case "[":
        return this.#array(this.#deeper(depth));
      case '"':
        return this.#string();
    }
    for (const [word, value] of [
      ["true", true],
      ["false", false],
      ["null", null],
    ] as const) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    return this.#number();
  }

  #deeper(depth: number): number {
    if (depth === MAX_DEPTH) {
      throw new LockError("depth", "arrays and objects lie too deep in each other", {
        where: this.#place(),
        expected: `at most ${MAX_DEPTH} levels`,
        got: "more",
      });
    }
    return depth + 1;
  }

  #object(depth: number): Map<string, Json> {
    const members = new Map<string, Json>();
    this.#at += 1;
    this.#take(BLANK);
    if (this.#skip("}")) {
      return members;
    }
    do {
      this.#take(BLANK);
      const start = this.#at;
      if (this.#text[this.#at] !== '"') {
        throw this.#unexpected("a key in double quotes");
      }
      const key = this.#string();
      if (members.has(key)) {
        throw new LockError("duplicate-key", "an object has one key twice", {
          where: this.#place(start),
          expected: "each key once",
          got: `${JSON.stringify(key)} again`,
        });
      }
      this.#take(BLANK);
      this.#expect(":");
      this.#take(BLANK);
      members.set(key, this.#value(depth));
      this.#take(BLANK);
    } while (this.#skip(","));
    this.#expect("}");
    return members;
  }

  #array(depth: number): Json[] {
    const items: Json[] = [];
    this.#at += 1;
    this.#take(BLANK);
    if (this.#skip("]")) {
      return items;
    }
    do {
      this.#take(BLANK);
      items.push(this.#value(depth));
      this.#take(BLANK);
    } while (this.#skip(","));
    this.#expect("]");
    return items;
  }

  #string(): string {
    const start = this.#at;
    this.#at += 1;
    let value = "";
    for (;;) {
      value += this.#take(PLAIN) ?? "";
      if (this.#skip('"')) {
        break;
      }
      if (!this.#skip("\\")) {
        throw this.#unexpected("the rest of a string");
      }
      value += this.#escape();
    }
    if (!isWellFormed(value)) {
      throw new LockError("encoding", "a string holds half a surrogate pair", {
        where: this.#place(start),
        expected: "text that UTF-8 can write",
        got: JSON.stringify(value),
      });
    }
    return value;
  }

  #escape(): string {
    const character = this.#text[this.#at] ?? "";
    const hex = this.#text.slice(this.#at + 1, this.#at + 5);
    if (character === "u" && /^[0-9a-fA-F]{4}$/.test(hex)) {
      this.#at += 5;
      return String.fromCharCode(Number.parseInt(hex, 16));
    }
    const plain = Object.hasOwn(ESCAPES, character) ? ESCAPES[character] : undefined;
    if (plain === undefined) {
      throw this.#unexpected("an escape of JSON");
    }
    this.#at += 1;
    return plain;
  }

  #number(): Integer {
    const start = this.#at;
    const word = this.#take(NO_JSON_NUMBER);
    if (word) {
      throw new LockError("non-json-number", "a number that JSON does not have", {
        where: this.#place(start),
        expected: "an integer",
        got: word,
      });
    }
    const digits = this.#take(NUMBER);
    if (!digits) {
      throw this.#unexpected("a JSON value");
    }
    if (/[.eE]/.test(digits)) {
      throw new LockError("non-json-number", "a number with a fraction or an exponent", {
        where: this.#place(start),
        expected: "an integer, the only kind of number in a lock",
        got: digits,
        hint: "two programs may write the same fraction differently, and the lock's identity would change",
      });
    }
    return new Integer(digits === "-0" ? "0" : digits);
  }

  /** What the sticky pattern matches here, and step over it. */
  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0];
    this.#at += match?.length ?? 0;
    return match;
  }

  #skip(character: string): boolean {
    const there = this.#text[this.#at] === character;
    this.#at += there ? 1 : 0;
    return there;
  }

  #expect(character: string): void {
    if (!this.#skip(character)) {
      throw this.#unexpected(JSON.stringify(character));
    }
  }

  #unexpected(expected: string): LockError {
    const rest = this.#text.slice(this.#at, this.#at + 20);
    return new LockError("not-json", "the text is not JSON", {
      where: this.#place(),
      expected,
      got: rest === "" ? "the end of the text" : JSON.stringify(rest),
      ...(/^\s*</.test(this.#text) ? { hint: "this is a web page; the server answered with HTML" } : {}),
    });
  }

  #place(at = this.#at): string {
    const before = this.#text.slice(0, at).split("\n");
    return `line ${before.length} column ${(before.at(-1)?.length ?? 0) + 1}`;
  }
}

/**
 * Read one JSON text; a leading byte order mark is let through.
 * @throws LockError with code `empty`, `not-json`, `duplicate-key`, `non-json-number`, `encoding` or `depth`.
 */
export function parseJson(text: string): Json {
  return new Reader(text.startsWith("\ufeff") ? text.slice(1) : text).document();
}

/**
 * The characters of a text as it arrived.
 * @throws LockError with code `too-large`, or `encoding` when it is not UTF-8.
 */
export function decodeText(data: Uint8Array): string {
  if (data.length > MAX_BYTES) {
    throw new LockError("too-large", "the text is too large", {
      expected: `at most ${MAX_BYTES} bytes`,
      got: `${data.length} bytes`,
    });
  }
  try {
    // UTF-16 of plain letters is valid UTF-8, with zeros in it that no text has.
    if (!data.includes(0)) {
      return new TextDecoder("utf-8", { fatal: true }).decode(data);
    }
  } catch (error) {
    if (!(error instanceof TypeError)) {
      throw error;
    }
  }
  throw new LockError("encoding", "the text is not UTF-8", { expected: "UTF-8", got: "other bytes" });
}

/** The canonical text: keys by code point, no white space, nothing escaped that need not be. */
export function canonicalJson(value: Json): string {
  if (value instanceof Integer) {
    return value.digits;
  }
  if (value instanceof Map) {
    const members = [...value].sort(([a], [b]) => byCodePoint(a, b));
    return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(",")}}`;
  }
  if (Array.isArray(value)) {
    return `[${value.map(canonicalJson).join(",")}]`;
  }
  return JSON.stringify(value);
}

/** Python's order of strings. JavaScript's own compares UTF-16 units, which puts U+1F600 before U+FF5E. */
export function byCodePoint(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at += 1) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left !== right) {
      return rank(left) - rank(right);
    }
  }
  return a.length - b.length;
}

/** Surrogates stand for U+10000 and up, so they go behind U+E000 to U+FFFF. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}

/** `String.prototype.isWellFormed`, which Node 20 has and ES2022 has not. */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
