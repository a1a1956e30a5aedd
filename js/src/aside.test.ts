import { createHash } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Aside, AsideOnDemand, openAside } from "./aside.ts";
import { work } from "./aside-work.ts";
import { createEngine } from "./engine.ts";
import { gatheredOf } from "./gathered.ts";

/** A worker whose answers the test gives. */
class FakeWorker {
  static last: FakeWorker;
  readonly sent: { readonly id?: number; readonly url?: string; readonly limit?: number; readonly goOn?: boolean }[] = [];
  onmessage: (event: { data: unknown }) => void = () => undefined;
  onerror: (event: unknown) => void = () => undefined;
  ended = false;

  constructor() {
    FakeWorker.last = this;
  }

  postMessage(message: { id?: number; url?: string }): void {
    this.sent.push(message);
  }

  terminate(): void {
    this.ended = true;
  }
}

function opened(): Aside {
  vi.stubGlobal("Worker", FakeWorker);
  vi.stubGlobal("fetch", async () => new Response("here"));
  // Under Node there is none, for other reasons.
  const { process } = globalThis;
  vi.stubGlobal("process", undefined);
  try {
    return openAside(2) as Aside;
  } finally {
    vi.stubGlobal("process", process);
  }
}

const head = (id: number, status: number): { data: unknown } => ({ data: { id, head: { url: "https://files.example/", status, statusText: "", headers: [] } } });

describe("asking from a worker", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it.each([false, true])("asks here when the worker says nothing for long, and goes on with one that has: %s", async (ready) => {
    vi.useFakeTimers();
    const aside = opened();
    const asked = aside.fetch("https://files.example/");
    if (ready) {
      FakeWorker.last.onmessage({ data: { id: 0, end: null } });
    }
    await vi.advanceTimersByTimeAsync(10_000);
    expect(FakeWorker.last.ended).toBe(!ready);
    FakeWorker.last.onmessage({ data: { id: 1, end: "over" } });
    expect(await (await asked).text()).toBe("here");
    await aside.ready;
    aside.close();
  });

  it.each([999, 600, 101, 0])("asks here when the worker's answer is one that no page can make: %i", async (status) => {
    const aside = opened();
    const asked = aside.fetch("https://files.example/");
    await vi.waitFor(() => expect(FakeWorker.last.sent.length).toBe(2));
    FakeWorker.last.onmessage(head(1, status));
    expect(await (await asked).text()).toBe("here");
    expect(FakeWorker.last.sent.at(-1)).toEqual({ id: 1 });
    aside.close();
  });

  it("has a body that fails when the worker does, and none that waits after a stop", async () => {
    const aside = opened();
    const stop = new AbortController();
    const [one, other] = [aside.fetch("https://files.example/"), aside.fetch("https://files.example/", { signal: stop.signal })];
    FakeWorker.last.onmessage(head(1, 200));
    FakeWorker.last.onmessage(head(2, 200));
    const bodies = [await one, await other].map((answer) => answer.text());
    const [first, second] = bodies.map((body) => expect(body).rejects.toThrow());
    stop.abort();
    FakeWorker.last.onmessage({ data: { id: 1, end: "broken" } });
    await Promise.all([first, second]);
    FakeWorker.last.onmessage({ data: { id: 2, end: null } });
    aside.close();
    expect(FakeWorker.last.ended).toBe(true);
  });
});

/** Where no worker can be told from Node's. */
async function asInBrowser<T>(does: () => T): Promise<T> {
  const { process } = globalThis;
  vi.stubGlobal("process", undefined);
  try {
    return does();
  } finally {
    vi.stubGlobal("process", process);
  }
}

const tell = (data: object): void => FakeWorker.last.onmessage({ data });
const start = (id: number): void => tell({ ...head(id, 200).data as object, isGathered: true });

