import { describe, expect, it } from "vitest";
import { Bytecode } from "./bytecode.ts";
import { KEEPING_LOADER } from "./keeping-loader.ts";
import { BytecodeKeeper, GatheredExtras, type PythonRunner } from "./bytecode-keeper.ts";
import type { MountedWheel } from "./mounted-wheel.ts";

const HERE = { cacheTag: "cpython-314", magic: Uint8Array.of(1, 2, 3, 4), version: "314.0.7" };

/** A Pyodide in which `a.py` and `b.py` were just compiled. */
function python(): PythonRunner {
  const found: [string, Uint8Array, Uint8Array][] = ["a", "b"].map((name) => [`/site/${name}.py`, new Uint8Array(32), Uint8Array.of(7)]);
  const take = Object.assign((most: number) => ({ toJs: () => found.splice(0, most), destroy: () => undefined }), { waiting: () => found.length });
  const keep = Object.assign(() => take, { destroy: () => undefined });
  return {
    version: HERE.version,
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
    const keeper = new BytecodeKeeper(python(), "/site", store, () => wheels, () => settled);
    const flushed = keeper.flush();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect([store.of("a"), store.of("b")]).toEqual([undefined, undefined]);
    // The whole of the other one was another wheel.
    wheels = [wheel("a")];
    settle();
    await flushed;
    expect([Bytecode.fromBytes(store.of("a") as Uint8Array, HERE).has("a.py"), store.of("b")]).toEqual([true, undefined]);
  });
});
