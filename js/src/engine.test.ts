import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createEngine, type DownloadOptions, type DownloadResult } from "./engine.ts";
import { BODY, inPieces, Loopback, SHA256, until } from "./loopback.test-server.ts";

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

describe("a download that succeeds", () => {
  it("gives every byte, their digest and what the server said", async () => {
    server.answer = (_, response) => {
      response.writeHead(200, { "content-type": "application/zip", etag: '"v1"' }).end(BODY);
    };

    expect(await get()).toEqual({
      ok: true,
      status: 200,
      url: `${server.base}/six.whl`,
      contentType: "application/zip",
      etag: '"v1"',
      bytes: BODY,
      sha256: SHA256,
    });
  });

  it("streams a chunked body and tells rising numbers up to the length", async () => {
    server.answer = (_, response) => void inPieces(response, 6);
    const told: number[] = [];
    const result = await get({ onProgress: (bytes) => told.push(bytes) });

    expect(told).toEqual([...told].sort((a, b) => a - b));
    expect(told.length).toBeGreaterThan(1);
    expect([told.at(-1), result.ok && result.sha256]).toEqual([BODY.length, SHA256]);
  });

  it("sends no cookie, no credential, no referrer and no header of its own", async () => {
    server.answer = (_, response) => void response.end();
    await get();
    const sent = Object.keys(server.requests[0]?.headers ?? {}).filter((name) => !name.startsWith("sec-fetch-"));

    expect(sent.sort()).toEqual(["accept", "accept-encoding", "accept-language", "connection", "host", "user-agent"]);
  });

  it("hands the wishes that only a browser knows to fetch", async () => {
    const asked: (RequestInit | undefined)[] = [];
    const engine = createEngine({
      fetch: async (_, init) => {
        asked.push(init);
        return new Response("");
      },
    });
    await engine.download("https://files.example/x", { cache: "reload" }).promise;
    await engine.download("https://files.example/x").promise;

    expect(asked.map((init) => [init?.credentials, init?.referrerPolicy, init?.redirect, init?.cache])).toEqual([
      ["omit", "no-referrer", "follow", "reload"],
      ["omit", "no-referrer", "follow", "default"],
    ]);
  });

  it("asks for the head only, and tells the length that it announces", async () => {
    server.answer = (_, response) => void response.writeHead(200, { "content-length": "1000" }).end();
    const result = await get({ headOnly: true });

    expect([server.requests[0]?.method, result]).toMatchObject([
      "HEAD",
      { ok: true, announced: 1000, bytes: new Uint8Array(0) },
    ]);
  });

  it("asks for a format with the header Accept", async () => {
    server.answer = (_, response) => void response.end();
    await get({ accept: "application/json, text/html;q=0.1" });

    expect(server.requests[0]?.headers.accept).toBe("application/json, text/html;q=0.1");
  });

  it("names the address after redirects", async () => {
    server.answer = (request, response) => {
      if (request.url === "/moved") {
        response.writeHead(302, { location: "/six.whl" }).end();
      } else {
        response.end(BODY);
      }
    };

    expect(await get({}, "/moved")).toMatchObject({ ok: true, url: `${server.base}/six.whl` });
  });

  it("asks where a redirect may lead, once, and not about the address itself", async () => {
    server.answer = (request, response) => {
      if (request.url === "/moved") {
        response.writeHead(302, { location: "/six.whl" }).end();
      } else {
        response.end(BODY);
      }
    };
    const asked: string[] = [];
    const mayLeadTo = (url: string): boolean => asked.push(url) > 0;

    expect([(await get({ mayLeadTo }, "/moved")).ok, (await get({ mayLeadTo })).ok]).toEqual([true, true]);
    expect(asked).toEqual([`${server.base}/six.whl`]);
  });

  it("takes a body of exactly maxBytes", async () => {
    server.answer = (_, response) => void inPieces(response, 3);

    expect(await get({ maxBytes: BODY.length })).toMatchObject({ ok: true, sha256: SHA256 });
  });

  it("counts and hashes what a content encoding unpacks to", async () => {
    server.answer = (_, response) => {
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(BODY));
    };

    expect(await get({ maxBytes: BODY.length })).toMatchObject({ ok: true, sha256: SHA256 });
  });

  it.each([
    [{ first: 10, last: 19 }, "bytes=10-19"],
    [{ first: 10 }, "bytes=10-"],
    [{ first: 0, last: null }, "bytes=0-"],
  ])("asks for the range %o", async (range, header) => {
    server.answer = (_, response) => {
      response.writeHead(206).end(BODY.subarray(10, 20));
    };
    const result = await get({ range });

    expect([server.requests[0]?.headers.range, result]).toMatchObject([header, { ok: true, status: 206 }]);
  });

  it("waits as long as it takes when no limit is given", async () => {
    server.answer = async (_, response) => {
      await sleep(60);
      response.write("a");
      await sleep(60);
      response.end("b");
    };

    expect(await get({ idleTimeoutMs: null, headersTimeoutMs: null, maxBytes: null })).toMatchObject({ ok: true });
  });

  it("leaves the hashing to the caller where the page cannot", async () => {
    vi.stubGlobal("crypto", {});
    server.answer = (_, response) => void response.end(BODY);

    expect(await get()).toMatchObject({ ok: true, sha256: null });
  });
});

