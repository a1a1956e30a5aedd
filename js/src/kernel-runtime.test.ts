import { afterEach, describe, expect, it, vi } from "vitest";
import { BootError, type BootedPyodide, type BootOptions, bootFromLock, LockError } from "./boot-main.ts";
import { kernelLoader, type KernelPyodide, mountedOf } from "./kernel-runtime.ts";

vi.mock("./boot-main.ts", async (original) => ({ ...(await original<object>()), bootFromLock: vi.fn(), openStore: async () => null }));
const boot = vi.mocked(bootFromLock);
const RUNTIME = "https://site.example/static/pyodide/";

class Pyodide {
  readonly ran: string[] = [];
  readonly loaded: unknown[] = [];
  runPython(code: string): void {
    this.ran.push(code.includes("append(") ? "drive last" : "drive first");
  }
  async loadPackage(names: readonly string[]): Promise<void> {
    this.loaded.push(names);
  }
  async loadPackagesFromImports(code: string): Promise<string> {
    return `imports of ${code}`;
  }
}

const entry = (name: string, depends: readonly string[] = [], more: object = {}): object => ({ name, file_name: `wheels/${name}-1-py3-none-any.whl`, sha256: name, depends, ...more });
const LOCK = JSON.stringify({
  info: { abi_version: "2026_0" },
  packages: { a: entry("a", ["B_c"]), "b-c": entry("b_c"), other: entry("other"), "a-tests": { name: "a-tests", file_name: "a-tests.zip", sha256: "t" } },
  tool: { "micropip-lock": { version: 1, start: { url: "start-0.pack" }, mocks: [{ name: "m" }], unlocked: [{}] } },
});
const URL_OF_LOCK = "https://site.example/lock.json";

function loaderOf(pyodide: Pyodide, given: Record<string, unknown>[] = []): (options?: Record<string, unknown>) => Promise<KernelPyodide> {
  const load = async (options: Record<string, unknown>): Promise<KernelPyodide> => {
    given.push(options);
    return pyodide as unknown as KernelPyodide;
  };
  return kernelLoader(load, RUNTIME);
}

afterEach(() => {
  boot.mockReset();
  vi.restoreAllMocks();
});

