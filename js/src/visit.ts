/**
 * What a visit leaves for the next one: of all wheels of an environment what was needed, in one file of the store. Where a
 * start pack spares the network's bytes, this spares the store's: nothing is opened, inflated or compared a second time.
 *
 * Rules this file keeps:
 *
 * 1. It only saves time. When it is damaged, or a wheel is gone, the wheels are taken from the store whole, as if there were
 *    none; a wheel that rotted since is found behind, and a damaged file of it reads as an I/O error until then.
 * 2. It has only what was compared with RECORD, of wheels that had the lock's SHA-256; the store compares the file with its
 *    own digest. What it lacks is read from the wheel in the store, and compared when it is read; the whole wheel is hashed
 *    behind, and one that is not right is fetched again (`boot-start.ts`).
 * 3. It is found by what was booted, to the letter: another lock, or another address, leaves one of its own.
 *
 * Left to others: when it is written, and used (`boot.ts`), where it lies (`store.ts`).
 */

import { Bytecode } from "./bytecode.ts";
import type { Wanted, WheelCache } from "./fetch-wheels.ts";
import { hexOf } from "./hash.ts";
import type { MountedWheel, WheelToMount } from "./mounted-wheel.ts";
import type { ByteSource } from "./source.ts";
import type { RangeReader } from "./range-reader.ts";
import { notThere, SparseSource } from "./sparse-source.ts";
import type { Segment } from "./start-pack.ts";
import type { PlainEntry } from "./wheel.ts";

const FORMAT = 1;
/** An environment that needs more is not kept a second time. */
const MOST_BYTES = 128 * 2 ** 20;
/** How long nothing may have been kept beside the wheels before it is time. */
const PAUSE_MS = 4000;
/** Numbers of a file, one behind the other. */
const NUMBERS = 6;

/** A wheel as it was mounted. */
export interface KeptWheel extends Pick<WheelToMount, "filename" | "distInfo" | "dataDir" | "entries" | "records"> {
  readonly sha256: string;
  /** Of the Pyodide whose visit it was. */
  readonly version: string;
  /** Bytes of the whole wheel. */
  readonly size: number;
  /** Every file was compared with RECORD. */
  readonly checked: boolean;
  /** Paths of the files whose packed bytes are here. */
  readonly here: readonly string[];
  /** Those bytes, at their places in the wheel. */
  readonly segments: readonly Segment[];
  /** Compiled modules, in the forms in which the store has them beside the wheel (`bytecode.ts`). */
  readonly bytecode: readonly Uint8Array[];
}

/** A wheel of the visit before, and what reads the rest of it. */
export interface ReturningWheel extends Wanted {
  readonly kept: KeptWheel;
  readonly source: SparseSource;
}

/**
 * The name under which a visit is kept, or `null` when it is not: its wheels are from an address of the moment.
 *
 * @param lock Its text.
 */
export async function visitKey(lock: string, packages: readonly string[] | undefined, wanted: readonly Wanted[]): Promise<string | null> {
  if (wanted.some(({ address }) => !/^https?:/i.test(address))) {
    return null;
  }
  const what = JSON.stringify([FORMAT, lock, packages ?? null, wanted.map(({ address }) => address)]);
  return hexOf(new TextEncoder().encode(what));
}

/**
 * The wheels of the visit before; `null` unless all of them are here.
 * @param ranges Asked for what the store cannot read any more.
 * @param found Called as soon as there is something.
 */