describe("a body that is gathered there", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it("is counted while it grows, and arrives at once, with its digest", async () => {
    const aside = opened();
    const asked = aside.fetch("https://files.example/", { most: 9 } as RequestInit);
    start(1);
    const answer = await asked;
    const body = gatheredOf(answer);
    tell({ id: 1, count: 2 });
    tell({ id: 1, count: 3 });
    expect([await body?.next(), aside.isIdle, await answer.text()]).toEqual([3, false, ""]);
    const waiting = body?.next();
    tell({ id: 1, whole: Uint8Array.of(1, 2, 3, 4), sha256: "ab" });
    tell({ id: 1, end: null });
    expect([await waiting, await body?.next(), body?.bytes, body?.sha256]).toEqual([4, null, Uint8Array.of(1, 2, 3, 4), "ab"]);
    tell({ id: 0, end: null });
    expect(aside.isIdle).toBe(true);
    aside.close();
  });

  it.each([
    ["too-large", { id: 1, count: 11 }],
    ["truncated", { id: 1, end: "gone" }],
    ["truncated", { id: 1, end: null }],
  ])("ends a download as any other would: %s", async (kind, told) => {
    const aside = opened();
    const { promise } = createEngine({ fetch: aside.fetch }).download("https://files.example/", { maxBytes: 10 });
    await vi.waitFor(() => expect(FakeWorker.last.sent.length).toBe(2));
    start(1);
    await vi.waitFor(() => expect(aside.isIdle).toBe(false));
    tell(told);
    expect(await promise).toMatchObject({ ok: false, kind });
    aside.close();
  });

  it("ends a download that is stopped, or of which nothing more comes", async () => {
    const aside = opened();
    const engine = createEngine({ fetch: aside.fetch });
    const [stopped, silent] = [engine.download("https://files.example/"), engine.download("https://files.example/", { idleTimeoutMs: 20 })];
    await vi.waitFor(() => expect(FakeWorker.last.sent.length).toBe(3));
    start(1);
    start(2);
    stopped.abort();
    expect([await stopped.promise, await silent.promise]).toMatchObject([{ kind: "aborted" }, { kind: "timeout" }]);
    expect(FakeWorker.last.sent.filter(({ url, limit, goOn }) => (url ?? limit ?? goOn) === undefined)).toEqual([{ id: 1 }, { id: 2 }]);
    aside.close();
  });

  it("is a download's bytes, and its digest is believed", async () => {
    const aside = opened();
    const counts: number[] = [];
    const { promise } = createEngine({ fetch: aside.fetch }).download("https://files.example/", { onProgress: (count) => counts.push(count) });
    await vi.waitFor(() => expect(FakeWorker.last.sent.length).toBe(2));
    start(1);
    tell({ id: 1, whole: Uint8Array.of(7, 8), sha256: "cd" });
    tell({ id: 1, end: null });
    expect(await promise).toMatchObject({ ok: true, bytes: Uint8Array.of(7, 8), sha256: "cd" });
    expect(counts).toEqual([2]);
    aside.close();
  });

  it("gives up when there is no answer for long, here as there", async () => {
    vi.useFakeTimers();
    const aside = opened();
    vi.stubGlobal("fetch", (_: string, { signal }: RequestInit) => new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason))));
    const { promise } = createEngine({ fetch: aside.fetch }).download("https://files.example/");
    await vi.advanceTimersByTimeAsync(10);
    tell({ id: 1, end: "no answer" });
    await vi.advanceTimersByTimeAsync(46_000);
    expect(await promise).toMatchObject({ ok: false, kind: "timeout" });
    aside.close();
  });

  it("is not asked for again when the worker waited long enough", async () => {
    const aside = opened();
    const fetch = vi.fn();
    vi.stubGlobal("fetch", fetch);
    const { promise } = createEngine({ fetch: aside.fetch }).download("https://files.example/");
    await vi.waitFor(() => expect(FakeWorker.last.sent.length).toBe(2));
    tell({ id: 1, end: "aborted", isLate: true });
    expect([await promise, fetch.mock.calls]).toMatchObject([{ ok: false, kind: "timeout" }, []]);
    aside.close();
  });

  it("is not read where a redirect may not lead", async () => {
    const aside = opened();
    const { promise } = createEngine({ fetch: aside.fetch }).download("https://files.example/", { mayLeadTo: () => false });
    await vi.waitFor(() => expect(FakeWorker.last.sent.length).toBe(2));
    tell({ id: 1, isGathered: true, head: { url: "https://inside.example/", status: 200, statusText: "", headers: [] } });
    expect(await promise).toMatchObject({ ok: false, kind: "redirect" });
    expect(FakeWorker.last.sent.slice(2)).toEqual([{ id: 1 }]);
    aside.close();
  });
});

