import { describe, expect, it } from "vitest";
import { crc32 } from "./crc32.ts";
import { bytesOf, fields, joined, type Part, zipOf } from "./wheel.test-builder.ts";
import { openZip } from "./zip.ts";

const CONTENT = "0123456789".repeat(20);
const FILE: Part = { path: "a/b.txt", content: CONTENT, stored: true };
const numbers = [[crc32(bytesOf(CONTENT)), 4], [200, 4], [200, 4]] as const;
const open = (...parts: readonly Part[]) => openZip(zipOf(parts));

describe("openZip", () => {
  it.each<[string, Part]>([
    ["a stored file", FILE],
    ["a deflated file", { ...FILE, stored: false }],
    ["a name in UTF-8", { ...FILE, flags: 0x800 }],
    ["numbers behind the data", { ...FILE, descriptor: fields([0x08074b50, 4], ...numbers) }],
    ["numbers without a signature", { ...FILE, descriptor: fields(...numbers) }],
    ["time stamps", { ...FILE, extra: fields([0x5455, 2], [2, 2], [1, 2]), localExtra: fields([0x5455, 2], [4, 2], [1, 4]) }],
  ])("takes %s", (_, part) => {
    const zip = open({ path: "a/", content: "", stored: true, attributes: 0o40755 * 65536 }, part);

    expect(zip?.files.map(({ path, size, mode }) => [path, size, mode])).toEqual([["a/b.txt", 200, 0o644]]);
    expect([...(zip?.byFolded ?? [])]).toEqual([
      ["a", -1],
      ["a/b.txt", 0],
    ]);
  });

  it.each<[string, Part]>([
    ["an encrypted file", { ...FILE, flags: 1 }],
    ["a link", { ...FILE, attributes: 0o120777 * 65536 }],
    ["two names of one entry", { ...FILE, localPath: "a/c.txt" }],
    ["a second name in an extra field", { ...FILE, extra: fields([0x7075, 2], [0, 2]) }],
    ["an extra field that breaks off", { ...FILE, localExtra: fields([0x5455, 2], [9, 2]) }],
    ["other numbers behind the data", { ...FILE, descriptor: fields([1, 4], [200, 4], [200, 4]) }],
    ["no numbers behind the data", { ...FILE, descriptor: bytesOf("") }],
    ["a stored file of two sizes", { ...FILE, size: 199 }],
    ["a bomb", { ...FILE, stored: false, size: 2 ** 20 }],
    ["a file that a directory's attribute is on", { ...FILE, attributes: 0x10 }],
    ["a directory that has content", { ...FILE, path: "a/c/" }],
    ...["", "/a", "../a", "a/../b", "a/./b", "./a", "a//b", "a\\b", "c:a", "a\nb", "a\0", 'a"b', "ü"].map(
      (path): [string, Part] => [`the name ${JSON.stringify(path)}`, { ...FILE, path }],
    ),
  ])("leaves %s to Python", (_, part) => {
    expect(open(part)).toBeNull();
  });

  const whole = zipOf([FILE]);
  it.each<[string, Uint8Array]>([
    ["nothing", new Uint8Array(0)],
    ["an archive of nothing", zipOf([])],
    ["an archive of directories", zipOf([{ path: "a/", content: "", stored: true, attributes: 0 }])],
    ["bytes before it", joined([bytesOf("#!"), whole])],
    ["bytes behind it", joined([whole, bytesOf("\n")])],
    ["a comment", joined([whole.subarray(0, -2), fields([1, 2]), bytesOf("x")])],
    ["an end that breaks off", whole.subarray(0, -1)],
    ["another end in a file", zipOf([{ ...FILE, content: "PK\x05\x06" }])],
    ["one name twice", zipOf([FILE, FILE])],
    ["two names that differ in case", zipOf([FILE, { ...FILE, path: "A/B.txt" }])],
    ["a file and a directory of one name", zipOf([FILE, { ...FILE, path: "a" }])],
  ])("leaves %s to Python", (_, bytes) => {
    expect(openZip(bytes)).toBeNull();
  });

  it("opens an archive whose every single byte is changed, or leaves it to Python", () => {
    for (let at = 0; at < whole.length; at += 1) {
      const bytes = whole.slice();
      bytes[at] = (bytes[at] ?? 0) ^ 0xff;

      expect(() => openZip(bytes)).not.toThrow();
    }
  });
});
