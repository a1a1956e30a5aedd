import { describe, expect, it } from "vitest";
import { isLockError, LockError } from "./errors.ts";

describe("LockError", () => {
  it("carries the facts it was given and no others", () => {
    const error = new LockError("hash-form", "not a digest", { where: "packages.six.sha256", got: "''" });

    expect({ ...error }).toEqual({
      name: "LockError",
      tag: "micropip-lock",
      code: "hash-form",
      where: "packages.six.sha256",
      got: "''",
    });
  });

  it("is recognised from another copy of the bundle, and other errors are not", () => {
    const foreign = Object.assign(new Error("from another bundle"), { tag: "micropip-lock", code: "depth" });
    const values = [new LockError("empty", ""), foreign, new Error("x"), { tag: "micropip-lock" }, null, undefined, "x"];

    expect(values.map(isLockError)).toEqual([true, true, false, false, false, false, false]);
  });
});
