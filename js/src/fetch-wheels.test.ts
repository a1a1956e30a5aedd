import { describe, expect, it } from "vitest";
import type { Download, DownloadOptions, DownloadResult, Engine, Failed } from "./engine.ts";
import { type FetchOptions, fetchWheels, type Wanted, type WheelCache } from "./fetch-wheels.ts";
import { hexOf } from "./hash.ts";
import type { LockedWheel } from "./lock-reader.ts";
import { type ByteSource, memorySource } from "./source.ts";

type Answer = Uint8Array<ArrayBuffer> | Omit<Failed, "ok" | "url"> | "never";

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** An engine whose answers are given by file name, one after the other, the last one again and again. */
class FakeEngine implements Engine {
  readonly asked: { readonly file: string; readonly cache: string | null | undefined }[] = [];
  readonly answers: Record<string, Answer[]>;
  underWay = 0;
  most = 0;

  constructor(answers: Record<string, Answer[]>) {
    this.answers = answers;
  }

  download(url: string, options?: DownloadOptions | null): Download {
    const file = url.split("/").at(-1) ?? "";
    this.asked.push({ file, cache: options?.cache });
    this.underWay += 1;
    this.most = Math.max(this.most, this.underWay);
    let abort = (): void => undefined;
    const stopped = new Promise<DownloadResult>((resolve) => {
      abort = () => resolve({ ok: false, kind: "aborted", message: "the download was stopped", url });
    });
    const answers = this.answers[file] ?? [];
    const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? "never";
    const promise = Promise.race([stopped, answer === "never" ? new Promise<never>(() => undefined) : this.#result(url, answer, options)]);
    return { promise: promise.finally(() => (this.underWay -= 1)), abort };
  }

  async #result(url: string, answer: Exclude<Answer, "never">, options?: DownloadOptions | null): Promise<DownloadResult> {
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (!(answer instanceof Uint8Array)) {
      return { ok: false, url, ...answer };
    }
    try {
      options?.onProgress?.(answer.length);
    } catch (error) {
      return { ok: false, kind: "aborted", message: String(error), url };
    }
    return { ok: true, status: 200, url, contentType: "", bytes: answer, sha256: await hexOf(answer) };
  }
}

async function wanted(name: string, content: string, more: Partial<LockedWheel> = {}): Promise<Wanted> {
  const filename = `${name}-1-py3-none-any.whl`;
  const wheel: LockedWheel = {
    ...{ name, displayName: name, version: "1", url: filename, filename, depends: [], origin: null, uploadTime: null },
    ...{ yanked: false, requested: false, requirement: null, extras: [], sha256: await hexOf(bytesOf(content)) },
    ...{ size: content.length, ...more },
  };
  return { wheel, address: `https://files.example/${filename}` };
}

const file = (name: string): string => `${name}-1-py3-none-any.whl`;
/** A store that has one wheel. */
function storeOf(sha256: string, kept: { readonly bytes: Uint8Array<ArrayBuffer>; readonly source: ByteSource }): WheelCache {
  return {
    get: async (asked) => (asked === sha256 ? kept : null),
    put: async () => "stored",
    getExtra: async () => null,
    putExtra: async () => "stored",
    settle: async () => undefined,
  };
}

const fast: FetchOptions = { pauseMs: 1 };

describe("fetchWheels", () => {
  it("gives the bytes in the order they were wanted, and asks for the largest first", async () => {
    const engine = new FakeEngine({ [file("a")]: [bytesOf("PK")], [file("b")]: [bytesOf("PKPK")], [file("c")]: [bytesOf("P")] });
    const all = [await wanted("a", "PK"), await wanted("b", "PKPK"), await wanted("c", "P", { size: null })];
    const arrived = await fetchWheels(all, { engine, concurrency: 1 });
    expect(arrived.map(({ bytes, from }) => [new TextDecoder().decode(bytes), from])).toEqual([["PK", "network"], ["PKPK", "network"], ["P", "network"]]);
    expect(engine.asked.map((one) => one.file)).toEqual([file("c"), file("b"), file("a")]);
  });

  it("has no more under way than it may", async () => {
    const names = [..."abcdefgh"];
    const engine = new FakeEngine(Object.fromEntries(names.map((name) => [file(name), [bytesOf(name)]])));
    await fetchWheels(await Promise.all(names.map((name) => wanted(name, name))), { engine, concurrency: 3 });
    expect(engine.most).toBe(3);
  });

  it("takes from the store what it has, and asks for nothing of it", async () => {
    const engine = new FakeEngine({ [file("b")]: [bytesOf("other")] });
    const [a, b] = [await wanted("a", "kept"), await wanted("b", "other")];
    const store = storeOf(a.wheel.sha256, { bytes: bytesOf("kept"), source: memorySource(bytesOf("kept")) });
    const arrived = await fetchWheels([a, b], { engine, store });
    expect([arrived.map(({ from }) => from), engine.asked.length]).toEqual([["store", "network"], 1]);
  });

  it.each([
    ["digest-mismatch", { [file("a")]: [bytesOf("PK\0")] }, 2],
    ["not-a-wheel", { [file("a")]: [bytesOf("<html>")] }, 1],
    ["too-large", { [file("a")]: [{ kind: "too-large", message: "more" }] }, 2],
    ["not-found", { [file("a")]: [{ kind: "status", message: "404", status: 404 }] }, 1],
    ["blocked", { [file("a")]: [{ kind: "status", message: "403", status: 403 }] }, 1],
    ["http-status", { [file("a")]: [{ kind: "status", message: "418", status: 418 }] }, 1],
    ["server-error", { [file("a")]: [{ kind: "status", message: "503", status: 503 }] }, 3],
    ["network", { [file("a")]: [{ kind: "network", message: "no" }] }, 3],
    ["timeout", { [file("a")]: [{ kind: "timeout", message: "no" }] }, 3],
    ["truncated", { [file("a")]: [{ kind: "truncated", message: "no" }] }, 3],
  ] satisfies [string, Record<string, Answer[]>, number][])("tells %s, and asks again only where that may help", async (code, answers, times) => {
    const engine = new FakeEngine(answers);
    await expect(fetchWheels([await wanted("a", "PK")], { ...fast, engine })).rejects.toMatchObject({ tag: "micropip-lock", code });
    expect(engine.asked.length).toBe(times);
  });

  it("tells a size that is not the one of the right bytes", async () => {
    const engine = new FakeEngine({ [file("a")]: [bytesOf("PK")] });
    await expect(fetchWheels([await wanted("a", "PK", { size: 3 })], { engine })).rejects.toMatchObject({ code: "size" });
  });

  it("asks past the caches when a digest does not match", async () => {
    const engine = new FakeEngine({ [file("a")]: [bytesOf("PKold"), bytesOf("PKnew")] });
    await fetchWheels([await wanted("a", "PKnew")], { engine });
    expect(engine.asked.map(({ cache }) => cache)).toEqual(["default", "reload"]);
  });

  it("gets over what passes", async () => {
    const engine = new FakeEngine({ [file("a")]: [{ kind: "status", message: "429", status: 429, retryAfter: "0" }, { kind: "network", message: "no" }, bytesOf("PK")] });
    expect((await fetchWheels([await wanted("a", "PK")], { ...fast, engine })).length).toBe(1);
  });

  it("ends every other download when one fails, and closes what came from the store", async () => {
    const engine = new FakeEngine({ [file("a")]: [{ kind: "status", message: "404", status: 404 }] });
    let closed = 0;
    const kept = { bytes: bytesOf("kept"), source: { ...memorySource(bytesOf("kept")), close: () => (closed += 1) } };
    const c = await wanted("c", "kept");
    const store = storeOf(c.wheel.sha256, kept);
    await expect(fetchWheels([await wanted("a", "1"), await wanted("b", "2"), c], { engine, store })).rejects.toMatchObject({ code: "not-found" });
    expect([engine.underWay, closed]).toEqual([0, 1]);
  });

  it.each(["before", "during a download", "during a pause"])("stops when it is told to %s, and leaves nothing under way", async (when) => {
    const engine = new FakeEngine({ [file("a")]: [when === "during a pause" ? { kind: "network", message: "no" } : "never"] });
    const controller = new AbortController();
    if (when === "before") {
      controller.abort();
    }
    const fetching = fetchWheels([await wanted("a", "PK"), await wanted("b", "PK")], { engine, signal: controller.signal, pauseMs: 60_000 });
    setTimeout(() => controller.abort(), 5);
    await expect(fetching).rejects.toMatchObject({ code: "cancelled" });
    expect([engine.underWay, engine.asked.length]).toEqual([0, when === "before" ? 0 : 2]);
  });

  it("hands the listener's own error on", async () => {
    const engine = new FakeEngine({ [file("a")]: [bytesOf("PK")] });
    const listening = fetchWheels([await wanted("a", "PK")], {
      engine,
      onBytes: () => {
        throw new RangeError("mine");
      },
    });
    await expect(listening).rejects.toThrow(RangeError);
  });

  it("hashes by itself where the platform does not", async () => {
    const engine = new FakeEngine({ [file("a")]: [bytesOf("PK")] });
    const plain: Engine = {
      download: (url, options) => {
        const { promise, abort } = engine.download(url, options);
        return { promise: promise.then((result) => (result.ok ? { ...result, sha256: null } : result)), abort };
      },
    };
    expect((await fetchWheels([await wanted("a", "PK")], { engine: plain })).length).toBe(1);
    await expect(fetchWheels([await wanted("a", "PP")], { engine: plain })).rejects.toMatchObject({ code: "digest-mismatch" });
  });
});
