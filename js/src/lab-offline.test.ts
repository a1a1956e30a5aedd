import { expect, it } from "vitest";
import { keepForOffline, type OfflineView } from "./lab-offline.ts";

const ROOT = "https://site.example/lite/";

function view(used: readonly string[], kept: Set<string>): OfflineView {
  const cache = {
    match: (url: string) => Promise.resolve(kept.has(url) ? {} : undefined),
    add: (url: string) => (url.endsWith("gone.js") ? Promise.reject(new TypeError("404")) : Promise.resolve(void kept.add(url))),
  };
  return {
    location: { href: `${ROOT}lab/index.html#lock=1.x` },
    caches: { open: () => Promise.resolve(cache as unknown as Cache) },
    performance: { getEntriesByType: () => used.map((name) => ({ name })) },
  };
}

it("keeps the page, what it used and what kernels fetch, once and of this site only", async () => {
  const kept = new Set([`${ROOT}build/there.js`]);
  const used = ["build/a.js", "build/there.js", "build/gone.js", "api/contents/all.json"].map((path) => ROOT + path);
  expect(await keepForOffline(ROOT, [`${ROOT}static/x.wasm`], view([...used, "https://other.example/b.js"], kept))).toBe(3);
  expect([...kept].sort()).toEqual(["build/a.js", "build/there.js", "lab/index.html", "static/x.wasm"].map((path) => ROOT + path));
});

it("does nothing where nothing can be kept", async () => {
  expect(await keepForOffline(ROOT, [], { ...view([], new Set()), caches: undefined })).toBe(0);
  const refuses = { open: () => Promise.reject(new DOMException("no", "SecurityError")) };
  expect(await keepForOffline(ROOT, [], { ...view([], new Set()), caches: refuses })).toBe(0);
});
