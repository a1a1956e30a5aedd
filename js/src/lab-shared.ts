/**
 * Modules of the application, from the share scope that it gives to its extensions (webpack's module federation).
 *
 * Rules this file keeps:
 *
 * 1. Of several versions of a module the newest is taken, as the application's own loader does.
 * 2. What is not there is `null`: an application that has no notebooks still has kernels.
 */

interface Shared {
  readonly get: () => Promise<() => unknown> | (() => unknown);
}

/** By name and version. */
export type ShareScope = Readonly<Record<string, Readonly<Record<string, Shared>>>>;

let scope: ShareScope = {};

/** What the application calls first. */
export function useScope(given: ShareScope): void {
  scope = given;
}

/** A module of the application, or `null`. */
export async function shared<T>(name: string): Promise<T | null> {
  const versions = Object.entries(scope[name] ?? {}).sort(([a], [b]) => compareVersions(b, a));
  const [, newest] = versions[0] ?? [];
  return newest === undefined ? null : ((await newest.get())() as T);
}

/** Whether `a` is older (negative) or newer (positive) than `b`; a pre-release is older than its release. */
export function compareVersions(a: string, b: string): number {
  const [one, other] = [a, b].map((text) => [...(text.split(/[-+]/)[0] as string).split(".").map(Number), /-/.test(text) ? 0 : 1]);
  for (let at = 0; at < Math.max(one?.length ?? 0, other?.length ?? 0); at += 1) {
    const difference = (one?.[at] ?? 0) - (other?.[at] ?? 0);
    if (difference !== 0) {
      return difference;
    }
  }
  return 0;
}
