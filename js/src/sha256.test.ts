import { createHash, randomBytes } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ownSha256, sha256Sync } from "./sha256.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const nodes = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

afterEach(() => vi.unstubAllGlobals());

describe("ownSha256", () => {
  // FIPS 180-2, appendix B, and the million of NIST's examples.
  it.each([
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    ["abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"],
    ["a".repeat(1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
  ])("%.20s", (text, digest) => {
    expect(hex(ownSha256(new TextEncoder().encode(text)))).toBe(digest);
  });

  it("agrees with Node's for every length up to 300, and for large ones", () => {
    for (const length of [...Array(301).keys(), 65_535, 65_536, 1_000_003]) {
      const bytes = new Uint8Array(randomBytes(length));

      expect(hex(ownSha256(bytes))).toBe(nodes(bytes));
    }
  });

  it("reads what lies somewhere in a larger buffer", () => {
    const bytes = new Uint8Array(randomBytes(500)).subarray(77, 377);

    expect(hex(ownSha256(bytes))).toBe(nodes(bytes));
  });
});

describe("sha256Sync", () => {
  it("gives 32 bytes of their own, with Node and without", () => {
    const bytes = new Uint8Array(randomBytes(100));
    const withNode = sha256Sync(bytes);
    vi.stubGlobal("process", undefined);
    const without = sha256Sync(bytes);

    expect([hex(withNode), hex(without)]).toEqual([nodes(bytes), nodes(bytes)]);
    expect([withNode.buffer.byteLength, withNode.constructor]).toEqual([32, Uint8Array]);
  });
});
