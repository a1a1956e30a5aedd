import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileReaderNow, Killed, Origin, type Platform, Tab } from "./opfs.test-opfs.ts";
import { exclusively, openStore, type WheelStore } from "./store.ts";

const hex = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const wheel = (seed: number, size = 1000): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: size }, (_, at) => (at * 31 + seed) % 256);

/** A digest in place of bytes, which would make failures long. */
const seen = (bytes: Uint8Array | null | undefined): string | null => (bytes ? hex(bytes) : null);

const ONE = wheel(1);
const TWO = wheel(2);
const THREE = wheel(3);

interface Setting {
  readonly platform: Platform;
  readonly worker: boolean;
}

/** Chromium's worker; one without shared handles; one without moves, too; a page. */
const SETTINGS: Record<string, Setting> = {
  "a worker": { platform: { modes: true, move: true }, worker: true },
  "a worker without modes": { platform: { modes: false, move: true }, worker: true },
  "a worker without modes and moves": { platform: { modes: false, move: false }, worker: true },
  "a page": { platform: { modes: true, move: true }, worker: false },
};

function enter(tab: Tab, worker: boolean): Tab {
  for (const [name, value] of Object.entries(tab.globals(worker))) vi.stubGlobal(name, value);
  return tab;
}

async function storeOf(tab: Tab, worker: boolean): Promise<WheelStore> {
  enter(tab, worker);
  return openStore();
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe.each(Object.entries(SETTINGS))("the store in %s", (_, { platform, worker }) => {
  let origin: Origin;
  let store: WheelStore;

  beforeEach(async () => {
    origin = new Origin(platform);
    store = await storeOf(new Tab(origin), worker);
  });

  const flip = async (end: string) => {
    if (worker) {
      const { bytes } = origin.file(end);
      bytes[bytes.length - 7]! ^= 1;
    } else {
      const [cache] = origin.caches.values();
      const [url, { body, headers }] = [...cache!].find(([one]) => one.endsWith(end))!;
      const bytes = new Uint8Array(await body.arrayBuffer());
      bytes[bytes.length - 7]! ^= 1;
      cache!.set(url, { body: new Blob([bytes]), headers });
    }
  };

  it("is the fastest there is", () => {
    expect(store.kind).toBe(worker ? "opfs" : "cache");
  });

  it("keeps what a visit leaves, where wheels can be read in parts", async () => {
    vi.stubGlobal("FileReaderSync", FileReaderNow);
    const [key, left] = [hex(TWO), wheel(9, 5000)];
    expect([await store.getVisit?.(key), await store.part?.(hex(ONE))]).toEqual([null, null]);
    await store.put(hex(ONE), ONE);
    expect(await store.putVisit?.(key, left)).toBe(worker ? "stored" : "failed");
    const next = await storeOf(new Tab(origin), worker);
    expect(seen(await next.getVisit?.(key))).toBe(worker ? hex(left) : null);
    const part = await next.part?.(hex(ONE));
    expect(part?.size).toBe(worker ? ONE.length : undefined);
    if (part != null) {
      expect(seen(part.read(10, 500))).toBe(hex(ONE.slice(10, 500)));
      expect(() => part.read(10, ONE.length + 1)).toThrow(RangeError);
      part.close();
      expect(() => part.read(0, 1)).toThrow("closed");
      await flip(key);
      expect([await next.getVisit?.(key), await next.getVisit?.(key)]).toEqual([null, null]);
      expect([...origin.paths()].filter((path) => path.includes("visits"))).toEqual([]);
    }
  });

  it("keeps what eight visits leave, the newest, and none that wheels want the room of", async () => {
    vi.stubGlobal("FileReaderSync", FileReaderNow);
    if (worker) {
      const keys = Array.from({ length: 10 }, (_, at) => hex(wheel(at + 50)));
      for (const key of keys) {
        await store.putVisit?.(key, wheel(1, 2000));
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      const there = await Promise.all(keys.map(async (key) => (await store.getVisit?.(key)) != null));
      expect(there).toEqual([false, false, ...Array.from({ length: 8 }, () => true)]);
      await store.put(hex(ONE), ONE);
      origin.quota = origin.usage() + 500;
      expect(await store.put(hex(THREE), THREE)).toBe("stored");
      expect([seen((await store.get(hex(ONE)))?.bytes), await store.getVisit?.(keys[9] as string)]).toEqual([hex(ONE), null]);
    }
  });

  it("gives back what was put, in another session too, and only that", async () => {
    expect(await store.get(hex(ONE))).toBeNull();
    expect([await store.put(hex(ONE), ONE), await store.put(hex(ONE), ONE)]).toEqual(["stored", "there"]);
    const next = await storeOf(new Tab(origin), worker);
    const found = await next.get(hex(ONE), ONE.length);

    expect(seen(found?.bytes)).toBe(hex(ONE));
    expect(seen(found?.source.read(10, 500))).toBe(hex(ONE.slice(10, 500)));
    expect(await next.get(hex(TWO))).toBeNull();
  });

  it("opens one wheel several times, in two tabs and after a source was closed", async () => {
    await store.put(hex(ONE), ONE);
    const other = await storeOf(new Tab(origin), worker);
    const found = [await store.get(hex(ONE)), await other.get(hex(ONE)), await store.get(hex(ONE))];
    found[1]?.source.close();

    expect(found.map((one) => seen(one?.bytes))).toEqual([hex(ONE), hex(ONE), hex(ONE)]);
    expect(seen(found[2]?.source.read(0, 1000))).toBe(hex(ONE));
    expect(await other.put(hex(ONE), ONE)).toBe("there");
  });

  it("takes a wheel with one flipped bit away, and keeps it anew", async () => {
    await store.put(hex(ONE), ONE);
    await flip(hex(ONE));

    expect(await store.get(hex(ONE))).toBeNull();
    expect(origin.paths().filter((path) => path.includes(hex(ONE)))).toEqual([]);
    expect(await store.put(hex(ONE), ONE)).toBe("stored");
    expect(seen((await store.get(hex(ONE)))?.bytes)).toBe(hex(ONE));
  });

  it("replaces bytes that rotted unseen", async () => {
    await store.put(hex(ONE), ONE);
    await flip(hex(ONE));

    expect(await store.put(hex(ONE), ONE)).toBe("stored");
    expect(seen((await store.get(hex(ONE)))?.bytes)).toBe(hex(ONE));
  });

  it("leaves a lock with a wrong size to the network, and the wheel where it is", async () => {
    await store.put(hex(ONE), ONE);

    expect(await store.get(hex(ONE), 999)).toBeNull();
    expect(seen((await store.get(hex(ONE), null))?.bytes)).toBe(hex(ONE));
  });

  it("finds nothing by what is no digest", async () => {
    const names = ["", "../used", hex(ONE).toUpperCase(), `${hex(ONE)}0`, `${hex(ONE)}\n`];

    expect(await Promise.all(names.map((name) => store.get(name)))).toEqual(names.map(() => null));
    expect(await Promise.all(names.map((name) => store.put(name, ONE)))).toEqual(names.map(() => "failed"));
    expect(await store.list()).toEqual([]);
  });

  it("keeps extras by their own digest beside a wheel, and gives none that changed", async () => {
    const blob = wheel(9, 300);
    expect([await store.putExtra(hex(ONE), "checked", new Uint8Array(0)), await store.putExtra(hex(ONE), "pyc-3.14", blob)]).toEqual([
      "stored",
      "stored",
    ]);
    expect([await store.getExtra(hex(ONE), "checked"), await store.getExtra(hex(ONE), "pyc-3.14")]).toEqual([new Uint8Array(0), blob]);
    await flip("pyc-3.14");

    expect(await store.getExtra(hex(ONE), "pyc-3.14")).toBeNull();
    expect(await store.getExtra(hex(TWO), "checked")).toBeNull();
    expect(await store.getExtra(hex(ONE), "../x")).toBeNull();
    expect(await store.putExtra(hex(ONE), "a/b", blob)).toBe("failed");
    expect(origin.paths().filter((path) => path.endsWith("pyc-3.14"))).toEqual([]);
  });

  it("replaces an extra", async () => {
    await store.putExtra(hex(ONE), "profile", wheel(4, 10));
    await store.putExtra(hex(ONE), "profile", wheel(5, 20));

    expect(await store.getExtra(hex(ONE), "profile")).toEqual(wheel(5, 20));
  });

  it("lists wheels, and removes one with its extras", async () => {
    await store.put(hex(ONE), ONE);
    await store.put(hex(TWO), TWO);
    await store.putExtra(hex(ONE), "checked", new Uint8Array(1));
    expect((await store.list()).map(({ sha256, size }) => [sha256, size]).sort()).toEqual(
      [
        [hex(ONE), 1000],
        [hex(TWO), 1000],
      ].sort(),
    );
    await store.remove(hex(ONE));

    expect((await store.list()).map(({ sha256 }) => sha256)).toEqual([hex(TWO)]);
    expect(origin.paths().filter((path) => path.includes(hex(ONE)))).toEqual([]);
  });

  it("says when there is no room, and leaves nothing of the wheel", async () => {
    origin.quota = 900;

    expect(await store.put(hex(ONE), ONE)).toBe("quota");
    expect(await store.putExtra(hex(ONE), "checked", ONE)).toBe("quota");
    expect(origin.paths()).toEqual([]);
  });

  it("lets the wheel that was used longest ago go, and none that this session used", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 5_000_000 });
    for (const one of [ONE, TWO, THREE]) await store.put(hex(one), one);
    await store.settle();
    vi.setSystemTime(6_000_000);
    const later = await storeOf(new Tab(origin), worker);
    (await later.get(hex(ONE)))?.source.close();
    await later.settle();
    vi.setSystemTime(7_000_000);
    const last = await storeOf(new Tab(origin), worker);
    (await last.get(hex(TWO)))?.source.close();
    origin.quota = origin.usage() + 10;
    const kept = [await last.put(hex(wheel(4)), wheel(4)), await last.put(hex(wheel(5)), wheel(5)), await last.put(hex(wheel(6)), wheel(6))];
    vi.useRealTimers();

    expect(kept).toEqual(["stored", "stored", "quota"]);
    expect((await last.list()).map(({ sha256 }) => sha256).sort()).toEqual([hex(TWO), hex(wheel(4)), hex(wheel(5))].sort());
  });

  it("takes no wheel away for one that can never fit", async () => {
    await store.put(hex(ONE), ONE);
    const next = await storeOf(new Tab(origin), worker);
    origin.quota = 2000;

    expect(await next.put(hex(wheel(4, 3000)), wheel(4, 3000))).toBe("quota");
    expect(seen((await next.get(hex(ONE)))?.bytes)).toBe(hex(ONE));
  });

  it("finds nothing, and starts anew, when the browser took everything away", async () => {
    await store.put(hex(ONE), ONE);
    origin.clear();

    expect([await store.get(hex(ONE)), await store.list()]).toEqual([null, []]);
    expect(await store.put(hex(ONE), ONE)).toBe("stored");
    expect(seen((await store.get(hex(ONE)))?.bytes)).toBe(hex(ONE));
  });

  it("is clean after a kill at any step of putting a wheel and what is beside it", async () => {
    const work = async (tab: Tab) => {
      const killed = await storeOf(tab, worker);
      await killed.put(hex(ONE), ONE);
      await killed.putExtra(hex(ONE), "checked", TWO);
      await killed.settle();
    };
    const whole = new Tab(new Origin(platform));
    await work(whole);
    let stages = new Set<string>();
    for (let last = 1; last <= whole.steps; last++) {
      const place = new Origin(platform);
      await work(new Tab(place, last)).catch((error: unknown) => {
        if (!(error instanceof Killed)) throw error;
      });
      const next = await storeOf(new Tab(place), worker);
      const found = await next.get(hex(ONE));
      const extra = await next.getExtra(hex(ONE), "checked");

      expect([null, hex(ONE)]).toContain(found && hex(found.bytes));
      expect([null, hex(TWO)]).toContain(extra && hex(extra));
      expect((await next.list()).length).toBe(found === null ? 0 : 1);
      expect(place.paths().filter((path) => path.includes("incoming"))).toEqual([]);
      expect(place.locks.size).toBe(0);
      stages = stages.add(`${found !== null} ${extra !== null}`);
    }

    expect([...stages]).toEqual(["false false", "true false", "true true"]);
  });

  it("leaves alone what another tab is writing", async () => {
    if (!worker) return;
    const writer = new Tab(origin);
    let tidied: string[] = [];
    const { step } = writer;
    writer.step = () => {
      step.call(writer);
      const names = origin.paths().filter((path) => path.includes("incoming"));
      if (names.length > tidied.length) tidied = names;
    };
    const writing = (await storeOf(writer, worker)).put(hex(ONE), ONE);
    while (tidied.length === 0) await Promise.resolve();
    const reader = await storeOf(new Tab(origin), worker);
    await writing;

    expect(seen((await reader.get(hex(ONE)))?.bytes)).toBe(hex(ONE));
  });
});

