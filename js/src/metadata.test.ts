import { describe, expect, it } from "vitest";
import { isPlainEntryPoints, isPlainWheelFile, readMetadata } from "./metadata.ts";

const HEAD = "Metadata-Version: 2.1\nName: six\nVersion: 1.0\n";

describe("readMetadata", () => {
  it.each([
    ["a short one", HEAD],
    ["a description", `${HEAD}\nName: seven\n`],
    ["no end of the last line", HEAD.slice(0, -1)],
    ["other line ends", HEAD.replaceAll("\n", "\r\n")],
    ["other fields, folded ones too", `Author: Ä\nLicense: one\n  two\n\tthree\n${HEAD}`],
    ["names in any case", HEAD.replace("Name", "nAME")],
  ])("reads %s", (_, text) => {
    expect(readMetadata(text)).toEqual({ name: "six", version: "1.0", requiresPython: "" });
  });

  it.each([
    ["nothing", ""],
    ["a byte order mark", `\ufeff${HEAD}`],
    ["no name", HEAD.replace("Name", "Nom")],
    ["one name twice", `${HEAD}Name: six\n`],
    ["a folded name", HEAD.replace("six", "six\n ty")],
    ["a folded requirement", `${HEAD}Requires-Dist: a\n ;extra=='x'\n`],
    ["a line that is no field", `${HEAD}six\nRequires-Python: >=3\n`],
    ["a mailbox", `From six\n${HEAD}`],
    ["a later format", HEAD.replace("2.1", "2.6")],
    ["a name with a mark at its end", HEAD.replace("six", "six\ufeff")],
    ["another kind of blank", HEAD.replace("six", "six\u00a0")],
    ["a Requires-Python that nobody can parse", `${HEAD}Requires-Python: >=3.6.*\n`],
    ["an odd requirement", `${HEAD}Requires-Dist: a @ https://files.example/a.whl\n`],
  ])("leaves %s to Python", (_, text) => {
    expect(readMetadata(text)).toBeNull();
  });
});

describe("isPlainWheelFile", () => {
  it.each([
    ["Wheel-Version: 1.0\nTag: a\n", true],
    ["wheel-version: 1.9 \r\nTag: a\r\n", true],
    ["Wheel-Version: 2.0\n", false],
    ["Wheel-Version: 1.0\nWheel-Version: 1.0\n", false],
    [" Wheel-Version: 1.0\n", false],
    ["Wheel-Version: 1.0\nGenerator: é\n", false],
    ["Tag: a\rWheel-Version: 1.0\n", false],
    ["", false],
  ])("%j: %s", (text, plain) => {
    expect(isPlainWheelFile(text)).toBe(plain);
  });
});

describe("isPlainEntryPoints", () => {
  it.each([
    ["[console_scripts]\na = b:c\n\n# d = /\n[x]\na/b = anything: at all\n", true],
    ["[gui_scripts]\r\na-b.c = b.d : c.e [x]\r\n", true],
    ["[console_scripts]\na/b = c:d\n", false],
    ["[console_scripts]\n[x\na = /\n", false],
    ["[console_scripts]\n [x]\na = /\n", false],
    ["[console_scripts]\na = b c\n", false],
    ["[console_scripts]\n= b\n", false],
    ["[x]\na = é\n", false],
    ["[x]\na = \x0bb\n", false],
  ])("%j: %s", (text, plain) => {
    expect(isPlainEntryPoints(text)).toBe(plain);
  });
});
