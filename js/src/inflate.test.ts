import { deflateRawSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type InflateModule, moduleInflate, nodeInflate, pickInflate } from "./inflate.ts";
import { bytesOf, joined } from "./wheel.test-builder.ts";

const TEXT = bytesOf("Ein Text, ein Text. ".repeat(10_000));
const PACKED = new Uint8Array(deflateRawSync(TEXT));
const inflate = pickInflate();

afterEach(() => vi.unstubAllGlobals());

// Pyodide's zlib is asked the same, and more, by tests/contract/test_inflate.py.
describe("inflate in Node", () => {
  it.each([0, 1, 100, 65_536, TEXT.length])("gives %d bytes", (size) => {
    const text = TEXT.subarray(0, size);
    const content = inflate(new Uint8Array(deflateRawSync(text)), size);

    expect(Buffer.compare(content, text)).toBe(0);
    expect(content.constructor).toBe(Uint8Array);
  });

  it.each<[string, string, Uint8Array, number]>([
    ["a byte less", "size-mismatch", PACKED, TEXT.length + 1],
    ["a byte more", "size-mismatch", PACKED, TEXT.length - 1],
    ["something where nothing was announced", "size-mismatch", PACKED, 0],
    ["a stream that breaks off", "size-mismatch", PACKED.subarray(0, -1), TEXT.length],
    ["nothing", "size-mismatch", new Uint8Array(0), 0],
    ["bytes behind the stream", "size-mismatch", joined([PACKED, Uint8Array.of(0)]), TEXT.length],
    ["no stream", "bad-zip", Uint8Array.of(7, 7, 7), 3],
  ])("refuses %s", (_, code, packed, size) => {
    expect(() => inflate(packed, size)).toThrow(expect.objectContaining({ tag: "micropip-lock", code }));
  });

  it("is not there in a browser, and without a module nothing is", () => {
    vi.stubGlobal("process", undefined);

    expect(nodeInflate()).toBeNull();
    expect(() => pickInflate()).toThrow(expect.objectContaining({ code: "no-inflate" }));
  });
});

describe("moduleInflate", () => {
  const module = {
    HEAPU8: new Uint8Array(400_000),
    _malloc: () => 8,
    _inflateInit2_: () => 0,
    _inflateReset: () => 0,
    _inflate: () => -5,
  } satisfies InflateModule;

  it.each([
    ["has no allocator", { ...module, _malloc: undefined }],
    ["has no memory left", { ...module, _malloc: () => 0 }],
    ["has another zlib", { ...module, _inflateInit2_: () => -6 }],
    ["has no zlib", { ...module, _inflate: undefined }],
  ])("is none when the module %s", (_, lacking) => {
    expect(moduleInflate(lacking as unknown as InflateModule)).toBeNull();
    expect(pickInflate(lacking as unknown as InflateModule)(PACKED, TEXT.length).length).toBe(TEXT.length);
  });

  it("takes malloc by the name that Pyodide 0.29 has for it", () => {
    expect(moduleInflate({ ...module, _malloc: undefined, _PyMem_RawMalloc: () => 8 } as unknown as InflateModule)).not.toBeNull();
  });
});
