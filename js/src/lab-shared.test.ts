import { expect, it } from "vitest";
import { compareVersions, shared, useScope } from "./lab-shared.ts";

it("takes the newest of several versions, and nothing for nothing", async () => {
  const module = (name: string) => ({ get: () => Promise.resolve(() => name) });
  useScope({ "@jupyterlab/x": { "4.9.0": module("old"), "4.10.0": module("new"), "4.10.0-beta.1": module("beta") } });
  expect([await shared("@jupyterlab/x"), await shared("@jupyterlab/y")]).toEqual(["new", null]);
});

it.each([
  ["1.0.0", "1.0.0", 0],
  ["1.0.0", "1.0.1", -1],
  ["10.0.0", "9.9.9", 1],
  ["1.0.0-rc.1", "1.0.0", -1],
])("%s against %s", (a, b, sign) => {
  expect(Math.sign(compareVersions(a, b))).toBe(sign);
});
