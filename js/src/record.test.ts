import { beforeEach, describe, expect, it } from "vitest";
import { takeRecord } from "./record.ts";
import { rowOf, zipOf } from "./wheel.test-builder.ts";
import { openZip, type PlainZip } from "./zip.ts";

const OWN = "x/RECORD";
const A = rowOf("a.py", "1");
const B = rowOf("b.py", "22");
const LISTED = `${A}${B}${OWN},,\n`;
const bytes = zipOf(["a.py", "b.py", OWN].map((path, at) => ({ path, content: "1".repeat(1) + "2".repeat(at) })));

let zip: PlainZip;
beforeEach(() => {
  zip = openZip(bytes) as PlainZip;
});

const sized = (size: number) => `b.py,sha256=${"A".repeat(43)},${size}\n`;
const ROWS = `${A}${sized(2)}`;

describe("takeRecord", () => {
  it("gives each file its digest", () => {
    expect(takeRecord(LISTED, OWN, zip)).toBe(true);
    expect(zip.files.map(({ digest }) => digest)).toEqual([A.slice(12, 55), B.slice(12, 55), null]);
  });

  it.each([
    ["another order", `${OWN},,\n${sized(2)}${A}`],
    ["no row of its own", ROWS],
    ["no end of the last line", `${ROWS}${OWN},,`],
    ["other line ends", `${ROWS}${OWN},,\n`.replaceAll("\n", "\r\n")],
    ["a size with zeros before it", `${A}${sized(2).replace(",2", ",002")}`],
  ])("takes %s", (_, text) => {
    expect(takeRecord(text, OWN, zip)).toBe(true);
  });

  it.each([
    ["nothing", ""],
    ["a row too few", A],
    ["a row twice", `${ROWS}${A}`],
    ["its own row twice", `${ROWS}${OWN},,\n${OWN},,\n`],
    ["its own row with a digest", `${ROWS}${OWN},sha256=${"A".repeat(43)},1\n`],
    ["a file that is not there", `${ROWS}c.py,sha256=${"A".repeat(43)},1\n`],
    ["a name in another case", `${A}${sized(2).replace("b", "B")}`],
    ["another size", `${A}${sized(3)}`],
    ["no size", `${A}${sized(2).replace(",2", ",")}`],
    ["a size of thirteen digits", `${A}${sized(2).replace(",2", ",0000000000002")}`],
    ["another algorithm", `${A}${sized(2).replace("sha256", "sha384")}`],
    ["a short digest", `${A}${sized(2).replace("AAA", "AA")}`],
    ["padding", `${A}${sized(2).replace("AAA,", "AA=,")}`],
    ["unused bits", `${A}${sized(2).replace("A,", "B,")}`],
    ["a letter that is none", `${A}${sized(2).replace("AAA,", "Aé\u0141,")}`],
    ["a fourth field", `${A}${sized(2).replace("\n", ",\n")}`],
    ["quotation marks", `${A}"b.py"${sized(2).slice(4)}`],
    ["an empty line", `${A}\n${sized(2)}`],
    ["a line end of another kind", `${A.replace("\n", "\r")}${sized(2)}`],
  ])("leaves %s to Python", (_, text) => {
    expect(takeRecord(text, OWN, zip)).toBe(false);
  });
});