describe("where there is no storage", () => {
  it.each([
    ["no secure context", { crypto: {} }],
    ["nothing at all", { FileSystemFileHandle: undefined, caches: undefined }],
    [
      "a private window that refuses both",
      {
        navigator: { storage: { getDirectory: () => Promise.reject(new DOMException("no", "SecurityError")) } },
        caches: { open: () => Promise.reject(new DOMException("no", "SecurityError")) },
      },
    ],
  ])("a store keeps nothing and fails at nothing: %s", async (_, globals) => {
    enter(new Tab(new Origin()), true);
    for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);
    const store = await openStore();

    expect([store.kind, await store.put(hex(ONE), ONE), await store.get(hex(ONE)), await store.list()]).toEqual(["none", "failed", null, []]);
    expect([await store.putExtra(hex(ONE), "checked", ONE), await store.getExtra(hex(ONE), "checked")]).toEqual(["failed", null]);
    await store.remove(hex(ONE));
    await store.settle();
  });

  it("a worker whose file system is refused keeps wheels in Cache Storage", async () => {
    const tab = enter(new Tab(new Origin()), true);
    const storage = { getDirectory: () => Promise.reject(new DOMException("no", "SecurityError")) };
    vi.stubGlobal("navigator", { storage, locks: tab.lockManager() });

    expect((await openStore()).kind).toBe("cache");
  });

  it("a worker without Web Locks keeps wheels all the same", async () => {
    const tab = enter(new Tab(new Origin()), true);
    vi.stubGlobal("navigator", { storage: (tab.globals()["navigator"] as { storage: unknown }).storage });
    const store = await openStore();

    expect([store.kind, await store.put(hex(ONE), ONE)]).toEqual(["opfs", "stored"]);
    expect(seen((await store.get(hex(ONE)))?.bytes)).toBe(hex(ONE));
  });

  it("every failure of the platform is an answer", async () => {
    for (const worker of [true, false]) {
      const origin = new Origin();
      const whole = new Tab(origin);
      const store = await storeOf(whole, worker);
      await store.put(hex(ONE), ONE);
      whole.turn = () => Promise.reject(new DOMException("broken", "UnknownError"));

      expect([await store.get(hex(ONE)), await store.put(hex(TWO), TWO), await store.list()]).toEqual([null, "failed", []]);
      expect([await store.getExtra(hex(ONE), "checked"), await store.putExtra(hex(ONE), "checked", ONE)]).toEqual([null, "failed"]);
      await store.remove(hex(ONE));
      await store.settle();
    }
  });
});

