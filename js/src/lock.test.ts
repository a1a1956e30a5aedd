import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { lockId } from "./lock.ts";

interface Vectors {
  readonly cases: readonly { readonly text: string; readonly id: string }[];
  readonly locks: readonly { readonly name: string; readonly text: string; readonly id: string }[];
  readonly refuse: readonly { readonly text: string; readonly code: string }[];
}

// Read, not imported: a bundler refuses the halves of surrogate pairs that some of the texts hold.
const vectors: Vectors = JSON.parse(readFileSync(new URL("../../tests/vectors/lock_id.json", import.meta.url), "utf8"));

describe("lockId", () => {
  it.each(vectors.cases)("gives Python's identity of $text", async ({ text, id }) => {
    expect(await lockId(text)).toBe(id);
  });

  it.each(vectors.locks)("leaves upload times out of a lock with $name", async ({ text, id }) => {
    expect(await lockId(text)).toBe(id);
  });

  it.each(vectors.refuse)("refuses with $code: $text", async ({ text, code }) => {
    await expect(lockId(text)).rejects.toMatchObject({ tag: "micropip-lock", code });
  });
});
