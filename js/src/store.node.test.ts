import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openStore, ShelfStore, type WheelStore } from "./store.ts";
import { NodeShelf } from "./store-node.ts";

const hex = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const ONE = Uint8Array.from({ length: 5000 }, (_, at) => (at * 7) % 256);
const NAME = hex(ONE);

let directory: string;
let store: WheelStore;
beforeEach(async () => {
  directory = join(fs.mkdtempSync(join(tmpdir(), "store-")), "not", "yet");
  store = await openStore({ directory });
});
afterEach(() => fs.rmSync(join(directory, "..", ".."), { recursive: true }));

const files = (): string[] =>
  fs
    .readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
    .sort();
const place = () => join(directory, "wheels", NAME.slice(0, 2), NAME);

it("a directory that is not there holds nothing, and is made by the first wheel", async () => {
  expect([store.kind, await store.get(NAME), await store.list(), fs.existsSync(directory)]).toEqual(["directory", null, [], false]);
  expect([await store.put(NAME, ONE), await store.put(NAME, ONE)]).toEqual(["stored", "there"]);
  expect([hex(fs.readFileSync(place())), files()]).toEqual([NAME, [NAME]]);
});

it("a wheel is read by its descriptor, also when its name is gone", async () => {
  await store.put(NAME, ONE);
  const found = await store.get(NAME);
  await store.remove(NAME);

  expect(hex(found!.source.read(0, 5000))).toBe(NAME);
  expect(await store.get(NAME)).toBeNull();
  found!.source.close();
});

it("no descriptor stays open, whatever is found", async () => {
  const open = () => fs.readdirSync("/proc/self/fd").length;
  if (process.platform !== "linux") return;
  await store.put(NAME, ONE);
  const before = open();
  await store.put(NAME, ONE);
  await store.get(NAME, 4);
  fs.appendFileSync(place(), "x");
  await store.get(NAME);
  await store.putExtra(NAME, "checked", ONE);
  await store.getExtra(NAME, "checked");
  fs.mkdirSync(place(), { recursive: true });
  await store.get(NAME);

  expect(open()).toBe(before);
});

it("a flipped bit and a cut end are found, and the file goes", async () => {
  for (const spoil of [() => fs.writeFileSync(place(), ONE.map((byte, at) => (at === 77 ? byte ^ 4 : byte))), () => fs.truncateSync(place(), 10)]) {
    await store.put(NAME, ONE);
    spoil();

    expect([await store.get(NAME), files()]).toEqual([null, []]);
  }
});

it("a full disk is told, and leaves nothing", async () => {
  const full = Object.assign(new Error("no space left"), { code: "ENOSPC" });
  const open: typeof fs.promises.open = async (...given) => {
    const file = await fs.promises.open(...given);
    file.writeFile = () => Promise.reject(full);
    return file;
  };
  const crowded = new ShelfStore(new NodeShelf({ ...fs, promises: { ...fs.promises, open } }, directory));

  expect([await crowded.put(NAME, ONE), files()]).toEqual(["quota", []]);
});

it("a directory that cannot be written is told as a failure", async () => {
  fs.mkdirSync(join(directory, ".."), { recursive: true });
  fs.writeFileSync(directory, "a file");

  expect([await store.put(NAME, ONE), await store.get(NAME), await store.list()]).toEqual(["failed", null, []]);
});

it("what a killed process left goes once it is old, and what is being written stays", async () => {
  await store.put(NAME, ONE);
  const [old, fresh] = [join(place(), "..", `.${NAME}.0a`), join(place(), "..", `.${NAME}.0b`)];
  for (const part of [old, fresh]) fs.writeFileSync(part, "half");
  const yesterday = new Date(Date.now() - 86_400_000);
  fs.utimesSync(old, yesterday, yesterday);
  const next = await openStore({ directory });

  expect(files()).toEqual([`.${NAME}.0b`, NAME]);
  expect((await next.list()).map(({ sha256, size }) => [sha256, size])).toEqual([[NAME, 5000]]);
});

it("settling sets the time of what was used", async () => {
  await store.put(NAME, ONE);
  const yesterday = new Date(Date.now() - 86_400_000);
  fs.utimesSync(place(), yesterday, yesterday);
  const next = await openStore({ directory });
  const before = (await next.list())[0]!.lastUsed;
  (await next.get(NAME))!.source.close();
  await next.settle();

  expect(fs.statSync(place()).mtimeMs - before).toBeGreaterThan(80_000_000);
});

it("a process that is killed while it writes leaves nothing that looks whole", async () => {
  const module = fileURLToPath(new URL("./store-node.ts", import.meta.url));
  const program = `
    import * as fs from "node:fs";
    const rename = async () => process.kill(process.pid, "SIGKILL");
    const { NodeShelf } = await import(${JSON.stringify(module)});
    const shelf = new NodeShelf({ ...fs, promises: { ...fs.promises, rename } }, ${JSON.stringify(directory)});
    await shelf.write("wheels/${NAME.slice(0, 2)}/${NAME}", [new Uint8Array(5000)]);
  `;
  const bundled = join(directory, "..", "program.mjs");
  fs.mkdirSync(join(directory, ".."), { recursive: true });
  const stdin = { contents: program, resolveDir: ".", loader: "ts" } as const;
  await build({ stdin, bundle: true, format: "esm", platform: "node", outfile: bundled, logLevel: "silent" });

  expect(spawnSync(process.execPath, [bundled]).signal).toBe("SIGKILL");
  expect([await store.get(NAME), await store.list(), files().length]).toEqual([null, [], 1]);
});