describe("what kernels load as Pyodide", () => {
  it("boots with the packages that the kernel names", async () => {
    const pyodide = new Pyodide();
    let options: BootOptions<BootedPyodide> | undefined;
    boot.mockImplementation(async (asked) => {
      options = asked as unknown as BootOptions<BootedPyodide>;
      return (await asked.loadPyodide({ ...asked.pyodide })) as never;
    });
    const given: Record<string, unknown>[] = [];
    const load = loaderOf(pyodide, given);
    await load({ indexURL: "https://site.example/ours/", lockFileURL: URL_OF_LOCK, packages: ["a"], stdLibURL: "https://site.example/std.zip", env: { A: "b" } });
    expect(options).toMatchObject({ lock: URL_OF_LOCK, base: URL_OF_LOCK, stdLibURL: "https://site.example/std.zip", runtimeFirst: true });
    // Pyodide itself loads nothing, and finds its own files; it knows the lock, for what is imported later.
    expect(given).toEqual([expect.objectContaining({ indexURL: RUNTIME, packages: [], lockFileURL: URL_OF_LOCK, env: { A: "b" } })]);
    const chosen = options?.choose?.(LOCK);
    expect([Object.keys(JSON.parse(chosen?.lock as string).packages).sort(), chosen?.packages]).toEqual([["a", "b-c"], ["a"]]);
    await load({ lockFileContents: LOCK, packageBaseUrl: "https://site.example/b/", packages: ["other"] });
    expect(options).toMatchObject({ lock: LOCK, base: "https://site.example/b/" });
  });

  it.each<[string, Record<string, unknown> | undefined]>([
    ["no options", undefined],
    ["no packages", { lockFileURL: URL_OF_LOCK, packages: [] }],
    ["no lock", { packages: ["a"] }],
  ])("is Pyodide itself where there is nothing to mount: %s", async (_, options) => {
    const given: Record<string, unknown>[] = [];
    await loaderOf(new Pyodide(), given)(options);
    expect(boot).not.toHaveBeenCalled();
    expect(given).toEqual([{ ...options, indexURL: RUNTIME }]);
  });

  it("looks at the drive last, and lets what is not urgent wait, until the first cell", async () => {
    const pyodide = new Pyodide();
    let quiet: Promise<unknown> | undefined;
    boot.mockImplementation(async (asked) => {
      ({ quiet } = asked);
      return pyodide as never;
    });
    const kernel = await loaderOf(pyodide)({ lockFileURL: URL_OF_LOCK, packages: ["a"] });
    const over = vi.fn();
    void quiet?.then(over);
    await Promise.resolve();
    expect([pyodide.ran, over.mock.calls.length]).toEqual([["drive last"], 0]);
    expect([await kernel.loadPackagesFromImports("1"), await kernel.loadPackagesFromImports("2")]).toEqual(["imports of 1", "imports of 2"]);
    expect([pyodide.ran, over.mock.calls.length]).toEqual([["drive last", "drive first"], 1]);
  });

  it("mounts what kernels name of a lock, from where the page has it, and nothing else that stands there", () => {
    const blob = { file_name: "blob:https://site.example/1#/a-1-py3-none-any.whl", tool: { "micropip-lock": { url: "https://files.example/a-1-py3-none-any.whl" } } };
    const value = JSON.parse(LOCK);
    Object.assign(value.packages.a, blob);
    const { lock, packages, addresses, others } = mountedOf(JSON.stringify(value), ["A", "more"]);
    expect([packages, others, [...(addresses ?? [])]]).toEqual([["a"], ["more"], [["a", "blob:https://site.example/1"]]]);
    const told = JSON.parse(lock);
    expect(Object.keys(told.packages).sort()).toEqual(["a", "b-c"]);
    expect(told.packages.a.file_name).toBe("https://files.example/a-1-py3-none-any.whl");
    expect([told.info, told.tool]).toEqual([{ abi_version: "2026_0" }, { "micropip-lock": { version: 1, start: { url: "start-0.pack" } } }]);
  });

  it.each(["{", "null", "[]"])("says that a text is no lock, or holds nothing of what is named: %s", (text) => {
    if (text === "{") {
      expect(() => mountedOf(text, ["a"])).toThrow("cannot be read");
    } else {
      expect(mountedOf(text, ["a"])).toMatchObject({ packages: [], others: ["a"] });
    }
  });

  it.each([null, 5, "text", {}, { file_name: 5 }, { file_name: "a.whl", depends: 5 }, { file_name: "a.whl", depends: [null] }, { file_name: "blob:x" }])(
    "fails at no entry, whatever it is: %j",
    (broken) => {
      expect(mountedOf(JSON.stringify({ packages: { a: broken } }), ["a"]).packages).toEqual(["a"]);
    },
  );

  it("lets Pyodide load what the lock does not have", async () => {
    const pyodide = new Pyodide();
    boot.mockImplementation(async ({ choose }) => {
      choose?.(LOCK);
      return pyodide as never;
    });
    await loaderOf(pyodide)({ lockFileURL: URL_OF_LOCK, packages: ["a", "more"] });
    expect(pyodide.loaded).toEqual([["more"]]);
  });

  it("does not wait for a first cell forever", async () => {
    vi.useFakeTimers();
    try {
      const pyodide = new Pyodide();
      boot.mockImplementation(async () => pyodide as never);
      await loaderOf(pyodide)({ lockFileURL: URL_OF_LOCK, packages: ["a"] });
      vi.advanceTimersByTime(60_000);
      expect(pyodide.ran).toEqual(["drive last", "drive first"]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("lets Pyodide load what cannot be mounted, and says why", async () => {
    const pyodide = new Pyodide();
    const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    boot.mockImplementation(async () => {
      throw new BootError(new LockError("not-plain", "something is not ordinary"), pyodide);
    });
    expect(await loaderOf(pyodide)({ lockFileURL: URL_OF_LOCK, packages: ["a"] })).toBe(pyodide);
    expect([pyodide.loaded, pyodide.ran]).toEqual([[["a"]], []]);
    expect(warned.mock.calls[0]?.[0]).toContain("not-plain: something is not ordinary");
  });

  it("tells a runtime that does not boot", async () => {
    boot.mockImplementation(async () => {
      throw new TypeError("no WebAssembly");
    });
    await expect(loaderOf(new Pyodide())({ lockFileURL: URL_OF_LOCK, packages: ["a"] })).rejects.toThrow("no WebAssembly");
  });
});
