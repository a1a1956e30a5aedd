import { afterEach, describe, expect, it, vi } from "vitest";
import { type Aside, openAside } from "./aside.ts";

/** A worker whose answers the test gives. */
class FakeWorker {
  static last: FakeWorker;
  readonly sent: { readonly id?: number; readonly url?: string }[] = [];
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