describe("where the worker is gone", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("keeps to the limit until bodies are read, and lets what is stopped go", async () => {
    vi.stubGlobal("Worker", FakeWorker);
    const asked: string[] = [];
    vi.stubGlobal("fetch", async (url: string) => {
      asked.push(url);
      return new Response(body([1], [2]));
    });
    const aside = new AsideOnDemand(1);
    await asInBrowser(() => aside.open());
    FakeWorker.last.onerror({ preventDefault: () => undefined });
    expect(aside.limit(2)).toBe(false);
    const stop = new AbortController();
    const answers = ["1", "2", "3", "4"].map((name) => aside.fetch(`https://files.example/${name}`, name === "3" ? { signal: stop.signal } : {}));
    await vi.waitFor(() => expect(asked.length).toBe(2));
    stop.abort(new Error("stopped"));
    await expect(answers[2]).rejects.toThrow("stopped");
    expect(asked.length).toBe(2);
    expect((await (await (answers[0] as Promise<Response>)).arrayBuffer()).byteLength).toBe(2);
    await vi.waitFor(() => expect(asked.length).toBe(3));
    await (await (answers[1] as Promise<Response>)).body?.cancel();
    await (await (answers[3] as Promise<Response>)).text();
    expect(aside.limit(2)).toBe(false);
  });
});

describe("a worker that is there when it is needed", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it("is opened, told how many at a time, closed when nothing is to do, and opened again", async () => {
    vi.useFakeTimers();
    vi.stubGlobal("Worker", FakeWorker);
    vi.stubGlobal("fetch", async () => new Response("here"));
    const aside = new AsideOnDemand(6);
    expect(await (await aside.fetch("data:,x")).text()).toBe("here");
    const { answered, first } = await asInBrowser(() => ({ answered: aside.fetch("https://files.example/"), first: FakeWorker.last }));
    expect(aside.limit(2)).toBe(true);
    tell({ id: 0, end: null });
    await vi.advanceTimersByTimeAsync(60_000);
    expect([first.ended, first.sent.map(({ limit }) => limit)]).toEqual([false, [6, undefined, 2]]);
    tell({ id: 1, end: "no answer" });
    expect(await (await answered).text()).toBe("here");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(first.ended).toBe(true);
    await asInBrowser(() => aside.open());
    expect([FakeWorker.last === first, FakeWorker.last.sent]).toEqual([false, [{ limit: 2 }]]);
  });

  it("is none under Node", async () => {
    vi.stubGlobal("fetch", async () => new Response("here"));
    const aside = new AsideOnDemand(6);
    expect([aside.limit(2), aside.open(), await (await aside.fetch("https://files.example/")).text()]).toEqual([false, null, "here"]);
  });
});

interface Told {
  readonly id: number;
  readonly head?: { status: number };
  readonly isGathered?: boolean;
  readonly count?: number;
  readonly piece?: Uint8Array;
  readonly whole?: Uint8Array;
  readonly sha256?: string;
  readonly end?: string | null;
}

/** The worker's own work, with a scope and a network that the test gives. */
function working(fetch: (url: string, init: RequestInit) => Promise<Response>): { told: Told[]; ask: (message: object) => void } {
  vi.stubGlobal("fetch", fetch);
  const told: Told[] = [];
  const scope = { postMessage: (message: object) => void told.push(message as Told), onmessage: null as ((event: MessageEvent) => void) | null };
  work(scope as never, 1000, 0, 1 << 20);
  return { told, ask: (data) => scope.onmessage?.({ data } as MessageEvent) };
}

function body(...pieces: number[][]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull: (controller) => {
      const next = pieces.shift();
      next === undefined ? controller.close() : controller.enqueue(Uint8Array.from(next));
    },
  });
}

