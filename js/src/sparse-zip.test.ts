import { describe, expect, it } from "vitest";
import { crc32 } from "./crc32.ts";
import { bytesOf, fields, joined, type Part, zipOf } from "./wheel.test-builder.ts";
import { openZip } from "./zip.ts";

const CONTENT = "x".repeat(100);
const LOCAL = 30;

/** Without the bytes from `from` to `to`, and what is here then. */
function without(bytes: Uint8Array, from: number, to: number): { parts: Uint8Array; has: (first: number, end: number) => boolean } {
  const parts = bytes.slice().fill(0, from, to);
  return { parts, has: (first, end) => end <= from || first >= to };
}

/** Three files, the middle one as given. */
function archive(part: Partial<Part>): { bytes: Uint8Array; from: number; to: number } {
  const around = { content: CONTENT, stored: true };
  const bytes = zipOf([{ ...around, path: "a" }, { ...around, ...part, path: "b" }, { ...around, path: "c" }]);
  const from = LOCAL + 1 + CONTENT.length;
  const next = openZip(bytes)?.files[2]?.start ?? 0;
  return { bytes, from, to: next - LOCAL - 1 };
}

const DESCRIPTOR = joined([fields([0x08074b50, 4], [crc32(bytesOf(CONTENT)), 4], [CONTENT.length, 4], [CONTENT.length, 4])]);

describe("openZip of parts", () => {
  it.each<[string, Partial<Part>]>([
    ["a stored file", {}],
    ["a deflated file", { stored: false }],
    ["an extra field of the directory", { extra: fields([0x5455, 2], [0, 2]) }],
    ["an extra field in front of the data", { localExtra: fields([0x5455, 2], [2, 2], [7, 2]) }],
    ["no content", { content: "" }],
  ])("finds %s that is not here where it will be", (_, part) => {
    const { bytes, from, to } = archive(part);
    const { parts, has } = without(bytes, from, to);
    expect(openZip(parts, has)).toEqual(openZip(bytes));
    expect(openZip(parts)).toBeNull();
  });

  it("does not guess where data begins that numbers follow, and looks at them where they are here", () => {
    const { bytes, from, to } = archive({ descriptor: DESCRIPTOR });
    const all = without(bytes, from, to);
    expect(openZip(all.parts, all.has)).toBeNull();
    const data = without(bytes, from + LOCAL + 1, to - DESCRIPTOR.length);
    expect(openZip(data.parts, data.has)).toEqual(openZip(bytes));
  });

  it("finds the last file before the directory, and looks at the headers that are here", () => {
    const { bytes, from, to } = archive({});
    const last = without(bytes, to, to + LOCAL + 1 + CONTENT.length);
    expect(openZip(last.parts, last.has)).toEqual(openZip(bytes));
    const { parts, has } = without(bytes, from, to);
    parts[to + LOCAL] = 0x78;
    expect(openZip(parts, has)).toBeNull();
  });

  it("is never thrown off by a byte that is changed", () => {
    const { bytes, from, to } = archive({});
    const { parts, has } = without(bytes, from, to);
    for (let at = 0; at < parts.length; at += 1) {
      const changed = parts.slice();
      changed[at] = (changed[at] ?? 0) ^ 0xff;
      expect(() => openZip(changed, has)).not.toThrow();
    }
  });
});