export async function takeVisit(
  store: WheelCache,
  key: string,
  wanted: readonly Wanted[],
  ranges: RangeReader | null,
  found: () => void = () => undefined,
): Promise<readonly ReturningWheel[] | null> {
  const bytes = await store.getVisit?.(key);
  if (bytes == null) {
    return null;
  }
  found();
  const kept = parseVisit(bytes);
  if (kept === null || kept.length !== wanted.length) {
    return null;
  }
  const bySha256 = new Map(kept.map((one) => [one.sha256, one]));
  const parts = await Promise.all(
    wanted.map(async ({ wheel: { sha256, filename, size } }): Promise<[KeptWheel, ByteSource] | null> => {
      const one = bySha256.get(sha256);
      const part = one?.filename === filename && (size ?? one.size) === one.size ? await store.part?.(sha256) : null;
      if (one === undefined || part == null || part.size !== one.size) {
        part?.close();
        return null;
      }
      return [one, part];
    }),
  );
  const here = parts.filter((one) => one !== null);
  if (here.length < wanted.length) {
    for (const [, part] of here) {
      part.close();
    }
    return null;
  }
  return here.map(([kept, part], at) => {
    const one = wanted[at] as Wanted;
    const read = (from: number, to: number): Uint8Array => {
      try {
        return part.read(from, to);
      } catch {
        // Taken away since: it is fetched behind.
        if (ranges === null) {
          throw notThere("the store has it no more, and the wheel has not arrived");
        }
        return ranges(one.address, from, to, kept.size);
      }
    };
    return { ...one, kept, source: new SparseSource(kept, read) };
  });
}

/** Paths of sources that are there compiled. */
export function codedIn(bytecode: readonly Uint8Array[]): ReadonlySet<string> {
  return new Set(bytecode.flatMap((one) => Bytecode.pathsIn(one)));
}

/** Leaves a visit for the next one, once what it needed is known. */
export class VisitKeeper {
  readonly #store: WheelCache;
  readonly #key: string;
  readonly #kinds: readonly string[];
  #wheels: readonly MountedWheel[] | null = null;
  #version = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param kinds Under which the store has bytecode. */
  constructor(store: WheelCache, key: string, kinds: readonly string[]) {
    this.#store = store;
    this.#key = key;
    this.#kinds = kinds;
  }

  /**
   * Keep what was needed by now, where that is more than is kept already; resolves when it is done, never rejects.
   * @param wheels All of them, and each one proven.
   * @param version Of Pyodide.
   */
  async keep(wheels: readonly MountedWheel[], version: string): Promise<void> {
    this.#wheels = wheels;
    this.#version = version;
    await this.#keep(wheels).catch((error: unknown) => console.error("micropip-lock: nothing is left for the next visit:", error));
  }

