import { describe, expect, it } from "vitest";
import { importClash } from "./import-names.ts";

const wheel = (name: string, ...lines: string[]) => ({
  name,
  metadata: ["Metadata-Version: 2.5", `Name: ${name}`, "Version: 1", ...lines, "", "Import-Name: text"].join("\n"),
});

describe("importClash", () => {
  it.each([
    ["nothing declared", [wheel("a"), wheel("b")]],
    ["names of their own", [wheel("a", "Import-Name: a"), wheel("b", "import-name: b; private")]],
    ["a namespace that both share", [wheel("a", "Import-Namespace: ns"), wheel("b", "Import-Namespace: ns")]],
    ["a name given twice by one", [wheel("a", "Import-Name: a", "Import-Name: a ; private")]],
    ["no name", [wheel("a", "Import-Name: "), wheel("b", "Import-Name:")]],
    ["a name in the text below the fields", [wheel("a", "Import-Name: text"), wheel("b")]],
  ])("finds none in %s", (_, wheels) => {
    expect(importClash(wheels)).toBeNull();
  });

  it.each([
    ["two that own a name", [wheel("b", "Import-Name: x"), wheel("a", "IMPORT-NAME:x;private")], { module: "x", names: ["a", "b"] }],
    ["one that owns what another shares", [wheel("a", "Import-Name: x"), wheel("b", "Import-Namespace: x")], { module: "x", names: ["a", "b"] }],
    ["one that owns and shares", [wheel("a", "Import-Name: x", "Import-Namespace: x")], { module: "x", names: ["a"] }],
    ["a name on the next line", [wheel("a", "Import-Name:\n  x"), wheel("b", "Import-Name: x")], { module: "x", names: ["a", "b"] }],
    ["the first of two", [wheel("a", "Import-Name: y", "Import-Name: x"), wheel("b", "Import-Name: y", "Import-Name: x")], { module: "x", names: ["a", "b"] }],
  ])("finds %s", (_, wheels, clash) => {
    expect(importClash(wheels)).toEqual(clash);
  });
});
