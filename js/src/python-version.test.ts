import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { admitsPython } from "./python-version.ts";

interface Case {
  readonly specifiers: string;
  readonly python: string;
  readonly admits: boolean;
}

const { cases }: { cases: readonly Case[] } = JSON.parse(
  readFileSync(new URL("../../tests/vectors/requires_python.json", import.meta.url), "utf8"),
);

describe("admitsPython", () => {
  it.each(cases)("says what Python says: $python and $specifiers", ({ specifiers, python, admits }) => {
    expect(admitsPython(specifiers, python)).toBe(admits);
  });

  it.each([">=3.8rc1", "===3.14.2", ">=1!3", "~=3", ">=3.8.*", "3.8", ">=3.8 or <4", ">=3.8,"])("leaves to Python: %s", (specifiers) => {
    expect(admitsPython(specifiers, "3.14.2")).toBeNull();
  });
});
