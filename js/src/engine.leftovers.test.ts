import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createEngine, type DownloadOptions, type DownloadResult } from "./engine.ts";
import { BODY, Loopback } from "./loopback.test-server.ts";

let server: Loopback;

beforeEach(async () => {
  server = await Loopback.open();
});

afterEach(async () => {
  vi.unstubAllGlobals();
  await server.close();
});

const get = (options: DownloadOptions = {}, path = "/six.whl"): Promise<DownloadResult> =>
  createEngine().download(server.base + path, options).promise;

describe("what stays behind", () => {
  it("is no timer, however the download ends", async () => {
    const timers = new Set<unknown>();
    const { setTimeout: set, clearTimeout: clear } = globalThis;
    vi.stubGlobal("setTimeout", (...given: Parameters<typeof set>) => {
      // Ours only: the platform's fetch sets timers for its connections.
      const ours = new Error().stack?.includes("countdown.ts") ?? false;
      const timer = set(...given);
      if (ours) timers.add(timer);
      return timer;
    });
    vi.stubGlobal("clearTimeout", (timer: Parameters<typeof clear>[0]) => {
      timers.delete(timer);
      clear(timer);
    });
    let most = 0;
    const onProgress = () => {
      most = Math.max(most, timers.size);
    };
    const limits = { headersTimeoutMs: 60_000, idleTimeoutMs: 60_000, onProgress };
    server.answer = (request, response) => {
      if (request.url === "/404") response.writeHead(404).end();
      else if (request.url === "/reset") request.socket.resetAndDestroy();
      else response.end(BODY);
    };
    const kinds = [];
    for (const [path, options] of [
      ["/ok", limits],
      ["/404", limits],
      ["/reset", limits],
      ["/large", { ...limits, maxBytes: 5 }],
    ] as const) {
      const result = await get(options, path);
      kinds.push(result.ok ? "ok" : result.kind);
    }

    expect([kinds, timers.size]).toEqual([["ok", "status", "network", "too-large"], 0]);
    expect(most).toBe(1);
  });

  it("is no unhandled rejection when nobody waits for a failing download", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", note);
    server.answer = (_, response) => void response.write("x");
    const download = createEngine().download(server.base, { idleTimeoutMs: 20 });
    void createEngine().download("http://[::1").promise;
    await sleep(80);
    download.abort();
    await sleep(20);
    process.off("unhandledRejection", note);

    expect(unhandled).toEqual([]);
  });
});
