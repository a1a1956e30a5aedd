/**
 * What a kernel of a JupyterLite site is started with: a lock laid over the site's own packages.
 *
 * Rules this file keeps:
 *
 * 1. The kernel's own packages are the site's, whatever a lock says of them.
 * 2. Files of a lock were fetched and checked before; the kernel is given their bytes, and their names tell it where they
 *    came from.
 * 3. No request, no clock, no page: values in, values out.
 */

import { type OpenedLock } from "./linked-lock.ts";
import type { LockedWheel } from "./lock-reader.ts";
import { absolute } from "./boot-place.ts";

/** What a kernel has to have when it is ready. */
export const PRELOADED = ["micropip", "piplite", "ipykernel", "comm", "pyodide-kernel", "jedi", "ipython", "micropip-lock"];

/** An entry of a lock, as Pyodide reads it. */
export interface Entry {
  readonly file_name: string;
  readonly depends?: readonly string[];
  readonly tool?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** `pyodide-lock.json`, as Pyodide reads it. */
export interface RawLock {
  readonly info: Readonly<Record<string, unknown>>;
  readonly packages: Readonly<Record<string, Entry>>;
  readonly tool?: { readonly "micropip-lock"?: Readonly<Record<string, unknown>> & { readonly start?: { readonly url: string } } };
}

/** The site's own packages, and where their lock lies. */
export interface Base {
  readonly lock: RawLock;
  /** Address of the lock. */
  readonly url: string;
}

/** Options of `loadPyodide`. */
export type PyodideOptions = Readonly<Record<string, unknown>>;

/** Names of the kernel's own packages: what it is started with, and all that this needs. */
export function ownPackages({ lock }: Base): ReadonlySet<string> {
  const found = new Set<string>();
  const queue = [...PRELOADED];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const entry = Object.hasOwn(lock.packages, name) ? lock.packages[name] : undefined;
    if (entry !== undefined && !found.has(name)) {
      found.add(name);
      queue.push(...(entry.depends ?? []));
    }
  }
  return found;
}

/** The wheels of a lock that are not the site's anyway. */
export function neededWheels(opened: OpenedLock, base: Base): readonly LockedWheel[] {
  const own = ownPackages(base);
  return opened.lock.wheels.filter(({ name }) => !own.has(name));
}

/**
 * Options for a kernel with the environment of a lock.
 *
 * @param before What the site's kernels are started with.
 * @param files Where the bytes of each wheel are, by name: addresses that a worker of this page can read.
 */
export function lockedOptions(before: PyodideOptions, opened: OpenedLock, base: Base, files: ReadonlyMap<string, string>): PyodideOptions {
  const packages: Record<string, Entry> = {};
  for (const [name, entry] of Object.entries(base.lock.packages)) {
    packages[name] = { ...entry, file_name: new URL(entry.file_name, base.url).href };
  }
  const locked = (JSON.parse(opened.text) as RawLock).packages;
  const own = ownPackages(base);
  for (const wheel of neededWheels(opened, base)) {
    const entry = locked[wheel.name] as Entry;
    const facts = { source: "url", url: absolute(wheel, opened.base), ...entry.tool?.["micropip-lock"] };
    packages[wheel.name] = {
      ...entry,
      // Pyodide tells by the end of a name how a file is to be unpacked.
      file_name: `${files.get(wheel.name)}#/${wheel.filename}`,
      depends: (entry.depends ?? []).filter((name) => Object.hasOwn(locked, name) || Object.hasOwn(packages, name)),
      tool: { ...entry.tool, "micropip-lock": facts },
    };
  }
  const { lockFileURL: _, ...options } = before;
  const names = [...own, ...neededWheels(opened, base).map(({ name }) => name), ...opened.lock.site];
  return {
    ...options,
    lockFileContents: JSON.stringify({ info: base.lock.info, packages, ...startOf(base) }),
    packageBaseUrl: new URL(".", base.url).href,
    packages: [...new Set([...PRELOADED, ...names])].filter((name) => Object.hasOwn(packages, name)),
    env: { ...(before["env"] as object | undefined), MICROPIP_LOCK_ID: opened.id },
  };
}

/** What the kernel's own packages are begun with, its address absolute. */
function startOf({ lock, url }: Base): Pick<RawLock, "tool"> {
  const ours = lock.tool?.["micropip-lock"];
  const start = ours?.start && { ...ours.start, url: new URL(ours.start.url, url).href };
  return start === undefined ? {} : { tool: { "micropip-lock": { version: ours?.["version"], start } } };
}

/** Whether a pattern fits the path of a notebook: `*` is any text, `?` any character, as in Python's `fnmatch`. */
export function fits(pattern: string, path: string): boolean {
  const parts = pattern.split(/([*?])/).map((part) => (part === "*" ? ".*" : part === "?" ? "." : part.replace(/[\\^$.|+()[\]{}]/g, "\\$&")));
  return new RegExp(`^${parts.join("")}$`, "s").test(path);
}
