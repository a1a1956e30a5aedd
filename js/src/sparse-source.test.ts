import { describe, expect, it } from "vitest";
import { LockError } from "./errors.ts";
import { partOf, rangeReader } from "./range-reader.ts";
import { type ReadRange, SparseSource } from "./sparse-source.ts";

const WHOLE = Uint8Array.from({ length: 100 }, (_, at) => at + 1);

function parts(...spans: readonly (readonly [number, number])[]): { size: number; segments: { offset: number; bytes: Uint8Array }[] } {
  return { size: WHOLE.length, segments: spans.map(([from, to]) => ({ offset: from, bytes: WHOLE.slice(from, to) })) };
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof LockError ? error.code : (error as Error).name;
  }
  return "nothing";
}

describe("SparseSource", () => {
  it("gives what is here, and asks for the rest once", () => {
    const asked: [number, number][] = [];
    const ask: ReadRange = (from, to) => {
      asked.push([from, to]);
      return WHOLE.slice(from, to);
    };
    const source = new SparseSource(parts([10, 20], [30, 40]), ask);
    const reads = [[12, 15], [35, 40], [18, 32], [10, 40], [50, 60], [52, 58], [0, 100], [7, 99], [5, 5]] as const;
    for (const [from, to] of reads) {
      expect([...source.read(from, to)]).toEqual([...WHOLE.slice(from, to)]);
    }
    expect(asked).toEqual([[18, 32], [50, 60], [0, 100]]);
    expect(source.isWhole).toBe(true);
  });

  it("knows what is here, as a set of bytes does", () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return seed % below;
    };
    for (let round = 0; round < 200; round += 1) {
      const here = new Set<number>();
      const source = new SparseSource(parts([20, 30]), (from, to) => WHOLE.slice(from, to));
      const mark = (from: number, to: number): void => {
        for (let at = from; at < to; at += 1) {
          here.add(at);
        }
      };
      mark(20, 30);
      for (let step = 0; step < 8; step += 1) {
        const from = random(100);
        const to = from + 1 + random(100 - from);
        const expected = WHOLE.slice(from, to).every((_, at) => here.has(from + at));
        expect(source.has(from, to)).toBe(expected);
        if (random(2) === 0) {
          source.read(from, to);
          mark(from, to);
        }
      }
    }
  });

  it("fails, and keeps nothing, where the rest cannot be had", () => {
    const alone = new SparseSource(parts([10, 20]), null);
    const short = new SparseSource(parts([10, 20]), (from, to) => WHOLE.slice(from, to - 1));
    for (const source of [alone, short]) {
      expect(codeOf(() => source.read(15, 25))).toBe("not-there-yet");
      expect(source.has(15, 25)).toBe(false);
      expect([...source.read(10, 20)]).toEqual([...WHOLE.slice(10, 20)]);
    }
  });

  it("reads nothing outside, and nothing once it is closed", () => {
    const source = new SparseSource(parts([0, 100]), null);
    expect(codeOf(() => source.read(0, 101))).toBe("RangeError");
    source.close();
    expect(codeOf(() => source.read(0, 1))).toBe("Error");
  });
});

describe("a wheel that is read in many pieces", () => {
  it("is asked for whole after some of them, and once where the server sends no pieces", () => {
    const asked: (readonly [number, number])[] = [];
    const ask = (from: number, to: number): Uint8Array => {
      asked.push([from, to]);
      return WHOLE.slice(from, to);
    };
    const source = new SparseSource({ size: 100, segments: [{ offset: 0, bytes: Uint8Array.of(99) }] }, ask);
    for (let at = 1; at < 100; at += 2) {
      expect([...source.read(at, at + 1)]).toEqual([at + 1]);
    }
    expect(asked.at(-1)).toEqual([0, 100]);
    expect(asked.length).toBe(9);
    // What was here stays: somebody may have compared it.
    expect([...source.read(0, 2)]).toEqual([99, 2]);

    let times = 0;
    const plain = new SparseSource({ size: 100, segments: [] }, () => {
      times += 1;
      return WHOLE.slice();
    });
    expect([[...plain.read(3, 5)], [...plain.read(50, 51)], times]).toEqual([[4, 5], [51], 1]);
  });
});

describe("the reader of ranges", () => {
  it("takes the range, or the whole file, and nothing else", () => {
    expect([...partOf(206, WHOLE.slice(3, 7), 3, 7, 100)]).toEqual([4, 5, 6, 7]);
    expect([...partOf(200, WHOLE, 3, 7, 100)]).toEqual([...WHOLE]);
    for (const [status, bytes] of [[206, WHOLE.slice(3, 8)], [206, WHOLE], [200, WHOLE.slice(3, 7)], [404, WHOLE], [0, new Uint8Array()]] as const) {
      expect(codeOf(() => partOf(status, bytes, 3, 7, 100))).toBe("not-there-yet");
    }
  });

  it("is there in dedicated workers alone", () => {
    expect(rangeReader()).toBe(null);
  });
});
