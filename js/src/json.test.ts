import { describe, expect, it } from "vitest";
import { byCodePoint, canonicalJson, MAX_DEPTH, parseJson } from "./json.ts";

describe("parseJson", () => {
  it("tells the place, both sides and the reason", () => {
    let caught: unknown;
    try {
      parseJson('{\n  "packages": {"six": 1,\n    "six": 2}\n}');
    } catch (error) {
      caught = error;
    }

    expect(caught).toMatchObject({
      code: "duplicate-key",
      where: "line 3 column 5",
      expected: "each key once",
      got: '"six" again',
    });
  });

  it("says that a web page came when a web page came", () => {
    expect(() => parseJson("<html></html>")).toThrow(expect.objectContaining({ hint: expect.stringContaining("HTML") }));
  });

  it("refuses 100,000 brackets by their depth, not by running out of stack", () => {
    expect(() => parseJson("[".repeat(100_000))).toThrow(expect.objectContaining({ code: "depth" }));
  });

  it("reads to the deepest level that is allowed", () => {
    const text = "[".repeat(MAX_DEPTH) + "]".repeat(MAX_DEPTH);

    expect(canonicalJson(parseJson(text))).toBe(text);
  });

  it("reads two megabytes in less than two seconds", () => {
    const text = JSON.stringify(Object.fromEntries(Array.from({ length: 40_000 }, (_, at) => [`k${at}`, "v".repeat(40)])));
    const started = performance.now();
    parseJson(text);

    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it("touches no prototype", () => {
    parseJson('{"__proto__": {"polluted": true}}');

    expect("polluted" in {}).toBe(false);
  });
});

describe("canonicalJson", () => {
  it("is a fixed point", () => {
    const once = canonicalJson(parseJson(' {"b": [1, {"\u{1f600}": null}], "a": "\\u00e9\\n"} '));

    expect(canonicalJson(parseJson(once))).toBe(once);
  });
});

describe("byCodePoint", () => {
  it("sorts as the code points do", () => {
    const texts = ["\u{1f600}", "\uff5e", "\u{10000}", "\ue000", "\ud7ff", "a", "", "ab", "\u{1f600}a", "b"];
    const asPython = ["", "a", "ab", "b", "\ud7ff", "\ue000", "\uff5e", "\u{10000}", "\u{1f600}", "\u{1f600}a"];

    expect(texts.sort(byCodePoint)).toEqual(asPython);
  });
});
