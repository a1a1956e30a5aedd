import { describe, expect, it } from "vitest";
import { Bytecode, bytecodeKind, type Interpreter } from "./bytecode.ts";
import type { PlainEntry } from "./wheel.ts";

const HERE: Interpreter = { cacheTag: "cpython-314", magic: Uint8Array.of(0x2b, 0x0e, 0x0d, 0x0a), version: "314.0.7" };
const CODE = Uint8Array.of(1, 2, 3);

const entry = (path: string, size: number): PlainEntry => ({
  path,
  size,
  start: 0,
  packedSize: size,
  method: 0,
  crc: 0,
  mode: 0,
  digest: null,
});

const stored = (): Uint8Array<ArrayBuffer> =>
  new Bytecode(new Map([["a/b.py", CODE], ["c.py", Uint8Array.of(4)]])).toBytes(HERE);

describe("bytecode of a wheel", () => {
  it("comes back as it was given", () => {
    const back = Bytecode.fromBytes(stored(), HERE);

    expect([back.size, back.has("a/b.py"), back.has("c.py")]).toEqual([2, true, true]);
    expect(back.toBytes(HERE)).toEqual(stored());
  });

  it.each([
    ["another tag", { ...HERE, cacheTag: "cpython-313" }],
    ["another magic number", { ...HERE, magic: Uint8Array.of(1, 2, 3, 4) }],
    ["another Pyodide", { ...HERE, version: "314.0.8" }],
  ])("is nothing to %s", (_, other) => {
    expect(Bytecode.fromBytes(stored(), other).size).toBe(0);
  });

  it("is nothing when any of it is cut off or added", () => {
    const whole = stored();
    const lengths = Array.from({ length: whole.length }, (_, at) => Bytecode.fromBytes(whole.slice(0, at), HERE).size);

    expect(lengths.every((size) => size === 0)).toBe(true);
    expect(Bytecode.fromBytes(Uint8Array.of(...whole, 0), HERE).size).toBe(0);
  });

  it("is a .pyc of the time and size of its source (PEP 552)", () => {
    const entries = [entry("a/b.py", 70_000), entry("a/data.txt", 1), entry("new.py", 2)];
    const files = Bytecode.fromBytes(stored(), HERE).files(entries, "/lib/python3.14/site-packages", 1_700_000_000_999, HERE);

    const [[path, content] = ["", undefined]] = [...files];
    const bytes = content?.read() ?? new Uint8Array(0);
    const head = new DataView(bytes.buffer);
    expect([...files.keys()]).toEqual(["lib/python3.14/site-packages/a/b.cpython-314.pyc"]);
    expect(path.endsWith(".pyc")).toBe(true);
    expect(bytes.subarray(0, 4)).toEqual(HERE.magic);
    expect([head.getUint32(4, true), head.getUint32(8, true), head.getUint32(12, true)]).toEqual([0, 1_700_000_000, 70_000]);
    expect(bytes.subarray(16)).toEqual(CODE);
    expect(content?.size).toBe(bytes.length);
  });

  it("is kept for one ABI, under a kind that the store takes", () => {
    expect(bytecodeKind("2026_0")).toBe("bytecode.1.2026_0");
    expect(bytecodeKind("odd/../ABI")).toMatch(/^[a-z0-9._-]+$/);
  });
});
