import { createHash } from "node:crypto";
import { deflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { allStored, type BehindEvent, beginWith, Started, type StartOptions } from "./boot-start.ts";
import { Bytecode, type Interpreter } from "./bytecode.ts";
import { createEngine } from "./engine.ts";
import { isLockError, type LockError } from "./errors.ts";
import type { Arrived, FetchOptions, Wanted, WheelCache } from "./fetch-wheels.ts";
import { type InflateModule, nodeInflate } from "./inflate.ts";
import type { LockedWheel } from "./lock-reader.ts";
import { joined, wheelOf } from "./wheel.test-builder.ts";
import { type PlainEntry, openWheel } from "./wheel.ts";

const inflate = nodeInflate() as NonNullable<ReturnType<typeof nodeInflate>>;
const NOISE = Array.from({ length: 3000 }, (_, at) => createHash("sha256").update(`${at}`).digest("hex")).join("");
const NO_MODULE = undefined as unknown as InflateModule;
const FILE = "six-1.16.0-py2.py3-none-any.whl";
const hex = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Wheels of one project that differ in a file that nobody reads. */
const BYTES = ["a", "b", "c"].map((text) => wheelOf({ "six.py": "X = 1\n", "unread.py": `# ${text}\n${NOISE}` }));

function wantedOf(bytes: Uint8Array, name: string): Wanted {
  const wheel = { name, filename: FILE, sha256: hex(bytes), size: bytes.length } as unknown as LockedWheel;
  return { wheel, address: `https://files.example/${name}/${FILE}` };
}

function u32(...numbers: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(numbers).buffer);
}

const HERE: Interpreter = { cacheTag: "cpython-314", magic: Uint8Array.of(1, 2, 13, 10), version: "314.0.7" };
const COMPILED = new Bytecode(new Map([["unread.py", Uint8Array.of(7, 7, 7)]])).toBytes(HERE);

/** A pack of all but `unread.py`, and with its bytecode when that is given. */
function packOf(wheels: readonly Uint8Array[], skipped = "unread.py", compiled: Uint8Array = new Uint8Array(0)): Uint8Array {
  const sorted = [...wheels].sort((a, b) => (hex(a) < hex(b) ? -1 : 1));
  const tables: Uint8Array[] = [new TextEncoder().encode("mlstart\u0002"), u32(sorted.length)];
  const parts: Uint8Array[] = [];
  const packed = compiled.length === 0 ? compiled : deflateRawSync(compiled);
  for (const bytes of sorted) {
    const entry = openWheel(bytes, FILE, inflate)?.entries.find(({ path }) => path === skipped) as PlainEntry;
    const end = entry.start + entry.packedSize;
    const spans = [[0, entry.start - 30 - entry.path.length], [end, bytes.length - end]] as const;
    const sizes = u32(bytes.length, compiled.length, packed.length, spans.length);
    tables.push(new Uint8Array(Buffer.from(hex(bytes), "hex")), sizes, ...spans.map((span) => u32(...span)));
    parts.push(packed, ...spans.map(([offset, length]) => bytes.subarray(offset, offset + length)));
  }
  return joined([...tables, ...parts]);
}

interface World {
  readonly options: StartOptions;
  readonly asked: string[];
  readonly ranges: string[];
  readonly files: Map<string, Uint8Array | number>;
}

function worldOf(wheels: readonly Uint8Array[] = BYTES, pack = packOf(wheels)): World {
  const wanted = wheels.map((bytes, at) => wantedOf(bytes, `six${at}`));
  const files = new Map<string, Uint8Array | number>(wanted.map(({ address }, at) => [address, wheels[at] as Uint8Array]));
  const address = "https://files.example/start.pack";
  files.set(address, pack);
  const [asked, ranges]: string[][] = [[], []];
  const ask = (async (url: string) => {
    asked?.push(url);
    const file = files.get(url) ?? 404;
    return typeof file === "number" ? new Response("", { status: file }) : new Response(file.slice());
  }) as typeof fetch;
  const fetching: FetchOptions = { engine: createEngine({ fetch: ask }), pauseMs: 1 };
  const options: StartOptions = {
    pack: { url: "start.pack", sha256: hex(pack), size: pack.length },
    address,
    wanted,
    fetching,
    behind: new AbortController().signal,
    quiet: Promise.resolve(),
    ranges: (url, from, to) => {
      ranges?.push(url);
      return (files.get(url) as Uint8Array).slice(from, to);
    },
    onBytes: () => undefined,
  };
  return { options, asked: asked as string[], ranges: ranges as string[], files };
}

const none: ReadonlyMap<Wanted, Arrived> = new Map();

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => "nothing",
    (error: unknown) => (isLockError(error) ? error.code : String(error)),
  );
}

class Mounted {
  readonly done: string[] = [];

  replaceSource(sha256: string): void {
    this.done.push(`replaced ${sha256.slice(0, 4)}`);
  }