  /** More was kept beside the wheels after that: look again when there was a pause. */
  soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#wheels && void this.keep(this.#wheels, this.#version), PAUSE_MS);
    // Under Node nobody waits for this.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  async #keep(wheels: readonly MountedWheel[]): Promise<void> {
    const bytecode = new Map<MountedWheel, readonly Uint8Array[]>();
    for (const one of wheels.filter(mayHaveMore)) {
      bytecode.set(one, await this.#bytecode(one));
    }
    if (![...bytecode].some(([one, compiled]) => hasMore(one, codedIn(compiled)))) {
      return;
    }
    const kept: KeptWheel[] = [];
    for (const one of wheels) {
      const part = await this.#store.part?.(one.wheel.sha256 ?? "");
      part?.close();
      if (part?.size !== one.bytes) {
        // Not in the store: it would have to come whole from the network.
        return;
      }
      kept.push(keptOf(one, bytecode.get(one) ?? (await this.#bytecode(one)), this.#version));
    }
    const bytes = formatVisit(kept);
    if (bytes !== null) {
      await this.#store.putVisit?.(this.#key, bytes);
    }
  }

  async #bytecode({ wheel }: MountedWheel): Promise<readonly Uint8Array[]> {
    const extras = await Promise.all(this.#kinds.map((kind) => this.#store.getExtra(wheel.sha256 ?? "", kind)));
    return extras.filter((extra) => extra !== null);
  }
}

const NONE: ReadonlySet<string> = new Set();

/** Whether somebody read of a wheel what is not kept of it, or a source that is kept may be compiled by now. */
function mayHaveMore({ wheel: { before, coded = NONE }, served }: MountedWheel): boolean {
  return before === undefined || [...served].some((path) => !before.has(path)) || [...before].some((path) => path.endsWith(".py") && !coded.has(path));
}

function hasMore({ wheel: { before, coded = NONE }, served }: MountedWheel, compiled: ReadonlySet<string>): boolean {
  return before === undefined || [...served].some((path) => !before.has(path)) || [...compiled].some((path) => !coded.has(path));
}

function keptOf(wheel: MountedWheel, bytecode: readonly Uint8Array[], version: string): KeptWheel {
  const { filename, distInfo, dataDir, entries, records, sha256, before = NONE, coded = NONE } = wheel.wheel;
  const compiled = codedIn(bytecode);
  // A source that was read although it was there compiled is read as a text.
  const needed = entries.filter(({ path }) => (before.has(path) || wheel.served.has(path)) && (!compiled.has(path) || coded.has(path)));
  return {
    filename,
    distInfo,
    dataDir,
    entries,
    records,
    sha256: sha256 ?? "",
    version,
    size: wheel.bytes,
    checked: wheel.unchecked.length === 0,
    here: needed.map(({ path }) => path),
    segments: needed.map((entry) => ({ offset: entry.start, bytes: wheel.compared(entry) })).sort((one, other) => one.offset - other.offset),
    bytecode,
  };
}

/** One file of all of them: the length of a head in JSON, the head, and bytes one behind the other. `null` for too many. */
export function formatVisit(wheels: readonly KeptWheel[]): Uint8Array<ArrayBuffer> | null {
  const bodies = wheels.flatMap(({ segments, bytecode }) => [...segments.map(({ bytes }) => bytes), ...bytecode]);
  const head = new TextEncoder().encode(
    JSON.stringify(
      wheels.map(({ entries, segments, bytecode, ...one }) => ({
        ...one,
        paths: entries.map(({ path }) => path),
        digests: entries.map(({ digest }) => digest),
        numbers: entries.flatMap(({ start, packedSize, size, method, crc, mode }) => [start, packedSize, size, method, crc, mode]),
        segments: segments.map(({ offset, bytes }) => [offset, bytes.length]),
        bytecode: bytecode.map(({ length }) => length),
      })),
    ),
  );
  const size = bodies.reduce((sum, { length }) => sum + length, 4 + head.length);
  if (size > MOST_BYTES) {
    return null;
  }
  const all = new Uint8Array(size);
  new DataView(all.buffer).setUint32(0, head.length, true);
  all.set(head, 4);
  let at = 4 + head.length;
  for (const body of bodies) {
    all.set(body, at);
    at += body.length;
  }
  return all;
}

interface Head extends Omit<KeptWheel, "entries" | "segments" | "bytecode"> {
  readonly paths: readonly string[];
  readonly digests: readonly (string | null)[];
  readonly numbers: readonly number[];
  readonly segments: readonly (readonly [number, number])[];
  readonly bytecode: readonly number[];
}

/** What `formatVisit` made; `null` for anything else. */
export function parseVisit(bytes: Uint8Array): readonly KeptWheel[] | null {
  try {
    let at = 4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    const heads = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(4, at))) as readonly Head[];
    const next = (length: number): Uint8Array => {
      at += length;
      return bytes.subarray(at - length, at);
    };
    const wheels = heads.map(({ paths, digests, numbers, segments, bytecode, ...one }): KeptWheel => ({
      ...one,
      entries: paths.map((path, index) => entryOf(path, digests[index] ?? null, numbers, index * NUMBERS)),
      segments: segments.map(([offset, length]) => ({ offset, bytes: next(length) })),
      bytecode: bytecode.map(next),
    }));
    return at === bytes.length ? wheels : null;
  } catch {
    return null;
  }
}

function entryOf(path: string, digest: string | null, numbers: readonly number[], at: number): PlainEntry {
  return {
    path,
    start: numbers[at] as number,
    packedSize: numbers[at + 1] as number,
    size: numbers[at + 2] as number,
    method: numbers[at + 3] as 0 | 8,
    crc: numbers[at + 4] as number,
    mode: numbers[at + 5] as number,
    digest,
  };
}
