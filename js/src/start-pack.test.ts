import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isLockError } from "./errors.ts";
import { nodeInflate } from "./inflate.ts";
import { readStartPack } from "./start-pack.ts";

interface Vector {
  readonly name: string;
  readonly pack: string;
  readonly wheels: readonly { sha256: string; size: number; compiled: string; segments: readonly (readonly [number, string])[] }[] | null;
}

const vectors = JSON.parse(readFileSync(new URL("../../tests/vectors/start_pack.json", import.meta.url), "utf8")) as Vector[];

const inflate = nodeInflate() as NonNullable<ReturnType<typeof nodeInflate>>;

function read(bytes: Uint8Array): Vector["wheels"] {
  try {
    return readStartPack(bytes).map(({ sha256, size, compiled, segments }) => ({
      sha256,
      size,
      compiled: compiled === null ? "" : new TextDecoder().decode(inflate(compiled.packed, compiled.size)),
      segments: segments.map((one) => [one.offset, new TextDecoder().decode(one.bytes)] as const),
    }));
  } catch (error) {
    if (isLockError(error) && error.code === "bad-pack") {
      return null;
    }
    throw error;
  }
}

describe("readStartPack", () => {
  it.each(vectors.map((one) => [one.name, one] as const))("says of a pack with %s what Python says", (_, { pack, wheels }) => {
    expect(read(new Uint8Array(Buffer.from(pack, "base64")))).toEqual(wheels);
  });

  it("takes a pack at any offset of its buffer", () => {
    const { pack, wheels } = vectors[0] as Vector;
    const bytes = Buffer.concat([Buffer.from("xyz"), Buffer.from(pack, "base64")]);
    expect(read(new Uint8Array(bytes).subarray(3))).toEqual(wheels);
  });
});
