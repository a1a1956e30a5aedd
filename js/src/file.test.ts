import { createHash } from "node:crypto";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createEngine, type DownloadOptions } from "./engine.ts";

const BODY = Uint8Array.from({ length: 1_000_000 }, (_, at) => (at * 31) % 251);
const SHA256 = createHash("sha256").update(BODY).digest("hex");

describe("file: addresses under Node", () => {
  let folder: string;
  let url: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "engine-"));
    const path = join(folder, "six one.whl");
    await writeFile(path, BODY);
    url = pathToFileURL(path).href;
  });

  afterEach(async () => {
    vi.unstubAllGlobals();
    await rm(folder, { recursive: true });
  });

  const read = (options: DownloadOptions = {}) => createEngine().download(url, options).promise;

  it("give the file's bytes", async () => {
    expect(await read()).toEqual({ ok: true, status: 200, url, contentType: "", bytes: BODY, sha256: SHA256 });
  });

  it("give an empty file's no bytes", async () => {
    await writeFile(new URL(url), "");

    expect(await read()).toMatchObject({ ok: true, bytes: new Uint8Array(0) });
  });

  it("give a range, both ends included", async () => {
    expect(await read({ range: { first: 5, last: 9 } })).toMatchObject({ status: 206, bytes: BODY.slice(5, 10) });
    expect(await read({ range: { first: 999_990 } })).toMatchObject({ status: 206, bytes: BODY.slice(999_990) });
    expect(await read({ range: { first: 1_000_000 } })).toMatchObject({ ok: false, kind: "status", status: 416 });
  });

  it("are refused as 404 when there is no such file or it is a directory", async () => {
    const urls = [`${url}x`, pathToFileURL(folder).href];
    const results = await Promise.all(urls.map((one) => createEngine().download(one).promise));

    expect(results).toMatchObject([
      { kind: "status", status: 404 },
      { kind: "status", status: 404 },
    ]);
  });

  it("are held to maxBytes", async () => {
    expect(await read({ maxBytes: BODY.length - 1 })).toMatchObject({ ok: false, kind: "too-large" });
  });

  it("are closed when the reading stops early", async () => {
    const handle = await open(new URL(url));
    const lowest = handle.fd;
    await handle.close();
    for (let at = 0; at < 20; at += 1) {
      await read({ maxBytes: 10 });
    }
    await sleep(20);
    const after = await open(new URL(url));
    const { fd } = after;
    await after.close();

    // The system gives the lowest free number: twenty files left open would show.
    expect(fd).toBeLessThan(lowest + 10);
  });

  it("are the network's business where there is no Node", async () => {
    vi.stubGlobal("process", undefined);

    expect(await read()).toMatchObject({ ok: false, kind: "network" });
  });
});
