import { afterEach, describe, expect, it, vi } from "vitest";
import vectors from "../../tests/vectors/digest.json";
import { Digest, sha256 } from "./digest.ts";
import { isLockError } from "./errors.ts";

const PARSERS = { hex: Digest.fromHex, record: Digest.fromRecord, sri: Digest.fromSri };

function parser(kind: string): (text: string) => Digest {
  if (kind !== "hex" && kind !== "record" && kind !== "sri") {
    throw new Error(`the vectors name a spelling that is none: ${kind}`);
  }
  return PARSERS[kind];
}

describe("Digest", () => {
  it.each(vectors.accept)("reads and writes every spelling of $hex", ({ hex, record, sri }) => {
    const read = [Digest.fromHex(hex), Digest.fromRecord(record), Digest.fromSri(sri)];

    expect(read.map((digest) => ({ hex: digest.hex, record: digest.record, sri: digest.sri }))).toEqual(
      Array(3).fill({ hex, record, sri }),
    );
  });

  it.each(vectors.refuse)("refuses as $kind: $why", ({ kind, text }) => {
    let caught: unknown;
    try {
      parser(kind)(text);
    } catch (error) {
      caught = error;
    }

    expect(isLockError(caught) && caught.code).toBe("hash-form");
  });

  it("reads upper-case hexadecimal and writes lower case", () => {
    expect(Digest.fromHex("ABCDEF01".repeat(8)).hex).toBe("abcdef01".repeat(8));
  });

  it("is not changed through the bytes it was made of", () => {
    const raw = new Uint8Array(32);
    const digest = new Digest(raw);
    raw.fill(1);

    expect(digest.hex).toBe("00".repeat(32));
  });

  it.each([0, 31, 33])("refuses %i bytes", (length) => {
    expect(() => new Digest(new Uint8Array(length))).toThrow("not a SHA-256 digest");
  });

  it("equals a digest of the same bytes and no other", () => {
    const one = new Digest(new Uint8Array(32));
    const other = new Digest(Uint8Array.from({ length: 32 }, (_, at) => (at === 31 ? 1 : 0)));

    expect([one.equals(Digest.fromHex(one.hex)), one.equals(other)]).toEqual([true, false]);
  });
});

describe("sha256", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it("gives the digest that FIPS 180-2 gives for abc", async () => {
    const digest = await sha256(new TextEncoder().encode("abc"));

    expect(`${digest}`).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });

  it("says that a secure context is missing instead of failing on undefined", async () => {
    vi.stubGlobal("crypto", {});

    await expect(sha256(new Uint8Array(0))).rejects.toMatchObject({ code: "no-subtle-crypto" });
  });
});
