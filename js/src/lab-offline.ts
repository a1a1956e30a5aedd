/**
 * A site that was visited once and works without a network: what JupyterLite's service worker will look for is put where it
 * looks.
 *
 * Rules this file keeps:
 *
 * 1. The service worker is JupyterLite's own, and its cache is kept only where the site turns it on. It sees no request that
 *    was sent before it ran, which on a first visit is most of the application: those are asked for again, and come from the
 *    browser's own cache.
 * 2. Only files of the site; whatever cannot be kept is asked for the next time.
 */

const CACHE = "precache";

/** What of a page is used. */
export interface OfflineView {
  readonly location: { readonly href: string };
  readonly caches: Pick<CacheStorage, "open"> | undefined;
  readonly performance: { getEntriesByType(type: "resource"): readonly { readonly name: string }[] };
}

/**
 * Keep what this page was made of.
 *
 * @param more Further addresses: what kernels fetch.
 * @returns How many files were put into the cache.
 */
export async function keepForOffline(root: string, more: readonly string[], view: OfflineView = globalThis as unknown as OfflineView): Promise<number> {
  if (view.caches === undefined) {
    return 0;
  }
  const page = view.location.href.split("#")[0] as string;
  const used = [page, ...view.performance.getEntriesByType("resource").map(({ name }) => name), ...more];
  const wanted = [...new Set(used)].filter((url) => url.startsWith(root) && !new URL(url).pathname.includes("/api/"));
  let kept = 0;
  try {
    const cache = await view.caches.open(CACHE);
    for (const url of wanted) {
      if ((await cache.match(url)) === undefined) {
        await cache.add(url).then(
          () => {
            kept += 1;
          },
          () => undefined,
        );
      }
    }
  } catch {
    // A browser may refuse it.
  }
  return kept;
}
