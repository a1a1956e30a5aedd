/**
 * Compares the inflater over Pyodide's zlib with Node's, and looks whether memory is taken while it works. Prints JSON.
 *
 * `node program.mjs DIRECTORY`, the directory of a Pyodide.
 */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { deflateRawSync } from "node:zlib";
import { isLockError } from "./errors.ts";
import { type Inflate, type InflateModule, moduleInflate, nodeInflate } from "./inflate.ts";

/** Where zlib 1.3.1 has the pointer to its state in a `z_stream`, and that to the window in the state. */
const STATE = 28;
const WINDOW = 56;

const directory = process.argv[2] ?? "";
const { loadPyodide } = await import(pathToFileURL(join(directory, "pyodide.mjs")).href);
const module: InflateModule = (await loadPyodide())._module;

let stream = 0;
const seen = Object.create(module, {
  _inflateInit2_: {
    value: (at: number, bits: number, version: number, size: number) => {
      stream = at;
      return module._inflateInit2_(at, bits, version, size);
    },
  },
}) as InflateModule;
const own = moduleInflate(seen);
const nodes = nodeInflate();
if (own === null || nodes === null) {
  throw new Error("there is no inflater");
}

function pointer(at: number): number {
  return new DataView(module.HEAPU8.buffer).getUint32(at, true);
}
const windowAt = () => pointer(pointer(stream + STATE) + WINDOW);
const window = windowAt();
const heap = module.HEAPU8;

// A linear congruential generator: the same inputs each time.
let state = 1;
function below(limit: number): number {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
  return (state >>> 8) % limit;
}

function outcome(inflate: Inflate, packed: Uint8Array, size: number): string {
  try {
    return `right ${Buffer.from(inflate(packed, size)).toString("latin1")}`;
  } catch (error) {
    if (isLockError(error)) {
      return error.code;
    }
    throw error;
  }
}

const kinds = new Set<string>();
let different = 0;
for (let round = 0; round < 40; round += 1) {
  // Sizes at the edges of the pieces that the inflater works in, and any others.
  const size = [0, 1, below(100), below(70_000), below(600_000), 65_536, 262_143, 262_144, 262_145, 524_288][round % 10] ?? 0;
  const content = Uint8Array.from({ length: size }, (_, at) => (round % 2 === 0 ? below(256) : (at * at) >>> 9));
  const packed = new Uint8Array(deflateRawSync(content, { level: [0, 1, 6, 9][round % 4] ?? 6 }));
  const altered = packed.slice();
  const at = below(packed.length);
  altered[at] = (altered[at] ?? 0) ^ (1 << below(8));
  const longer = new Uint8Array(packed.length + 1);
  longer.set(packed);
  for (const [bytes, length] of [
    [packed, size],
    [packed, size + 1],
    [packed, Math.max(0, size - 1)],
    [packed.subarray(0, below(packed.length)), size],
    [longer, size],
    [altered, size],
  ] as const) {
    const answer = outcome(own, bytes, length);
    kinds.add(answer.split(" ", 1)[0] ?? "");
    different += Number(answer !== outcome(nodes, bytes, length));
  }
}
const kept = window !== 0 && windowAt() === window;
console.log(
  JSON.stringify({
    different,
    window: kept ? "there, and kept" : `${window}, then ${windowAt()}`,
    heap: module.HEAPU8 === heap && heap.length > 0 ? "as it was" : "another",
    seen: [...kinds],
  }),
);
