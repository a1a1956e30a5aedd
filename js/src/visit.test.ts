import { createHash } from "node:crypto";
import { describe, expect, it, vi } from "vitest";
import { Bytecode, bytecodeKind } from "./bytecode.ts";
import type { Wanted, WheelCache } from "./fetch-wheels.ts";
import { nodeInflate } from "./inflate.ts";
import type { LockedWheel } from "./lock-reader.ts";
import { MountedWheel } from "./mounted-wheel.ts";
import { type ByteSource, memorySource } from "./source.ts";
import { codedIn, formatVisit, type KeptWheel, parseVisit, takeVisit, visitKey, VisitKeeper } from "./visit.ts";
import { openWheel, type PlainWheel } from "./wheel.ts";
import { wheelOf } from "./wheel.test-builder.ts";

const inflate = nodeInflate() as NonNullable<ReturnType<typeof nodeInflate>>;
const hex = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const HERE = { cacheTag: "cpython-314", magic: Uint8Array.of(1, 2, 3, 4), version: "314.0.7" };
const KIND = bytecodeKind("2026_0");
const FILE = "six-1.16.0-py2.py3-none-any.whl";
const BYTES = Uint8Array.from(wheelOf({ "six.py": "X = 1\n", "unread.py": "# nobody reads this\n".repeat(99) }));
const SHA256 = hex(BYTES);

/** What a store in a worker has, by digest and by name. */
class Store implements WheelCache {
  readonly wheels = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly extras = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly visits = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly open: string[] = [];
  readonly put = async () => "stored" as const;
  readonly get = async () => null;
  readonly settle = async () => undefined;
  readonly getExtra = async (sha256: string, kind: string) => this.extras.get(`${sha256} ${kind}`) ?? null;
  readonly putExtra = async () => "stored" as const;
  readonly getVisit = async (key: string) => this.visits.get(key) ?? null;

