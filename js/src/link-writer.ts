/**
 * A lock as a link; the same as `micropip_lock/core/link.py` writes, but for how its rare parts are compressed.
 */

import { crc32 } from "./crc32.ts";
import { LockError } from "./errors.ts";
import { canonicalJson, type Json, parseJson } from "./json.ts";
import { MOST_CHARACTERS } from "./link-address.ts";
import { Writer } from "./link-coder.ts";
import { BASED, baseDigest, CHANGED, DEFLATED, SHORT, toBase64 } from "./link.ts";
import { changes, expanded, outlineOf } from "./link-outline.ts";
import { type Base, tutor, Walk } from "./link-pack.ts";
import { fromHex } from "./sha256-hex.ts";
import { lockId, withoutUploadTimes } from "./lock.ts";

export interface WriteOptions {
  /** Leave addresses, digests and sizes to the indexes that the packages came from. */
  readonly short?: boolean;
  /** The text of the `pyodide-lock.json` of the runtime that opens the link: what is the same there is told by name. */
  readonly runtimeLock?: string;
  /** What relative file names resolve against. */
  readonly base?: string;
}

/**
 * A lock as the fragment of an address, `#lock=…`.
 *
 * @param text The lock, `pyodide-lock.json` as micropip-lock writes it.
 * @throws LockError (as a rejection) with code `too-long`, and those of `parseJson`.
 */
export async function encodeLink(text: string, options: WriteOptions = {}): Promise<string> {
  const lock = parseJson(text);
  if (!(lock instanceof Map)) {
    throw new LockError("type", "a lock is a JSON object", { expected: "an object" });
  }
  const value = withoutUploadTimes(lock);
  const short = options.short ?? false;
  const known = options.runtimeLock === undefined ? null : parseJson(options.runtimeLock);
  const packages = known instanceof Map ? known.get("packages") : null;
  const outline = outlineOf(value, packages instanceof Map ? packages : null, short);
  outline.address = options.base ?? "";
  const base: Base | null = outline.entries.some((entry) => entry.base !== null) ? (packages as Base) : null;
  const made = changes(expanded(outline), value);
  const writer = new Writer(tutor());
  const walk = new Walk(writer, new Uint8Array(0), short, base);
  walk.outline(outline);
  const tail = new TextEncoder().encode(made.length > 0 ? canonicalJson(made) : "");
  const packed = await deflated(tail);
  const isPacked = packed.length + varint(tail.length).length < tail.length;
  const flags = (short ? SHORT : 0) | (made.length > 0 ? CHANGED : 0) | (isPacked ? DEFLATED : 0) | (base ? BASED : 0);
  const rest = [
    ...fromHex(await lockId(text)),
    ...(base === null ? [] : fromHex(await baseDigest(base as Map<string, Json>))),
    ...varint(walk.written.length),
    ...walk.written.flatMap((block) => [...block]),
    ...(made.length > 0 ? varint(isPacked ? packed.length : tail.length) : []),
    ...(isPacked ? varint(tail.length) : []),
    ...(isPacked ? packed : tail),
    ...writer.finish(),
  ];
  const check = crc32(Uint8Array.from([flags, ...rest]));
  const checked = fromHex(check.toString(16).padStart(8, "0"));
  const link = `#lock=1.${toBase64(Uint8Array.from([flags, (rest.length >> 8) & 255, rest.length & 255, ...checked, ...rest]))}`;
  if (link.length > MOST_CHARACTERS) {
    const sides = { expected: `at most ${MOST_CHARACTERS} characters`, got: `${link.length}` };
    throw new LockError("too-long", "the lock is too large for a link", sides);
  }
  return link;
}

async function deflated(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function varint(number: number): number[] {
  return number < 128 ? [number] : [(number % 128) + 128, ...varint(Math.floor(number / 128))];
}