describe("a download that fails", () => {
  it.each([404, 410, 500])("tells the status %i and the beginning of the page", async (status) => {
    server.answer = (_, response) => {
      response.writeHead(status, { "content-type": "text/html" }).end(`<h1>no</h1>${"x".repeat(10_000)}`);
    };
    const result = await get();

    expect(result).toEqual({
      ok: false,
      kind: "status",
      message: expect.stringContaining(String(status)),
      url: `${server.base}/six.whl`,
      status,
      contentType: "text/html",
      head: `<h1>no</h1>${"x".repeat(501)}`,
    });
  });

  it("passes Retry-After on as it came", async () => {
    server.answer = (_, response) => {
      response.writeHead(503, { "retry-after": "120" }).end();
    };

    expect(await get()).toMatchObject({ kind: "status", status: 503, retryAfter: "120" });
  });

  it("does not wait for an error page that stalls", async () => {
    server.answer = (_, response) => {
      response.writeHead(502).write("half a page");
    };

    expect(await get({ idleTimeoutMs: 40 })).toMatchObject({ kind: "status", status: 502, head: "half a page" });
  });

  it("ends at the first byte over maxBytes and closes the connection", async () => {
    server.answer = (_, response) => {
      response.writeHead(200, { "content-type": "text/html" });
      const more = () => {
        while (response.write(BODY)) {}
      };
      response.on("drain", more);
      more();
    };
    const result = await get({ maxBytes: 1_000 });
    await until(() => server.cut === 1);

    expect(result).toMatchObject({ ok: false, kind: "too-large", status: 200, contentType: "text/html" });
  });

  it.each([
    ["is not allowed", () => false, "redirect"],
    ["is not answered with true", () => 1, "redirect"],
    ["cannot be judged", () => { throw new Error("no"); }, "aborted"],
  ])("reads no body from where a redirect %s", async (_, mayLeadTo, kind) => {
    const told: number[] = [];
    server.answer = (request, response) => {
      if (request.url === "/moved") {
        response.writeHead(302, { location: "/six.whl" }).end();
      } else {
        void inPieces(response, 6);
      }
    };
    const result = await get({ mayLeadTo, onProgress: (bytes) => told.push(bytes) }, "/moved");
    await until(() => server.cut === 1);

    expect([result.ok, !result.ok && result.kind, result.url, told]).toEqual([false, kind, `${server.base}/six.whl`, []]);
  });

  it("is a network failure with the reason when nobody listens", async () => {
    const free = createServer().listen(0, "127.0.0.1");
    await once(free, "listening");
    const { port } = free.address() as AddressInfo;
    free.close();
    await once(free, "close");
    const url = `http://127.0.0.1:${port}/`;

    expect(await createEngine().download(url).promise).toEqual({
      ok: false,
      kind: "network",
      message: expect.stringContaining("ECONNREFUSED"),
      url,
    });
  });

  it("is a network failure when the connection is reset before the head", async () => {
    server.answer = (request) => void request.socket.resetAndDestroy();

    expect(await get()).toMatchObject({ ok: false, kind: "network" });
  });

  it.each(["", "not an address", "ftp://files.example/x", "http://[::1", "javascript:1"])(
    "is a network failure for %o, not an exception",
    async (url) => {
      expect(await createEngine().download(url).promise).toMatchObject({ ok: false, kind: "network", url });
    },
  );

  it("is truncated when the body breaks off, and shows how it began", async () => {
    server.answer = (_, response) => {
      response.writeHead(200, { "content-length": String(BODY.length) });
      response.write("PK\u0003\u0004", () => setTimeout(() => response.socket?.resetAndDestroy(), 20));
    };

    expect(await get()).toMatchObject({ ok: false, kind: "truncated", status: 200, head: "PK\u0003\u0004" });
  });

  it("is truncated when fewer bytes come than were announced", async () => {
    server.answer = (_, response) => {
      response.writeHead(200, { "content-length": "1000", connection: "close" });
      response.write("short", () => response.socket?.end());
    };

    expect(await get()).toMatchObject({ ok: false, kind: "truncated" });
  });

  it("times out when no head comes", async () => {
    server.answer = () => undefined;
    const result = await get({ headersTimeoutMs: 40 });
    await until(() => server.cut === 1);

    expect(result).toEqual({
      ok: false,
      kind: "timeout",
      message: "no answer within 40 ms",
      url: `${server.base}/six.whl`,
    });
  });

  it("times out when the body stops, and not while it flows", async () => {
    server.answer = async (_, response) => {
      for (let piece = 0; piece < 4; piece += 1) {
        response.write("piece");
        await sleep(60);
      }
    };
    const told: number[] = [];

    expect(await get({ headersTimeoutMs: 100, idleTimeoutMs: 150, onProgress: (bytes) => told.push(bytes) })).toMatchObject(
      { kind: "timeout", message: "no further byte within 150 ms", status: 200 },
    );
    expect(told).toEqual([5, 10, 15, 20]);
  });

  it("is too slow when bytes drip, which is not silence", async () => {
    server.answer = async (_, response) => {
      while (!response.closed) {
        response.write("x");
        await sleep(20);
      }
    };
    const result = await get({ idleTimeoutMs: 1_000, minRate: { bytes: 1_000, perMs: 150 } });
    await until(() => server.cut === 1);

    expect(result).toMatchObject({
      ok: false,
      kind: "too-slow",
      message: expect.stringMatching(/^\d+ bytes within 150 ms$/),
    });
  });

  it("times out, and is not too slow, when a body begins and stops, though both limits are the same", async () => {
    server.answer = (_, response) => void response.write("some");

    expect(await get({ idleTimeoutMs: 200, minRate: { bytes: 1_000, perMs: 200 } })).toMatchObject({ kind: "timeout" });
  });

  it("is not too slow when each span brings enough, the last one excepted", async () => {
    server.answer = (_, response) => void inPieces(response, 100);

    expect(await get({ minRate: { bytes: 1, perMs: 400 } })).toMatchObject({ ok: true, sha256: SHA256 });
    expect(await get({ minRate: { bytes: 10 ** 9, perMs: 60_000 } })).toMatchObject({ ok: true, sha256: SHA256 });
  });

  it("tells in a page that the platform is offline, that a server gave no permission, and what it cannot tell", async () => {
    const page = { location: {}, origin: "https://page.example", navigator: { onLine: false } };
    for (const [name, value] of Object.entries(page)) vi.stubGlobal(name, value);
    const engine = createEngine({
      fetch: async (_, init) => {
        if (init?.mode === "no-cors") return new Response("");
        throw new TypeError("Failed to fetch");
      },
    });
    const url = "https://files.example/x";
    const offline = await engine.download(url).promise;
    vi.stubGlobal("navigator", { onLine: true });
    const cors = await engine.download(url).promise;
    const same = await engine.download("https://page.example/x").promise;

    expect([offline, cors, same]).toEqual([
      { ok: false, kind: "offline", message: "Failed to fetch", url },
      { ok: false, kind: "cors", message: "Failed to fetch", url },
      { ok: false, kind: "network", message: "Failed to fetch", url: "https://page.example/x" },
    ]);
  });

  it("takes a bad connection to a server that has answered for no missing permission", async () => {
    for (const [name, value] of Object.entries({ location: {}, origin: "https://page.example" })) {
      vi.stubGlobal(name, value);
    }
    let asked = 0;
    const engine = createEngine({
      fetch: async () => {
        asked += 1;
        if (asked > 1) throw new TypeError("Failed to fetch");
        return new Response("x");
      },
    });
    const url = "https://files.example/x";
    const [first, second] = [await engine.download(url).promise, await engine.download(url).promise];

    expect([first.ok, !second.ok && second.kind, asked]).toEqual([true, "network", 2]);
  });

  it("ends as aborted when it is stopped while the reason of a failure is looked for", async () => {
    for (const [name, value] of Object.entries({ location: {}, origin: "https://page.example" })) {
      vi.stubGlobal(name, value);
    }
    const engine = createEngine({
      fetch: async () => {
        throw new TypeError("Failed to fetch");
      },
    });
    const download = engine.download("https://files.example/x");
    await Promise.resolve();
    await Promise.resolve();
    download.abort();

    expect(await download.promise).toMatchObject({ ok: false, kind: "aborted" });
  });

  it("ends as aborted when the progress callback throws", async () => {
    server.answer = (_, response) => void inPieces(response, 3);
    const result = await get({
      onProgress: () => {
        throw new Error("KeyboardInterrupt");
      },
    });

    expect(result).toMatchObject({ kind: "aborted", message: "the progress callback failed: KeyboardInterrupt" });
  });
});