  async putVisit(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<"stored"> {
    this.visits.set(key, bytes);
    return "stored";
  }

  async part(sha256: string): Promise<ByteSource | null> {
    const bytes = this.wheels.get(sha256);
    if (bytes === undefined) {
      return null;
    }
    this.open.push(sha256);
    const source = memorySource(bytes);
    const close = (): void => {
      source.close();
      this.open.splice(this.open.indexOf(sha256), 1);
    };
    return { size: source.size, read: (from, to) => source.read(from, to), close };
  }
}

const wantedOf = (sha256 = SHA256, size: number | null = BYTES.length): Wanted => ({
  wheel: { name: "six", filename: FILE, sha256, size } as LockedWheel,
  address: `https://files.example/${FILE}`,
});

function mounted(before?: ReadonlySet<string>, source: ByteSource = memorySource(BYTES), coded?: ReadonlySet<string>): MountedWheel {
  const { distInfo, dataDir, entries } = openWheel(BYTES, FILE, inflate) as PlainWheel;
  const wheel = { filename: FILE, distInfo, dataDir, entries, source, records: { INDEX: "https://index.example/\n" }, sha256: SHA256 };
  return new MountedWheel({ ...wheel, ...(before && { before }), ...(coded && { coded }) }, inflate);
}

const entryOf = (wheel: MountedWheel, path: string) => wheel.wheel.entries.find((one) => one.path === path) as KeptWheel["entries"][number];

function read(wheel: MountedWheel, path: string): Uint8Array {
  const bytes = wheel.read(entryOf(wheel, path));
  wheel.served.add(path);
  return bytes;
}

/** A store in which a visit left something, of which `paths` were read. */
async function visited(paths: readonly string[], store = new Store()): Promise<Store> {
  store.wheels.set(SHA256, BYTES);
  const wheel = mounted();
  for (const path of paths) read(wheel, path);
  await new VisitKeeper(store, "key", [KIND]).keep([wheel], "314.0.7");
  return store;
}

const PATHS = (openWheel(BYTES, FILE, inflate) as PlainWheel).entries.map(({ path }) => path);
const SOURCE = PATHS.find((path) => path.endsWith(".py")) as string;
const METADATA = PATHS.find((path) => path.endsWith("METADATA")) as string;

describe("what a visit leaves", () => {
  it("is what it needed of each wheel, and the rest is read from the store", async () => {
    const store = await visited([SOURCE]);
    const [one] = (await takeVisit(store, "key", [wantedOf()], null)) ?? [];
    const { kept, source } = one as NonNullable<typeof one>;
    const { distInfo, entries, metadata } = openWheel(BYTES, FILE, inflate) as PlainWheel;
    expect([kept.entries, kept.distInfo, kept.size, kept.here, kept.checked]).toEqual([entries, distInfo, BYTES.length, [SOURCE], false]);
    expect(kept.records).toEqual({ INDEX: "https://index.example/\n" });
    const again = mounted(new Set(kept.here), source);
    const { start, packedSize } = entryOf(again, SOURCE);
    expect([source.has(start, start + packedSize), source.isWhole]).toEqual([true, false]);
    expect(new TextDecoder().decode(read(again, METADATA))).toBe(metadata);
    expect(read(again, SOURCE)).toEqual(read(mounted(), SOURCE));
  });

  it("compares with RECORD what is read from the store, and not what was compared before", async () => {
    const store = await visited([SOURCE]);
    const [one] = (await takeVisit(store, "key", [wantedOf()], null)) ?? [];
    const digests = vi.spyOn(globalThis.process, "getBuiltinModule");
    const again = mounted(new Set(one?.kept.here), one?.source);
    read(again, SOURCE);
    expect(digests).not.toHaveBeenCalledWith("node:crypto");
    read(again, METADATA);
    expect(digests).toHaveBeenCalledWith("node:crypto");
    digests.mockRestore();
    const bad = BYTES.slice();
    const { start } = entryOf(again, METADATA);
    bad[start + 3]! ^= 1;
    const damaged = mounted(new Set(one?.kept.here), memorySource(bad));
    expect(() => read(damaged, METADATA)).toThrow();
  });

  it("has compiled modules in place of their sources", async () => {
    const store = new Store();
    const code = new Bytecode(new Map([[SOURCE, Uint8Array.of(1, 2, 3)]])).toBytes(HERE);
    store.extras.set(`${SHA256} ${KIND}`, code);
    await visited([SOURCE, METADATA], store);
    const [one] = (await takeVisit(store, "key", [wantedOf()], null)) ?? [];
    expect([one?.kept.here, one?.kept.bytecode]).toEqual([[METADATA], [code]]);
  });

  it("is written once more when a source was read as a text, or was compiled since, and then no more", async () => {
    const store = await visited([SOURCE]);
    const write = vi.spyOn(store, "putVisit");
    const keeper = new VisitKeeper(store, "key", [KIND]);
    // Compiled after it was kept: its code takes the place of the text.
    store.extras.set(`${SHA256} ${KIND}`, new Bytecode(new Map([[SOURCE, Uint8Array.of(1)]])).toBytes(HERE));
    await keeper.keep([mounted(new Set([SOURCE]))], "314.0.7");
    const [first] = (await takeVisit(store, "key", [wantedOf()], null)) ?? [];
    expect([write.mock.calls.length, first?.kept.here]).toEqual([1, []]);
    const coded = codedIn(first?.kept.bytecode ?? []);
    expect([...coded]).toEqual([SOURCE]);
    // And read all the same.
    const reading = mounted(new Set(), first?.source, coded);
    read(reading, SOURCE);
    await keeper.keep([reading], "314.0.7");
    const [second] = (await takeVisit(store, "key", [wantedOf()], null)) ?? [];
    expect([write.mock.calls.length, second?.kept.here]).toEqual([2, [SOURCE]]);
    const again = mounted(new Set([SOURCE]), second?.source, coded);
    read(again, SOURCE);
    await keeper.keep([again], "314.0.7");
    expect(write).toHaveBeenCalledTimes(2);
  });

  it("asks the wheel's own server for what the store cannot read any more", async () => {
    const store = await visited([SOURCE]);
    const asked: string[] = [];
    const ranges = (address: string, from: number, to: number): Uint8Array => {
      asked.push(address);
      return BYTES.slice(from, to);
    };
    store.part = async () => ({ size: BYTES.length, close: () => undefined, read: () => { throw new Error("gone"); } });
    const [online] = (await takeVisit(store, "key", [wantedOf()], ranges)) ?? [];
    expect(read(mounted(new Set(), online?.source), METADATA)).toEqual(read(mounted(), METADATA));
    expect(asked).toEqual([`https://files.example/${FILE}`]);
    const [offline] = (await takeVisit(store, "key", [wantedOf()], null)) ?? [];
    expect(() => read(mounted(new Set(), offline?.source), METADATA)).toThrow("the store has it no more");
  });

  it("has nothing that is not what RECORD lists when it is kept", async () => {
    const store = new Store();
    store.wheels.set(SHA256, BYTES);
    const bad = BYTES.slice();
    const wheel = mounted(undefined, memorySource(bad));
    read(wheel, SOURCE);
    bad[entryOf(wheel, SOURCE).start + 1]! ^= 1;
    const told = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await new VisitKeeper(store, "key", [KIND]).keep([wheel], "314.0.7");
    expect([store.visits.size, told.mock.calls.length]).toEqual([0, 1]);
    told.mockRestore();
  });

  it("is written again when more was needed, with all that it had", async () => {
    const store = await visited([SOURCE]);
    const write = vi.spyOn(store, "putVisit");
    const again = mounted(new Set([SOURCE]));
    const keeper = new VisitKeeper(store, "key", [KIND]);
    read(again, SOURCE);
    await keeper.keep([again], "314.0.7");
    expect(write).not.toHaveBeenCalled();
    read(again, METADATA);
    await keeper.keep([again], "314.0.7");
    expect(write).toHaveBeenCalledTimes(1);
    const [one] = (await takeVisit(store, "key", [wantedOf()], null)) ?? [];
    expect(new Set(one?.kept.here)).toEqual(new Set([SOURCE, METADATA]));
  });

  it("is written once there was a pause, when more was kept beside the wheels", async () => {
    vi.useFakeTimers();
    try {
      const store = await visited([SOURCE]);
      const write = vi.spyOn(store, "putVisit");
      const again = mounted(new Set([SOURCE]));
      const keeper = new VisitKeeper(store, "key", [KIND]);
      await keeper.keep([again], "314.0.7");
      read(again, METADATA);
      keeper.soon();
      keeper.soon();
      await vi.advanceTimersByTimeAsync(10_000);
      expect(write).toHaveBeenCalledTimes(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it("is nothing when a wheel is not in the store", async () => {
    const store = new Store();
    await new VisitKeeper(store, "key", [KIND]).keep([mounted()], "314.0.7");
    expect([store.visits.size, store.open]).toEqual([0, []]);
  });

  it.each<[string, (store: Store) => unknown, Wanted]>([
    ["of which a wheel is gone", (store) => store.wheels.clear(), wantedOf()],
    ["of which a wheel has another size", (store) => store.wheels.set(SHA256, BYTES.slice(1)), wantedOf()],
    ["of another wheel", () => undefined, wantedOf("0".repeat(64))],
    ["whose lock says another size", () => undefined, wantedOf(SHA256, 7)],
    ["that cannot be read", (store) => store.visits.set("key", Uint8Array.of(9, 0, 0, 0, 1)), wantedOf()],
    ["that is not there", (store) => store.visits.clear(), wantedOf()],
  ])("is not taken from a visit %s", async (_, change, wanted) => {
    const store = await visited([SOURCE]);
    change(store);
    expect(await takeVisit(store, "key", [wanted], null)).toBeNull();
    expect(store.open).toEqual([]);
  });

  it("is found by what was booted, to the letter, and never when the wheels are from an address of the moment", async () => {
    const at = (address: string): Wanted => ({ ...wantedOf(), address });
    const keys = await Promise.all([
      visitKey("{}", undefined, [wantedOf()]),
      visitKey("{ }", undefined, [wantedOf()]),
      visitKey("{}", ["six"], [wantedOf()]),
      visitKey("{}", undefined, [at("https://other.example/six.whl")]),
    ]);
    expect(new Set(keys).size).toBe(4);
    expect(await visitKey("{}", undefined, [wantedOf()])).toBe(keys[0]);
    expect(await visitKey("{}", undefined, [at("blob:https://files.example/1")])).toBeNull();
  });

  it("is no file of it that was cut, or has more", async () => {
    const store = await visited([SOURCE]);
    const bytes = store.visits.get("key") as Uint8Array<ArrayBuffer>;
    expect(parseVisit(bytes)).toHaveLength(1);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(parseVisit(bytes.subarray(0, length))).toBeNull();
    }
    expect(parseVisit(Uint8Array.from([...bytes, 0]))).toBeNull();
  });

  it("is nothing when it is too much", () => {
    const [one] = parseVisit(formatVisit([]) as Uint8Array) ?? [];
    expect(one).toBeUndefined();
    const huge = { length: 2 ** 28 } as unknown as Uint8Array;
    const { distInfo, dataDir, entries } = openWheel(BYTES, FILE, inflate) as PlainWheel;
    const kept = { filename: FILE, distInfo, dataDir, entries, records: {}, sha256: SHA256, version: "", size: 1, checked: true, here: [] };
    expect(formatVisit([{ ...kept, segments: [], bytecode: [huge] }])).toBeNull();
  });
});
