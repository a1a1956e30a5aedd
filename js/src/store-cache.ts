/**
 * A shelf in Cache Storage, for pages and for workers without the file system's synchronous handles.
 *
 * Rules this file keeps:
 *
 * 1. Only answers made here are put in, under addresses of a host that cannot exist (`.invalid`, RFC 2606): no answer of
 *    a server gets in as it is.
 * 2. `cache.put` is whole or nothing by its specification (Service Workers, section 5.4.5), so nothing is tidied.
 */

import type { Listed, Opened, Shelf } from "./shelf.ts";
import { memorySource } from "./source.ts";

const BASE = "https://micropip-lock.invalid/";

/** Headers of the request, which a listing tells without opening an answer: an open one is still in the quota when it is
 * deleted. */
const SIZE = "x-size";
const CHANGED = "x-changed";

export class CacheShelf implements Shelf {
  readonly kind = "cache";
  readonly #caches: CacheStorage;
  readonly #name: string;

  /** @param name Of the cache, one of the origin's. */
  constructor(caches: CacheStorage, name: string) {
    this.#caches = caches;
    this.#name = name;
  }

  // Opened each time: the browser, or its user, may take the whole cache away between two calls.
  #cache(): Promise<Cache> {
    return this.#caches.open(this.#name);
  }

  async open(path: string): Promise<Opened | null> {
    const found = await (await this.#cache()).match(BASE + path);
    if (found === undefined) {
      return null;
    }
    const bytes = new Uint8Array(await found.arrayBuffer());
    return { bytes, source: memorySource(bytes) };
  }

  async write(path: string, parts: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    const body = new Blob([...parts]);
    const headers = { [SIZE]: String(body.size), [CHANGED]: String(Date.now()) };
    await (await this.#cache()).put(new Request(BASE + path, { headers }), new Response(body));
  }

  async remove(path: string): Promise<void> {
    const cache = await this.#cache();
    if (!(await cache.delete(BASE + path))) {
      const inside = (await cache.keys()).filter(({ url }) => url.startsWith(`${BASE}${path}/`));
      await Promise.all(inside.map((request) => cache.delete(request)));
    }
  }

  async list(folder: string): Promise<Listed[]> {
    const cache = await this.#cache();
    const start = `${BASE}${folder}/`;
    return (await cache.keys())
      .filter(({ url }) => url.startsWith(start))
      .map(({ url, headers }) => ({
        name: url.slice(start.length),
        size: Number(headers.get(SIZE) ?? 0),
        changed: Number(headers.get(CHANGED) ?? 0),
      }));
  }

  async tidy(): Promise<void> {}
}
