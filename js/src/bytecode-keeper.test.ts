import { describe, expect, it, vi } from "vitest";
import { Bytecode } from "./bytecode.ts";
import { KEEPING_LOADER } from "./keeping-loader.ts";
import { BytecodeKeeper, bytecodePython, GatheredExtras, type PythonRunner } from "./bytecode-keeper.ts";
import type { FsNode } from "./emscripten.ts";
import type { MountedWheel } from "./mounted-wheel.ts";
import type { PlainEntry } from "./wheel.ts";

const HERE = { cacheTag: "cpython-314", magic: Uint8Array.of(1, 2, 3, 4), version: "314.0.7" };

/** A Pyodide in which `a.py` and `b.py` were just compiled. */
function python(offer: (path: string, listed: string) => void = () => undefined, FS = {} as PythonRunner["FS"]): PythonRunner {
  const found: [string, Uint8Array, Uint8Array][] = ["a", "b"].map((name) => [`/site/${name}.py`, new Uint8Array(32), Uint8Array.of(7)]);
  const take = Object.assign((most: number) => ({ toJs: () => found.splice(0, most), destroy: () => undefined }), { waiting: () => found.length, offer });
  const keep = Object.assign(() => take, { destroy: () => undefined });
  return {
    version: HERE.version,
    FS,
    _api: { lockfile_info: { abi_version: "2026_0" } },
    runPython: (code) => (code !== KEEPING_LOADER ? JSON.stringify([HERE.cacheTag, [...HERE.magic]]) : keep),
  };
}

const wheel = (name: string): MountedWheel =>
  ({ wheel: { sha256: name }, brings: (path: string) => path === `${name}.py` }) as unknown as MountedWheel;

describe("bytecode that is kept", () => {
  it("is of wheels that are proven to be what their digest says, once that is known", async () => {
    const store = new GatheredExtras();
    let wheels = [wheel("a"), wheel("b")];
    let settle = (): void => undefined;
    const settled = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const keeper = new BytecodeKeeper(bytecodePython(python()), "/site", store, () => wheels, () => settled);
    const flushed = keeper.flush();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect([store.of("a"), store.of("b")]).toEqual([undefined, undefined]);
    // The whole of the other one was another wheel.
    wheels = [wheel("a")];
    settle();
    await flushed;
    expect([Bytecode.fromBytes(store.of("a") as Uint8Array, HERE).has("a.py"), store.of("b")]).toEqual([true, undefined]);
  });

  it("is offered to Python where import takes that source before anything else of its name", () => {
    const paths = ["a.py", "b.py", "c/__init__.py", "d/__init__.py", "d/e.py", "f.py", "g.py", "h.py", "i.py", "j/k.py", "l.py", "m/n/o.py"];
    const rivals = ["b.cpython-314-wasm32-emscripten.so", "d/__init__.abi3.so", "f/__init__.py", "g/__init__.pyc", "h/data/some.txt"];
    const entries = [...paths, ...rivals].map((path, at) => ({ path, size: at }) as PlainEntry);
    const node = { stream_ops: {} } as FsNode;
    const written: string[] = [];
    // What was there before: a package, and an extension module.
    const readdir = (): string[] => [".", "..", "a.py", "i", "l.abi3.so", "m"];
    const fs = { mkdirTree: () => undefined, writeFile: (path: string) => written.push(path), lookupPath: () => ({ node }), readdir };
    const offered: [string, number, number, number, number][][] = [];
    const offer = (_: string, listed: string): void => void offered.push(JSON.parse(listed));
    const mounted = { wheel: { entries } } as unknown as MountedWheel;
    const keeper = new BytecodeKeeper(bytecodePython(python(offer, fs as unknown as PythonRunner["FS"])), "/site", new GatheredExtras(), () => [mounted]);
    const code = new Bytecode(new Map(paths.map((path, at) => [path, Uint8Array.of(at, at)]))).toBytes(HERE);
    keeper.compiled([code], entries)("/site", 5000);
    keeper.offer([mounted], new Set(["c", "d", "m/n"]));
    keeper.offer([mounted], new Set(["c", "d", "m/n"]));

    expect([written.length, offered.length]).toEqual([1, 1]);
    const [listed = []] = offered;
    expect(listed.map(([path]) => path)).toEqual(["/site/a.py", "/site/c/__init__.py", "/site/d/e.py", "/site/m/n/o.py"]);
    // As Emscripten reads: the module's own bytes and no others, whatever is asked for.
    const read = node.stream_ops["read"] as (stream: object, into: Uint8Array, offset: number, length: number, position: number) => number;
    const into = new Uint8Array(6);
    const counts = listed.map(([, , , at, length], index) => read({}, into, index, length + index, at));
    expect([counts, [...into]]).toEqual([[2, 2, 2, 2], [0, 2, 4, 11, 11, 0]]);
    expect([read({}, into, 0, 1, listed[1]?.[3] ?? 0), read({}, into, 0, 2, 99), node.usedBytes]).toEqual([1, 0, 8]);
  });

  it("changes nothing about a mount when it cannot be offered", () => {
    const entries = [{ path: "a.py", size: 1 } as PlainEntry];
    const readdir = (): never => {
      throw new Error("no such place");
    };
    const told = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const keeper = new BytecodeKeeper(bytecodePython(python(undefined, { readdir } as unknown as PythonRunner["FS"])), "/site", new GatheredExtras(), () => []);
    const code = new Bytecode(new Map([["a.py", Uint8Array.of(1)]])).toBytes(HERE);
    keeper.compiled([code], entries)("/site", 5000);
    keeper.offer([], new Set());
    expect(told).toHaveBeenCalledTimes(1);
    told.mockRestore();
  });
});
