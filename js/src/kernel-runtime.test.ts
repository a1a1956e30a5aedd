import { afterEach, describe, expect, it, vi } from "vitest";
import { BootError, type BootedPyodide, type BootOptions, bootFromLock, LockError } from "./boot-main.ts";
import { kernelLoader, type KernelPyodide } from "./kernel-runtime.ts";

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
    await load({ indexURL: "https://site.example/ours/", lockFileURL: "https://site.example/lock.json", packages: ["a"], stdLibURL: "https://site.example/std.zip", env: { A: "b" } });
    expect(options).toMatchObject({ lock: "https://site.example/lock.json", packages: ["a"], stdLibURL: "https://site.example/std.zip", runtimeFirst: true });
    // Pyodide itself loads nothing, and finds its own files; it knows the lock, for what is imported later.
    expect(given).toEqual([expect.objectContaining({ indexURL: RUNTIME, packages: [], lockFileURL: "https://site.example/lock.json", env: { A: "b" } })]);
    await load({ lockFileContents: "{}", packageBaseUrl: "https://site.example/b/", packages: ["a"] });
    expect(options).toMatchObject({ lock: "{}", base: "https://site.example/b/" });
  });

  it.each<[string, Record<string, unknown> | undefined]>([
    ["no options", undefined],
    ["no packages", { lockFileURL: "x", packages: [] }],
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
    const kernel = await loaderOf(pyodide)({ lockFileURL: "x", packages: ["a"] });
    const over = vi.fn();
    void quiet?.then(over);
    await Promise.resolve();
    expect([pyodide.ran, over.mock.calls.length]).toEqual([["drive last"], 0]);
    expect([await kernel.loadPackagesFromImports("1"), await kernel.loadPackagesFromImports("2")]).toEqual(["imports of 1", "imports of 2"]);
    expect([pyodide.ran, over.mock.calls.length]).toEqual([["drive last", "drive first"], 1]);
  });

  it("does not wait for a first cell forever", async () => {
    vi.useFakeTimers();
    try {
      const pyodide = new Pyodide();
      boot.mockImplementation(async () => pyodide as never);
      await loaderOf(pyodide)({ lockFileURL: "x", packages: ["a"] });
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
    expect(await loaderOf(pyodide)({ lockFileURL: "x", packages: ["a"] })).toBe(pyodide);
    expect([pyodide.loaded, pyodide.ran]).toEqual([[["a"]], []]);
    expect(warned.mock.calls[0]?.[0]).toContain("not-plain: something is not ordinary");
  });

  it("tells a runtime that does not boot", async () => {
    boot.mockImplementation(async () => {
      throw new TypeError("no WebAssembly");
    });
    await expect(loaderOf(new Pyodide())({ lockFileURL: "x", packages: ["a"] })).rejects.toThrow("no WebAssembly");
  });
});
