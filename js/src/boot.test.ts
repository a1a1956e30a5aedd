import { describe, expect, it, vi } from "vitest";
import { bootFromLock } from "./boot.ts";
import { BootError, type BootEvent, type BootOptions } from "./boot-options.ts";
import { absolute, type BootedPyodide, checkAbi, checkImportNames, checkWheel, closure } from "./boot-place.ts";
import { LockError } from "./errors.ts";
import { hexOf } from "./hash.ts";
import { readLock } from "./lock-reader.ts";
import type { PlainWheel } from "./wheel.ts";

const INFO = { abi_version: "2026_0", arch: "wasm32", platform: "emscripten_5_0_3", python: "3.14.2" };
const bytes = new TextEncoder().encode("PK: no wheel at all");
const sha256 = await hexOf(bytes);

function lockOf(...names: readonly string[]): { info: typeof INFO; packages: Record<string, Record<string, unknown>> } {
  const entry = (name: string): Record<string, unknown> => ({
    ...{ name, version: "1", file_name: `wheels/${name}-1-py3-none-any.whl`, sha256 },
    depends: name === "a" ? ["b"] : [],
  });
  return { info: INFO, packages: Object.fromEntries(names.map((name) => [name, entry(name)])) };
}

/** A Pyodide whose file system is not known, so that nothing can be mounted. */
function running(info: Record<string, unknown> = INFO): BootedPyodide {
  const place = JSON.stringify({ site: "/site", prefix: "/", stdlib: "/lib.zip", python: "3.14.2" });
  const fake = { FS: { filesystems: {} }, _module: {}, runPython: () => place, loadedPackages: {}, _api: { lockfile_info: info } };
  return fake as unknown as BootedPyodide;
}

/** The network: what was asked for, and what was given up. */
class Network {
  readonly asked: string[] = [];
  readonly ended: string[] = [];
  answers: (url: string) => Response | Promise<Response> = () => new Response(bytes);

  readonly fetch: typeof fetch = async (url, options) => {
    const name = String(url).split("/").at(-1) ?? "";
    this.asked.push(name);
    const gone = new Promise<never>((_, reject) => {
      options?.signal?.addEventListener("abort", () => {
        this.ended.push(name);
        reject(options.signal?.reason);
      });
    });
    gone.catch(() => undefined);
    return await Promise.race([this.answers(String(url)), gone]);
  };
}

const forEver = (): Promise<never> => new Promise(() => undefined);
const later = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

function optionsOf(network: Network, more: Partial<BootOptions<BootedPyodide>> = {}): BootOptions<BootedPyodide> {
  return { loadPyodide: async () => running(), lock: lockOf("a", "b"), base: "https://files.example/env/", fetch: network.fetch, ...more };
}

async function failure(promise: Promise<unknown>): Promise<LockError> {
  try {
    await promise;
  } catch (error) {
    return error as LockError;
  }
  throw new Error("nothing failed");
}

