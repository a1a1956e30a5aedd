import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { LockError } from "./errors.ts";
import { decodeText, type Json, MAX_BYTES, parseJson } from "./json.ts";
import { lockId } from "./lock.ts";
import { readLock } from "./lock-reader.ts";

// The corpus of bad input that Python runs as well (tests/corpus): what is a matter of the text alone.
const root = fileURLToPath(new URL("../../", import.meta.url));
const corpus = mkdtempSync(join(tmpdir(), "corpus-"));
const written = ["-m", "tests.corpus.generate.writer", corpus, "L"];
execFileSync(join(root, ".venv/bin/python"), written, { cwd: root, stdio: "ignore" });
afterAll(() => rmSync(corpus, { recursive: true }));

interface Case {
  readonly folder: string;
  readonly id: string;
  readonly title: string;
  readonly error: string;
  readonly code: string;
}

const folders = readdirSync(join(corpus, "locks")).map((name) => join(corpus, "locks", name));
const cases: readonly Case[] = folders.map((folder) => ({
  folder,
  ...JSON.parse(readFileSync(join(folder, "expect.json"), "utf8")),
}));
const isOfTheText = ({ error, folder }: Case) => error === "LockParseError" || input(folder).length > MAX_BYTES;

function input(folder: string): Uint8Array {
  return new Uint8Array(readFileSync(join(folder, "input.json")));
}

function read(folder: string): Json {
  return parseJson(decodeText(input(folder)));
}

describe("the corpus", () => {
  it("has both kinds", () => {
    expect([cases.filter(isOfTheText).length > 15, cases.length > 70]).toEqual([true, true]);
  });

  it.each(cases.filter(isOfTheText))("$id: refuses $title", ({ folder, code }) => {
    let caught: unknown;
    try {
      read(folder);
    } catch (error) {
      caught = error;
    }

    expect(caught).toBeInstanceOf(LockError);
    expect(caught).toMatchObject({ code });
  });

  it.each(cases.filter((one) => !isOfTheText(one)))("$id: reads $title", async ({ folder, id, code }) => {
    const lock = read(folder);
    const text = decodeText(input(folder));

    // A list is JSON and no lock.
    expect(lock instanceof Map).toBe(id !== "L11");
    await (id === "L11" ? expect(lockId(text)).rejects.toMatchObject({ code }) : expect(lockId(text)).resolves.toMatch(/^[0-9a-f]{64}$/));
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it.each([
    ["L27", "constructor"],
    ["L27b", "__proto__"],
    ["L27c", "tostring"],
  ])("%s: %s is a key like any other", (id, name) => {
    const lock = read(cases.find((one) => one.id === id)?.folder ?? "");
    const packages = lock instanceof Map ? lock.get("packages") : undefined;

    expect(packages instanceof Map && [...packages.keys()]).toEqual([name]);
    expect(packages instanceof Map && packages.get(name)).toBeInstanceOf(Map);
  });
});

// What a replay refuses for where it is, or for what its policy says of a lock from that place.
const OF_THE_PLACE = new Set(["abi-mismatch", "insecure", "local-path", "not-wheel", "relative-url"]);

describe("the boot path's reader", () => {
  const refused = cases.filter(({ error, code }) => error && !OF_THE_PLACE.has(code));

  it.each(refused)("$id: refuses $title, with Python's code", ({ folder, code }) => {
    expect(() => readLock(decodeText(input(folder)))).toThrow(expect.objectContaining({ tag: "micropip-lock", code }));
  });

  it.each(cases.filter(({ error }) => !error))("$id: reads $title, or leaves it to Python", ({ folder }) => {
    let code: string | null = null;
    try {
      readLock(decodeText(input(folder)));
    } catch (error) {
      code = error instanceof LockError ? error.code : String(error);
    }
    expect([null, "not-plain"]).toContain(code);
  });
});

describe("decodeText", () => {
  it("reads what is as large as allowed", () => {
    expect(decodeText(new Uint8Array(MAX_BYTES).fill(32)).length).toBe(MAX_BYTES);
  });
});