describe("abort", () => {
  it("before the head ends the request", async () => {
    server.answer = () => undefined;
    const download = createEngine().download(server.base);
    await until(() => server.requests.length === 1);
    download.abort();
    const result = await download.promise;
    await until(() => server.cut === 1);

    expect(result).toEqual({ ok: false, kind: "aborted", message: "the download was stopped", url: server.base });
  });

  it("in the body ends the request", async () => {
    server.answer = (_, response) => void response.write("some");
    let arrived = 0;
    const download = createEngine().download(server.base, { onProgress: (bytes) => (arrived = bytes) });
    await until(() => arrived === 4);
    download.abort();
    const result = await download.promise;
    await until(() => server.cut === 1);

    expect(result).toMatchObject({ ok: false, kind: "aborted", status: 200, head: "some" });
  });

  it("at once, twice, ends it before anything is sent", async () => {
    server.answer = (_, response) => void response.end(BODY);
    const download = createEngine().download(server.base);
    download.abort();
    download.abort();

    expect(await download.promise).toMatchObject({ ok: false, kind: "aborted" });
  });

  it("during an error page is told as aborted, not as the status", async () => {
    server.answer = (_, response) => void response.writeHead(500).write("half");
    const download = createEngine().download(server.base);
    await until(() => server.requests.length === 1);
    await sleep(50);
    download.abort();

    expect(await download.promise).toMatchObject({ kind: "aborted", status: 500 });
  });

  it("after the end changes nothing", async () => {
    server.answer = (_, response) => void response.end(BODY);
    const download = createEngine().download(server.base);
    const before = await download.promise;
    download.abort();

    expect(await download.promise).toBe(before);
    expect(before).toMatchObject({ ok: true, sha256: SHA256 });
  });
});