describe("the work of the worker", () => {
  afterEach(() => vi.unstubAllGlobals());

  it.each([
    ["announced", { "content-length": "5" }, [[1, 2], [3, 4, 5]]],
    ["in one piece", { "content-length": "5" }, [[1, 2, 3, 4, 5]]],
    ["not announced", {}, [[1], [2], [3], [4], [5]]],
    ["announced as less", { "content-length": "2" }, [[1, 2, 3], [4, 5]]],
    ["announced as more", { "content-length": "50" }, [[1, 2, 3], [4, 5]]],
    ["announced as less than nothing", { "content-length": "-5" }, [[1, 2, 3, 4, 5]]],
    ["announced as nonsense", { "content-length": "-x" }, [[1, 2, 3, 4, 5]]],
  ])("gathers a body: %s", async (_, headers, pieces) => {
    const { told, ask } = working(async () => new Response(body(...pieces), { headers: headers as Record<string, string> }));
    ask({ limit: 6 });
    ask({ id: 1, url: "https://files.example/", wishes: { most: 5 } });
    await vi.waitFor(() => expect(told.at(-1)).toEqual({ id: 1, end: null }));
    const whole = told.find((one) => one.whole !== undefined);
    const right = Uint8Array.of(1, 2, 3, 4, 5);
    expect([whole?.whole, whole?.whole?.buffer.byteLength, whole?.sha256]).toEqual([right, 5, createHash("sha256").update(right).digest("hex")]);
    expect([told[1]?.isGathered, told.filter(({ count }) => count !== undefined).at(-1)?.count]).toEqual([true, 5]);
  });

  it("stops at the first byte too many, and says so", async () => {
    const stream = body([1, 2], [3, 4], [5, 6]);
    const { told, ask } = working(async () => new Response(stream));
    ask({ limit: 6 });
    ask({ id: 1, url: "https://files.example/", wishes: { most: 3 } });
    await vi.waitFor(() => expect(told.at(-1)).toEqual({ id: 1, end: null }));
    expect([told.some(({ whole }) => whole !== undefined), told.at(-2)?.count]).toEqual([false, 4]);
  });

  it("hands over in pieces what is a refusal, or has no limit", async () => {
    const { told, ask } = working(async (url) => new Response(body([1], [2]), { status: url.endsWith("x") ? 404 : 200 }));
    ask({ limit: 6 });
    ask({ id: 1, url: "https://files.example/x", wishes: { most: 5 } });
    ask({ id: 2, url: "https://files.example/", wishes: {} });
    await vi.waitFor(() => expect(told.filter(({ end }) => end === null).length).toBe(3));
    expect([1, 2].map((id) => told.filter((one) => one.id === id && one.piece).map(({ piece }) => piece?.[0]))).toEqual([[1, 2], [1, 2]]);
  });

  it("reads where a redirect led when it is told to go on, and not at all when it is stopped", async () => {
    const { told, ask } = working(async () => Object.defineProperty(new Response(body([1])), "redirected", { value: true }));
    ask({ limit: 6 });
    ask({ id: 1, url: "https://files.example/", wishes: { most: 5 } });
    await vi.waitFor(() => expect(told.at(-1)?.isGathered).toBe(true));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(told.at(-1)?.isGathered).toBe(true);
    ask({ id: 1, goOn: true });
    await vi.waitFor(() => expect(told.at(-1)).toEqual({ id: 1, end: null }));
    expect(told.at(-2)?.whole).toEqual(Uint8Array.of(1));
  });

  it("says that it was its own time that ran out", async () => {
    const late = (_: string, { signal }: RequestInit): Promise<Response> => new Promise((_resolve, reject) => signal?.addEventListener("abort", () => reject(new Error("late"))));
    const { told, ask } = working(late);
    ask({ limit: 6 });
    ask({ id: 1, url: "https://files.example/", wishes: { most: 5 } });
    await vi.waitFor(() => expect(told.at(-1)).toEqual({ id: 1, end: "late", isLate: true }), { timeout: 3000 });
  });

  it("has so many under way as it was told last, and ends what is stopped", async () => {
    const waiting: (() => void)[] = [];
    const fetch = (_: string, { signal }: RequestInit): Promise<Response> =>
      new Promise((resolve, reject) => {
        waiting.push(() => resolve(new Response("x")));
        signal?.addEventListener("abort", () => reject(new Error("stopped")));
      });
    const { told, ask } = working(fetch);
    ask({ limit: 1 });
    for (const id of [1, 2, 3, 4]) {
      ask({ id, url: "https://files.example/", wishes: { most: 5 } });
    }
    expect(waiting.length).toBe(1);
    ask({ limit: 2 });
    expect(waiting.length).toBe(2);
    ask({ limit: 1 });
    waiting[0]?.();
    await vi.waitFor(() => expect(told.some(({ id, end }) => id === 1 && end === null)).toBe(true));
    expect(waiting.length).toBe(2);
    ask({ id: 2 });
    await vi.waitFor(() => expect(waiting.length).toBe(3));
    expect(told.find(({ id, end }) => id === 2 && end !== undefined)).toEqual({ id: 2, end: "stopped" });
  });
});
