import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ByteSource, descriptorSource, handleSource, memorySource, type SyncAccessHandle } from "./source.ts";

const BYTES = Uint8Array.from({ length: 1000 }, (_, at) => at % 251);
let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "source-"));
  fs.writeFileSync(join(folder, "file"), BYTES);
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** A handle that gives at most 7 bytes a call, and counts what is left open. */
function handle(size = BYTES.length): SyncAccessHandle & { closed: number } {
  return {
    closed: 0,
    getSize: () => size,
    read(into, { at }) {
      const piece = BYTES.subarray(at, at + Math.min(7, into.length));
      into.set(piece);
      return piece.length;
    },
    write: () => 0,
    close() {
      this.closed += 1;
    },
  };
}

const SOURCES: Record<string, () => ByteSource> = {
  memory: () => memorySource(BYTES),
  handle: () => handleSource(handle()),
  descriptor: () => descriptorSource(fs, fs.openSync(join(folder, "file"), "r"), BYTES.length),
};

describe.each(Object.entries(SOURCES))("a source in %s", (_, open) => {
  it("gives exactly the bytes asked for, at any place", () => {
    const source = open();
    const asked = [[0, 1000], [0, 0], [1000, 1000], [13, 14], [990, 1000], [3, 700]] as const;

    expect(asked.map(([from, to]) => source.read(from, to))).toEqual(asked.map(([from, to]) => BYTES.slice(from, to)));
    expect(source.size).toBe(1000);
    source.close();
  });

  it("refuses what is not in it", () => {
    const source = open();
    for (const [from, to] of [[-1, 3], [4, 3], [0, 1001], [0.5, 3], [Number.NaN, 3], [1001, 1001]] as const) {
      expect(() => source.read(from, to)).toThrow(RangeError);
    }
    source.close();
  });

  it("reads nothing once it is closed, and may be closed twice", () => {
    const source = open();
    source.close();
    source.close();

    expect(() => source.read(0, 1)).toThrow("the file is closed");
  });
});

it("a file that became shorter is an error, not fewer bytes", () => {
  expect(() => handleSource(handle(1001)).read(900, 1001)).toThrow("the file ended at 1000 of 1001 bytes");
});

it("closing twice closes the file once, because its number may be another file's by then", () => {
  const one = handle();
  const source = handleSource(one);
  source.close();
  source.close();

  expect(one.closed).toBe(1);
});