describe("bootFromLock", () => {
  it("asks for wheels while the runtime boots", async () => {
    const network = new Network();
    let asked = 0;
    const loadPyodide = async (): Promise<BootedPyodide> => {
      await later(20);
      asked = network.asked.length;
      return running();
    };
    await failure(bootFromLock(optionsOf(network, { loadPyodide })));
    expect(asked).toBe(2);
  });

  it("lets Python be set up once the first wheel was asked for, and then calls the page's own hook", async () => {
    const network = new Network();
    const lock = "https://files.example/env/pyodide-lock.json";
    network.answers = (url) => new Response(url.endsWith(".json") ? JSON.stringify(lockOf("a", "b")) : bytes);
    const order: string[] = [];
    const loadPyodide = async (options: Record<string, unknown>): Promise<BootedPyodide> => {
      await (options["fsInit"] as (...args: unknown[]) => Promise<void>)("FS", "info");
      return running();
    };
    const fsInit = (...args: unknown[]): void => void order.push(...network.asked, ...(args as string[]));
    await failure(bootFromLock(optionsOf(network, { lock, loadPyodide, pyodide: { fsInit } })));
    expect(order.slice(0, 2)).toEqual(["pyodide-lock.json", "a-1-py3-none-any.whl"]);
    expect(order.slice(-2)).toEqual(["FS", "info"]);
  });

  it("asks for the runtime's files first where that is wanted, and for wheels before Python is set up", async () => {
    const network = new Network();
    const order: string[] = [];
    const loadPyodide = async (options: Record<string, unknown>): Promise<BootedPyodide> => {
      await later(20);
      order.push(`program, ${network.asked.length} wheels`);
      await (options["fsInit"] as () => Promise<void>)();
      order.push(`Python, ${network.asked.length} wheels`);
      return running();
    };
    await failure(bootFromLock(optionsOf(network, { loadPyodide, runtimeFirst: true })));
    expect(order).toEqual(["program, 0 wheels", "Python, 2 wheels"]);
  });

  it("asks for wheels when a runtime that should come first never calls back", async () => {
    const network = new Network();
    await failure(bootFromLock(optionsOf(network, { runtimeFirst: true })));
    expect(network.asked.length).toBe(2);
  });

  it("waits a moment for a lock that does not arrive, and not once more", async () => {
    vi.useFakeTimers();
    try {
      const network = new Network();
      network.answers = forEver;
      const happened: string[] = [];
      const loadPyodide = async (options: Record<string, unknown>): Promise<BootedPyodide> => {
        happened.push("begun");
        await (options["fsInit"] as () => Promise<void>)();
        happened.push("set up");
        throw new Error("that far");
      };
      const failing = failure(bootFromLock(optionsOf(network, { lock: "https://files.example/lock.json", loadPyodide })));
      await vi.advanceTimersByTimeAsync(299);
      expect(happened).toEqual(["begun"]);
      await vi.advanceTimersByTimeAsync(1);
      expect(happened).toEqual(["begun", "set up"]);
      expect((await failing).message).toBe("that far");
    } finally {
      vi.useRealTimers();
    }
  });

  it("takes what the page chooses of a lock, and bytes from where the page has them", async () => {
    const network = new Network();
    const seen: string[] = [];
    const choose = (text: string): { lock: string; packages: string[]; addresses: Map<string, string> } => {
      seen.push(text);
      return { lock: JSON.stringify(lockOf("a", "b", "c")), packages: ["c"], addresses: new Map([[sha256, "https://files.example/here.whl"]]) };
    };
    await failure(bootFromLock(optionsOf(network, { lock: "[]", choose })));
    expect([seen, network.asked]).toEqual([["[]"], ["here.whl"]]);
  });

  it("leaves a running Pyodide when nothing can be chosen", async () => {
    const choose = (): never => {
      throw new LockError("not-json", "no lock at all");
    };
    const error = await failure(bootFromLock(optionsOf(new Network(), { choose })));
    expect([error instanceof BootError, error.code]).toEqual([true, "not-json"]);
  });

  it("sets Python up all the same when the lock does not arrive", async () => {
    const network = new Network();
    network.answers = forEver;
    const loadPyodide = async (options: Record<string, unknown>): Promise<BootedPyodide> => {
      await (options["fsInit"] as () => Promise<void>)();
      throw new Error("that far");
    };
    const promise = bootFromLock(optionsOf(network, { lock: "https://files.example/lock.json", loadPyodide }));
    expect((await failure(promise)).message).toBe("that far");
  });

  it.each<[string, Partial<BootOptions<BootedPyodide>>, string]>([
    ["another ABI than the runtime's", { loadPyodide: async () => running({ ...INFO, abi_version: "2025_0" }) }, "abi-mismatch"],
    ["another machine", { loadPyodide: async () => running({ ...INFO, arch: "wasm64" }) }, "abi-mismatch"],
    ["a file system that is not known", {}, "mount-unknown"],
    ["a package that is not there", { packages: ["c"] }, "unknown-root"],
    ["a lock that is none", { lock: "{}" }, "missing"],
    ["a relative lock of nowhere", { base: "about:blank" }, "relative-url"],
  ])("leaves a running Pyodide and an error for %s", async (_, more, code) => {
    const error = await failure(bootFromLock(optionsOf(new Network(), more)));
    expect(error).toBeInstanceOf(BootError);
    expect([error.code, (error as BootError<BootedPyodide>).pyodide.loadedPackages]).toEqual([code, {}]);
    expect(Object.keys(error)).not.toContain("pyodide");
  });

  it("asks for no wheel when the page expects another ABI", async () => {
    const network = new Network();
    const error = await failure(bootFromLock(optionsOf(network, { abi: "2025_0" })));
    expect([error.code, network.asked]).toEqual(["abi-mismatch", []]);
  });

  it.each([
    ["a text", JSON.stringify(lockOf("b"))],
    ["a value", lockOf("b")],
    ["an address", "https://files.example/env/pyodide-lock.json"],
    ["a URL", new URL("https://files.example/env/pyodide-lock.json")],
  ])("takes a lock that is %s", async (_, lock) => {
    const network = new Network();
    network.answers = (url) => new Response(url.endsWith(".json") ? JSON.stringify(lockOf("b")) : bytes);
    await failure(bootFromLock(optionsOf(network, { lock })));
    expect(network.asked.filter((name) => name.endsWith(".whl"))).toEqual(["b-1-py3-none-any.whl"]);
  });

  it.each([
    [404, "not-found"],
    [500, "fetch-failed"],
  ])("tells a lock that the server answers with %s", async (status, code) => {
    const network = new Network();
    network.answers = () => new Response("", { status });
    expect((await failure(bootFromLock(optionsOf(network, { lock: "https://files.example/lock.json" })))).code).toBe(code);
  });

  it("hands on why the runtime does not boot, and gives the downloads up", async () => {
    const network = new Network();
    network.answers = forEver;
    const loadPyodide = async (): Promise<never> => {
      await later(10);
      throw new RangeError("no memory");
    };
    await expect(bootFromLock(optionsOf(network, { loadPyodide }))).rejects.toThrow(RangeError);
    expect(network.ended).toEqual(network.asked);
  });

  it.each(["before", "while it boots"])("stops when it is told to %s, without waiting for the runtime", async (when) => {
    const network = new Network();
    network.answers = forEver;
    const controller = new AbortController();
    if (when === "before") {
      controller.abort();
    }
    const booting = bootFromLock(optionsOf(network, { loadPyodide: forEver, signal: controller.signal }));
    setTimeout(() => controller.abort(), 10);
    const error = await failure(booting);
    expect([error.code, error instanceof BootError]).toEqual(["cancelled", false]);
    expect(network.ended).toEqual(network.asked);
  });

  it("leaves a runtime that it cannot stop to itself, without an error that nobody hears", async () => {
    const network = new Network();
    network.answers = forEver;
    const controller = new AbortController();
    const happened: string[] = [];
    const loadPyodide = async (options: Record<string, unknown>): Promise<BootedPyodide> => {
      happened.push("begun");
      // As Pyodide does: what it throws is lost, or an unhandled rejection.
      void (options["fsInit"] as () => Promise<void>)().then(() => happened.push("set up"));
      return forEver();
    };
    const lock = "https://files.example/env/pyodide-lock.json";
    const booting = bootFromLock(optionsOf(network, { lock, loadPyodide, signal: controller.signal }));
    await later(10);
    controller.abort();
    expect((await failure(booting)).code).toBe("cancelled");
    await later(10);
    expect(happened).toEqual(["begun", "set up"]);
  });

  it("lets the first wheel be asked for before a runtime takes the thread, however late its program came", async () => {
    const network = new Network();
    const happened: string[] = [];
    const store = {
      get: () => later(5).then(() => null),
      put: async () => "failed" as const,
      getExtra: async () => null,
      putExtra: async () => "failed" as const,
      settle: async () => undefined,
    };
    const loadPyodide = async (options: Record<string, unknown>): Promise<BootedPyodide> => {
      // Longer than a moment.
      await later(400);
      await (options["fsInit"] as () => Promise<void>)();
      happened.push(...network.asked);
      throw new Error("that far");
    };
    await failure(bootFromLock(optionsOf(network, { store, runtimeFirst: true, loadPyodide })));
    expect(happened.length).toBeGreaterThan(0);
  });

  it("hands the listener's own error on", async () => {
    const onProgress = ({ stage }: BootEvent): void => {
      if (stage === "fetch") {
        throw new RangeError("mine");
      }
    };
    await expect(bootFromLock(optionsOf(new Network(), { onProgress }))).rejects.toThrow(RangeError);
  });

  it("tells the bytes of all, as far as they are known", async () => {
    const events: BootEvent[] = [];
    const lock = lockOf("a", "b");
    for (const entry of Object.values(lock.packages)) {
      entry["tool"] = { "micropip-lock": { size: bytes.length } };
    }
    Object.assign(lock, { tool: { "micropip-lock": { version: 1 } } });
    await failure(bootFromLock(optionsOf(new Network(), { lock, onProgress: (event) => events.push(event) })));
    const sizes = events.filter(({ stage }) => stage === "fetch").map(({ allReceived }) => allReceived);
    expect([sizes.at(-1), events.at(-1)?.allTotal]).toEqual([2 * bytes.length, 2 * bytes.length]);
    expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
  });
});

