import { describe, expect, it } from "vitest";
import { type Base, fits, lockedOptions, neededWheels, ownPackages } from "./lab-environment.ts";
import { openText } from "./linked-lock.ts";

const DIGEST = "a".repeat(64);

function entry(name: string, depends: readonly string[] = [], tool: object = {}): object {
  const file_name = `https://files.example/${name}-1.0-py3-none-any.whl`;
  return { name, version: "1.0", file_name, install_dir: "site", sha256: DIGEST, package_type: "package", imports: [name], depends, unvendored_tests: false, tool };
}

function lockOf(packages: Record<string, object>): string {
  return JSON.stringify({ info: { abi_version: "2026_0", arch: "wasm32", platform: "emscripten_5_0_3", python: "3.14.2" }, packages });
}

const base: Base = {
  url: "https://site.example/static/micropip-lock/kernel.json",
  lock: JSON.parse(lockOf({ ipython: { ...entry("ipython", ["traitlets"]), file_name: "wheels/x/ipython.whl" }, traitlets: entry("traitlets"), other: entry("other") })),
};

describe("what a kernel is started with", () => {
  it("has the kernel's own packages from the site, whatever the lock says", async () => {
    const opened = await openText(lockOf({ traitlets: entry("traitlets"), a: entry("a", ["traitlets"]) }), undefined);
    expect([...ownPackages(base)].sort()).toEqual(["ipython", "traitlets"]);
    expect(neededWheels(opened, base).map(({ name }) => name)).toEqual(["a"]);
    const options = lockedOptions({ lockFileURL: "https://site.example/x", args: ["-v"], env: { A: "b" } }, opened, base, new Map([["a", "blob:x"]]));
    const lock = JSON.parse(options["lockFileContents"] as string);
    expect(lock.packages.a.file_name).toBe("blob:x#/a-1.0-py3-none-any.whl");
    expect(lock.packages.a.tool["micropip-lock"]).toEqual({ source: "url", url: "https://files.example/a-1.0-py3-none-any.whl" });
    expect(lock.packages.ipython.file_name).toBe("https://site.example/static/micropip-lock/wheels/x/ipython.whl");
    expect(options["packages"]).toEqual(["ipython", "traitlets", "a"]);
    expect(options["packageBaseUrl"]).toBe("https://site.example/static/micropip-lock/");
    expect(options["env"]).toEqual({ A: "b", MICROPIP_LOCK_ID: opened.id });
    expect([options["args"], options["lockFileURL"]]).toEqual([["-v"], undefined]);
  });

  it("begins with what the site has for its own packages, and with nothing that is the lock's", async () => {
    const start = { url: "start-0123.pack", sha256: DIGEST, size: 7 };
    const tool = { "micropip-lock": { version: 1, start, roots: ["other"] } };
    const text = JSON.stringify({ ...JSON.parse(lockOf({ b: entry("b") })), tool: { "micropip-lock": { version: 1, start: { ...start, url: "theirs.pack" } } } });
    const opened = await openText(text, "https://else.example/");
    const startsOf = (options: Record<string, unknown>): unknown => JSON.parse(options["lockFileContents"] as string).tool;
    const told = { version: 1, start: { ...start, url: "https://site.example/static/micropip-lock/start-0123.pack" } };
    expect(startsOf(lockedOptions({}, opened, { ...base, lock: { ...base.lock, tool } }, new Map([["b", "blob:z"]])))).toEqual({ "micropip-lock": told });
    expect(startsOf(lockedOptions({}, opened, base, new Map([["b", "blob:z"]])))).toBeUndefined();
  });

  it("keeps what the lock says of an origin", async () => {
    const tool = { "micropip-lock": { source: "index", index: "https://index.example/simple", url: "https://files.example/b-1.0-py3-none-any.whl" } };
    const text = JSON.stringify({ ...JSON.parse(lockOf({ b: entry("b", [], tool) })), tool: { "micropip-lock": { version: 1 } } });
    const options = lockedOptions({}, await openText(text, undefined), base, new Map([["b", "blob:y"]]));
    expect(JSON.parse(options["lockFileContents"] as string).packages.b.tool).toEqual(tool);
  });
});

describe("patterns of paths", () => {
  it.each([
    ["*.ipynb", "a/b.ipynb", true],
    ["data/*.ipynb", "a/b.ipynb", false],
    ["?.ipynb", "a.ipynb", true],
    ["a.ipynb", "axipynb", false],
    ["(a)+.ipynb", "(a)+.ipynb", true],
  ])("%s and %s: %s", (pattern, path, is) => {
    expect(fits(pattern, path)).toBe(is);
  });
});
