import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { LockedWheel } from "./lock-reader.ts";
import { recordFiles } from "./records.ts";

interface Case {
  readonly wheel: LockedWheel;
  readonly address: string;
  readonly recordText: string;
  readonly files: Readonly<Record<string, string>>;
}

const { cases }: { cases: readonly Case[] } = JSON.parse(
  readFileSync(new URL("../../tests/vectors/records.json", import.meta.url), "utf8"),
);
const [plainest] = cases as readonly [Case];

describe("recordFiles", () => {
  it.each(cases)("writes the bytes that Python writes: $address $wheel.origin", async ({ wheel, address, recordText, files }) => {
    expect(await recordFiles(wheel, address, recordText)).toEqual(files);
  });

  it.each([
    ["a token in the address", plainest.wheel, "https://files.example/six-1.16.0-py2.py3-none-any.whl?token=1"],
    ["a password in the requirement", { ...plainest.wheel, requirement: "six @ https://user:password@files.example/six.whl" }, plainest.address],
    ["a password in the index", { ...plainest.wheel, origin: { kind: "index", url: plainest.address, index: "https://user:password@index.example/" } }, plainest.address],
  ] as const)("writes nothing with %s", async (_, wheel, address) => {
    await expect(recordFiles(wheel, address, "")).rejects.toMatchObject({ code: "not-plain" });
  });
});