describe("what fits", () => {
  const { wheels, abi } = readLock(JSON.stringify(lockOf("a", "b")));
  const [a] = wheels as [(typeof wheels)[0] & object];
  const plain = { requiresPython: ">=3.8", metadata: "" } as PlainWheel;
  const codeOf = (check: () => unknown): unknown => {
    try {
      check();
    } catch (error) {
      return error instanceof LockError ? error.code : error;
    }
    return null;
  };

  it.each([
    ["a plain wheel", () => checkWheel(a, plain, "3.14.2"), null],
    ["a wheel that is not plain", () => checkWheel(a, null, "3.14.2"), "not-plain"],
    ["a wheel for another Python", () => checkWheel(a, { ...plain, requiresPython: "<3.14" }, "3.14.2"), "requires-python"],
    ["a specifier that is not plain", () => checkWheel(a, { ...plain, requiresPython: "<3.14rc1" }, "3.14.2"), "not-plain"],
    ["the ABI of the lock", () => checkAbi(abi, INFO), null],
    ["no ABI", () => checkAbi(abi, {}), "abi-mismatch"],
    ["a name that two declare", () => checkImportNames(["a", "b"].map((name) => ({ name, metadata: "Import-Name: x\n" }))), "import-clash"],
    ["a name that nobody declares twice", () => checkImportNames([]), null],
  ])("judges %s", (_, check, code) => {
    expect(codeOf(check)).toBe(code);
  });

  it("finds what a package needs", () => {
    expect([closure(wheels, ["A"]), closure(wheels, ["b"])].map((found) => found.map(({ name }) => name))).toEqual([["a", "b"], ["b"]]);
  });

  it("resolves names against the lock", () => {
    expect(absolute(a, "https://files.example/env/lock.json?x")).toBe("https://files.example/env/wheels/a-1-py3-none-any.whl");
  });

  it.each([
    ["http://files.example/a-1-py3-none-any.whl", "https://page.example/", "insecure"],
    ["http://files.example/a-1-py3-none-any.whl", undefined, "insecure"],
    ["http://page.example/a-1-py3-none-any.whl", "http://page.example/lock.json", null],
    ["http://localhost:8000/a-1-py3-none-any.whl", "https://page.example/", null],
    ["https://files.example/a-1-py3-none-any.whl", undefined, null],
    ["a-1-py3-none-any.whl", undefined, "relative-url"],
  ])("judges %s for a lock at %s", (url, base, code) => {
    expect(codeOf(() => absolute({ ...a, url }, base))).toBe(code);
  });
});
