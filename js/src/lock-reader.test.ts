import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type LockedWheel, readLock, type StartPack } from "./lock-reader.ts";

interface Vectors {
  readonly accept: readonly { readonly text: string; readonly start: StartPack | null; readonly wheels: readonly LockedWheel[] }[];
  readonly refuse: readonly { readonly text: string; readonly code: string }[];
  readonly notPlain: readonly { readonly text: string }[];
}

const vectors: Vectors = JSON.parse(readFileSync(new URL("../../tests/vectors/lock_read.json", import.meta.url), "utf8"));

describe("readLock", () => {
  it.each(vectors.accept)("reads the facts that Python reads: $text", ({ text, start, wheels }) => {
    expect(readLock(text)).toMatchObject({ start, wheels });
    expect(readLock(text).wheels).toEqual(wheels);
  });

  it.each(vectors.refuse)("refuses with Python's code $code: $text", ({ text, code }) => {
    expect(() => readLock(text)).toThrow(expect.objectContaining({ tag: "micropip-lock", code }));
  });

  it.each(vectors.notPlain)("leaves to Python what it cannot do: $text", ({ text }) => {
    expect(() => readLock(text)).toThrow(expect.objectContaining({ tag: "micropip-lock", code: "not-plain" }));
  });

  it("tells what the lock is for", () => {
    expect(readLock(vectors.accept[0]?.text ?? "").abi).toEqual({
      abiVersion: "2026_0",
      arch: "wasm32",
      platform: "emscripten_5_0_3",
      python: "3.14.2",
    });
  });
});