  confirm(sha256: string): void {
    this.done.push(`confirmed ${sha256.slice(0, 4)}`);
  }

  invalidate(sha256: string, { code }: LockError): void {
    this.done.push(`${code} ${sha256.slice(0, 4)}`);
  }
}

async function settled(started: Started): Promise<{ complete: boolean; events: BehindEvent[]; done: string[]; kept: string[] }> {
  const [mounted, events, kept] = [new Mounted(), [] as BehindEvent[], [] as string[]];
  const keep = async ({ wheel }: Arrived): Promise<void> => void kept.push(wheel.name);
  const complete = await started.settle(mounted, inflate, (event) => events.push(event), keep);
  return { complete, events, done: mounted.done.sort(), kept: kept.sort() };
}

describe("beginWith", () => {
  it("has parts of each wheel that open as the whole wheel does, once the pack is there", async () => {
    const world = worldOf();
    const started = (await beginWith(world.options, none)) as Started;
    expect(world.asked[0]).toBe(world.options.address);
    expect(started.open(NO_MODULE, HERE)).toBe(true);
    const opened = started.begun.map((one) => started.opened(one));
    expect(opened).toEqual(BYTES.map((bytes) => openWheel(bytes, FILE, inflate)));
    expect(world.ranges).toEqual([]);
  });

  it("has the compiled modules of a pack for the Python that they are for, and keeps them with the wheels", async () => {
    const started = (await beginWith(worldOf(BYTES, packOf(BYTES, "unread.py", COMPILED)).options, none)) as Started;
    expect(started.open(NO_MODULE, HERE)).toBe(true);
    const kept: Arrived[] = [];
    await started.settle(new Mounted(), inflate, () => undefined, async (one) => void kept.push(one));
    const modules = [...started.begun, ...kept].map(({ compiled }) => compiled && inflate(compiled.packed, compiled.size));
    expect(modules).toEqual(Array.from({ length: 6 }, () => COMPILED));
  });

  it.each<[string, Interpreter, Uint8Array]>([
    ["another Python", { ...HERE, magic: Uint8Array.of(1, 3, 13, 10) }, COMPILED],
    ["another Pyodide", { ...HERE, version: "314.0.8" }, COMPILED],
    ["nothing that can be read", HERE, Uint8Array.of(1, 2, 3)],
  ])("does not begin with modules that were compiled for %s: their sources are not here", async (_, interpreter, compiled) => {
    const started = (await beginWith(worldOf(BYTES, packOf(BYTES, "unread.py", compiled)).options, none)) as Started;
    expect(started.open(NO_MODULE, interpreter)).toBe(false);
    expect((await started.all()).map(({ bytes }) => bytes)).toEqual(BYTES);
  });

  it("gives each wheel its whole bytes, the largest last", async () => {
    const world = worldOf();
    const started = (await beginWith(world.options, none)) as Started;
    started.open(NO_MODULE, HERE);
    const { complete, events, done, kept } = await settled(started);
    expect([complete, kept]).toEqual([true, ["six0", "six1", "six2"]]);
    expect(events.map(({ stage }) => stage)).toEqual(["whole", "whole", "whole"]);
    expect(done).toEqual(BYTES.map((bytes) => `replaced ${hex(bytes).slice(0, 4)}`).sort());
    const sizes = world.asked.slice(1).map((url) => (world.files.get(url) as Uint8Array).length);
    expect(sizes).toEqual([...sizes].sort((a, b) => a - b));
  });

  it("lets what comes behind wait, unless it is ended", async () => {
    const world = worldOf();
    let release = (): void => undefined;
    const quiet = new Promise<void>((resolve) => {
      release = resolve;
    });
    const controller = new AbortController();
    const first = (await beginWith({ ...world.options, quiet }, none)) as Started;
    const second = (await beginWith({ ...world.options, quiet: new Promise(() => undefined), behind: controller.signal }, none)) as Started;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(world.asked.filter((url) => url.endsWith(".whl"))).toEqual([]);
    controller.abort();
    expect((await Promise.all(second.begun.map(({ whole }) => whole))).map(({ ok }) => ok)).toEqual([false, false, false]);
    release();
    expect((await first.all()).map(({ bytes }) => bytes)).toEqual(BYTES);
  });

  it("reads a file that the pack lacks from its server", async () => {
    const world = worldOf();
    const started = (await beginWith(world.options, none)) as Started;
    started.open(NO_MODULE, HERE);
    const [one] = started.begun;
    const opened = started.opened(one as NonNullable<typeof one>);
    const { start, packedSize, size } = opened.entries.find(({ path }) => path === "unread.py") as PlainEntry;
    const content = inflate(one?.source.read(start, start + packedSize) as Uint8Array, size);
    expect(new TextDecoder().decode(content)).toBe(`# a\n${NOISE}`);
    expect(world.ranges).toEqual([one?.address]);
  });

  it("lets nothing more be read of a wheel that turns out to be another, and tells it", async () => {
    const world = worldOf();
    const [first, second] = world.options.wanted as [Wanted, Wanted, Wanted];
    const other = (BYTES[0] as Uint8Array).slice();
    other[other.length >> 1] = 1 + (other[other.length >> 1] as number);
    world.files.set(first.address, other);
    world.files.set(second.address, 404);
    const started = (await beginWith(world.options, none)) as Started;
    started.open(NO_MODULE, HERE);
    const { complete, events, done } = await settled(started);
    const told = Object.fromEntries(events.map((event) => [event.package, event.stage]));
    expect([complete, told]).toEqual([false, { six0: "invalid", six1: "incomplete", six2: "whole" }]);
    expect(done).toContain(`digest-mismatch ${first.wheel.sha256.slice(0, 4)}`);
    expect(done).not.toContain(`replaced ${second.wheel.sha256.slice(0, 4)}`);
  });

  it("holds the whole wheel to what it was begun with", async () => {
    const world = worldOf();
    const started = (await beginWith(world.options, none)) as Started;
    started.open(NO_MODULE, HERE);
    const [one, other] = started.begun as unknown as [{ wheel: LockedWheel }, { whole: Promise<unknown> }];
    // As if the wheel of the lock were another than the pack's: its own digest would be right.
    Object.assign(one, { whole: other.whole });
    const { events } = await settled(started);
    expect(events.find((event) => event.package === one.wheel.name)?.stage).toBe("invalid");
  });

  it("says nothing of what an abort ended", async () => {
    const world = worldOf();
    const controller = new AbortController();
    const started = (await beginWith({ ...world.options, behind: controller.signal }, none)) as Started;
    controller.abort();
    started.open(NO_MODULE, HERE);
    const { complete, events } = await settled(started);
    expect([complete, events]).toEqual([false, []]);
  });

  it.each<[string, (world: World) => Partial<StartOptions>, string]>([
    ["that is gone", ({ files, options }) => (files.set(options.address, 404), {}), "not-found"],
    ["of another digest", ({ options }) => ({ pack: { ...options.pack, sha256: "0".repeat(64) } }), "digest-mismatch"],
    ["of another size", ({ options }) => ({ pack: { ...options.pack, size: options.pack.size + 1 } }), "size"],
  ])("refuses a pack %s", async (_, change, code) => {
    const world = worldOf();
    const options = { ...world.options, ...change(world) };
    expect(await codeOf(beginWith(options, none))).toBe(code);
    expect(world.asked.filter((url) => url.endsWith(".whl"))).toEqual([]);
  });

  it("refuses a pack that is none, or has other wheels than the lock", async () => {
    const other = worldOf(BYTES, new Uint8Array(20));
    expect(await codeOf(beginWith(other.options, none))).toBe("bad-pack");
    const world = worldOf();
    const wanted = world.options.wanted.map((one) => ({ ...one, wheel: { ...one.wheel, size: 1 + (one.wheel.size ?? 0) } }));
    expect(await codeOf(beginWith({ ...world.options, wanted }, none))).toBe("bad-pack");
  });

  it("fetches whole, first, what the pack does not know", async () => {
    const world = worldOf(BYTES, packOf(BYTES.slice(0, 2)));
    const started = (await beginWith(world.options, none)) as Started;
    expect(started.arrived.map(({ wheel }) => wheel.name)).toEqual(["six2"]);
    expect(started.begun.map(({ wheel }) => wheel.name)).toEqual(["six0", "six1"]);
  });

  it("needs no pack when the store has all, or more than the pack would save", async () => {
    const world = worldOf();
    const wheels = new Map(BYTES.map((bytes) => [hex(bytes), bytes]));
    const get: WheelCache["get"] = async (sha256) => {
      const bytes = wheels.get(sha256)?.slice();
      return bytes === undefined ? null : { bytes, source: { size: bytes.length, read: (a, b) => bytes.subarray(a, b), close: () => undefined } };
    };
    const store = { get, getExtra: async () => null } as unknown as WheelCache;
    const stored = await allStored(world.options.wanted, { store });
    expect(stored.size).toBe(3);
    expect(await beginWith(world.options, stored)).toBe(null);
    const small = { ...world.options, pack: { ...world.options.pack, size: 10 ** 9 } };
    expect(await beginWith(small, none)).toBe(null);
    expect(world.asked).toEqual([]);
  });

  it("opens nothing of which the directory is missing; the wheels are there whole all the same", async () => {
    const [bytes] = BYTES as [Uint8Array];
    const head = joined([new TextEncoder().encode("mlstart\u0002"), u32(1), new Uint8Array(Buffer.from(hex(bytes), "hex"))]);
    const pack = joined([head, u32(bytes.length, 0, 0, 1, 0, 100), bytes.subarray(0, 100)]);
    const started = (await beginWith(worldOf([bytes], pack).options, none)) as Started;
    expect(started.open(NO_MODULE, HERE)).toBe(false);
    expect((await started.all()).map(({ wheel }) => wheel.name)).toEqual(["six0"]);
  });
});
