import { describe, expect, it } from "vitest";
import { crc32, ownCrc32 } from "./crc32.ts";

/** Bit by bit, as the polynomial says. */
function slowly(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
  }
  return ~crc >>> 0;
}

describe("crc32", () => {
  it.each([
    ["", 0],
    ["123456789", 0xcbf43926],
    ["The quick brown fox jumps over the lazy dog", 0x414fa339],
  ])("%s", (text, expected) => {
    expect(crc32(new TextEncoder().encode(text))).toBe(expected);
  });

  it("is the same for every length and place, sixteen bytes a step or one", () => {
    const bytes = Uint8Array.from({ length: 400 }, (_, at) => (at * at * 31) >>> 3);
    for (let length = 0; length < 100; length += 1) {
      const piece = bytes.subarray(length, 3 * length);

      expect(crc32(piece)).toBe(slowly(piece));
    }
  });

  it("is the same for large contents, with Node's and without", () => {
    const bytes = Uint8Array.from({ length: 100_003 }, (_, at) => (at * at) >>> 5);

    expect([crc32(bytes), ownCrc32(bytes)]).toEqual([slowly(bytes), slowly(bytes)]);
  });
});