describe("exclusively", () => {
  it("lets one tab at a time work on a wheel, so that it is fetched once", async () => {
    const origin = new Origin();
    let fetched = 0;
    const visit = async () => {
      const store = await storeOf(new Tab(origin), true);
      return () =>
        exclusively(hex(ONE), async () => {
          const there = await store.get(hex(ONE));
          if (there !== null) return there.source.close();
          fetched += 1;
          await new Promise((resolve) => setTimeout(resolve, 5));
          await store.put(hex(ONE), ONE);
        });
    };
    const visits = [await visit(), await visit(), await visit()];
    await Promise.all(visits.map((one) => one()));

    expect(fetched).toBe(1);
  });

  it("waits no longer than its patience for a tab that does not let go", async () => {
    const origin = new Origin();
    enter(new Tab(origin), true);
    origin.locks.set(`micropip-lock:${hex(ONE)}`, new Tab(origin));

    expect(await exclusively(hex(ONE), async () => "done", 10)).toBe("done");
  });

  it("hands on what the work throws, and runs it once", async () => {
    enter(new Tab(new Origin()), true);
    let runs = 0;
    const work = () => Promise.reject(new Error(`run ${++runs}`));

    await expect(exclusively(hex(ONE), work)).rejects.toThrow("run 1");
    expect(runs).toBe(1);
  });

  it.each([undefined, { request: () => Promise.reject(new DOMException("opaque", "SecurityError")) }])(
    "works without Web Locks",
    async (locks) => {
      vi.stubGlobal("navigator", { locks });

      expect(await exclusively(hex(ONE), async () => "done")).toBe("done");
    },
  );
});
