/**
 * `pyodide.mjs` as kernels of a JupyterLite site load it: Pyodide, with the site's wheels mounted while the runtime compiles.
 *
 * Rules this file keeps:
 *
 * 1. Whoever imports it sees what Pyodide's own module exports.
 * 2. What cannot be mounted is loaded by Pyodide itself, the way it would have been without this file; the console says why.
 *
 * Left to others: the boot (`boot.ts`).
 */

import { BootError, type BootedPyodide, bootFromLock, LockError, openStore } from "./boot-main.ts";
import type { Chosen } from "./boot-options.ts";
import { normalized } from "./table.ts";

/** What is used of a Pyodide here. */
export interface KernelPyodide extends BootedPyodide {
  loadPackage(names: readonly string[]): Promise<unknown>;
  /** A kernel calls it before each cell. */
  loadPackagesFromImports(...given: unknown[]): Promise<unknown>;
}

/** How long a kernel may take at most to become ready, before what is not urgent goes on all the same. */
const PATIENCE_MS = 15_000;

type Options = Readonly<Record<string, unknown>>;
type Load<P> = (options: Record<string, unknown>) => Promise<P>;

/** `pyodide-lock.json`, as far as it is looked into here. */
interface KernelLock {
  readonly info: unknown;
  readonly packages: Readonly<Record<string, KernelEntry>>;
  readonly tool?: { readonly "micropip-lock"?: Readonly<Record<string, unknown>> };
}
interface KernelEntry {
  readonly name: string;
  readonly file_name: string;
  readonly sha256: string;
  readonly depends?: readonly string[];
  readonly tool?: { readonly "micropip-lock"?: { readonly url?: string } };
}

/** What a kernel mounts, and what of it is left to Pyodide. */
export interface Mounted extends Chosen {
  /** Names that the lock does not have. */
  readonly others: readonly string[];
}

/**
 * Of a lock, the packages that a kernel names and all they need: whatever else is in it, mock packages among them, is in no
 * kernel when it starts.
 *
 * A wheel that the page has fetched already lies at a `blob:` address there, and says itself where it is from.
 *
 * @throws LockError with code `not-json`.
 */
export function mountedOf(text: string, names: readonly string[]): Mounted {
  const { info, packages, tool } = parsed(text);
  const chosen = new Map<string, KernelEntry>();
  const addresses = new Map<string, string>();
  const queue = names.map(normalized);
  const known = queue.filter((name) => Object.hasOwn(packages, name));
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const entry = Object.hasOwn(packages, name) ? packages[name] : undefined;
    // What is no entry is told by whoever reads the lock.
    if (typeof entry?.file_name !== "string" || chosen.has(name)) {
      continue;
    }
    const from = entry.tool?.["micropip-lock"]?.url;
    const isHere = entry.file_name.startsWith("blob:") && from !== undefined;
    if (isHere) {
      addresses.set(entry.sha256, entry.file_name.split("#")[0] as string);
    }
    chosen.set(name, { ...entry, ...(isHere && { file_name: from }) });
    queue.push(...(Array.isArray(entry.depends) ? entry.depends.map(String) : []).map(normalized));
  }
  const { version, start } = tool?.["micropip-lock"] ?? {};
  const ours = version === undefined ? {} : { tool: { "micropip-lock": { version, ...(start !== undefined && { start }) } } };
  const others = names.filter((name) => !Object.hasOwn(packages, normalized(name)));
  return { lock: JSON.stringify({ info, packages: Object.fromEntries(chosen), ...ours }), packages: known, addresses, others };
}

function parsed(text: string): KernelLock {
  try {
    const value = JSON.parse(text) as Partial<KernelLock> | null;
    return { info: value?.info, packages: value?.packages ?? {}, ...(value?.tool && { tool: value.tool }) };
  } catch (error) {
    throw new LockError("not-json", "the lock of this kernel cannot be read", { got: String(error) });
  }
}

/**
 * `loadPyodide` for kernels.
 *
 * @param load Pyodide's own.
 * @param indexURL Where the runtime is.
 */
export function kernelLoader<P extends KernelPyodide>(load: Load<P>, indexURL: string): (options?: Options) => Promise<P> {
  return async (options = {}) => {
    const { packages, lockFileURL, lockFileContents, packageBaseUrl, stdLibURL } = options;
    const names = Array.isArray(packages) ? packages.map(String) : [];
    const given = (await lockFileContents) ?? lockFileURL;
    if (names.length === 0 || given === undefined || given === null) {
      return await load({ ...options, indexURL });
    }
    const base = packageBaseUrl ?? lockFileURL;
    let others: readonly string[] = [];
    const quiet = new Quiet();
    let kernel: P;
    try {
      kernel = await bootFromLock<P>({
        loadPyodide: load,
        pyodide: { ...options, indexURL, packages: [] },
        lock: given as string | object,
        choose: (text) => {
          const chosen = mountedOf(text, names);
          ({ others } = chosen);
          return chosen;
        },
        store: openStore(),
        quiet: quiet.resolved,
        // Both are the site's, and nothing can be imported before there is a runtime.
        runtimeFirst: true,
        ...(typeof base === "string" && { base }),
        ...(typeof stdLibURL === "string" && { stdLibURL }),
      });
    } catch (error) {
      if (!(error instanceof BootError)) {
        throw error;
      }
      console.warn(`micropip-lock: ${error.code}: ${error.message}; Pyodide itself loads the packages of this kernel`);
      const { pyodide } = error as BootError<P>;
      await pyodide.loadPackage(names);
      return pyodide;
    }
    if (others.length > 0) {
      await kernel.loadPackage(others);
    }
    quiet.untilFirstCell(kernel);
    return kernel;
  };
}

/**
 * Until the kernel is ready: what nobody waits for may begin then.
 *
 * Until then the working directory, which Python's path begins with, is looked at last: it is a drive that is asked for every
 * module, by a request each time.
 */
class Quiet {
  readonly resolved: Promise<void>;
  #resolve: () => void = () => undefined;

  constructor() {
    this.resolved = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Nothing but the kernel itself runs before its first cell. */
  untilFirstCell(pyodide: Pick<KernelPyodide, "loadPackagesFromImports" | "runPython">): void {
    const original = pyodide.loadPackagesFromImports;
    const end = (): void => {
      if (pyodide.loadPackagesFromImports !== original) {
        pyodide.loadPackagesFromImports = original;
        try {
          pyodide.runPython(FIRST);
        } finally {
          this.#resolve();
        }
      }
    };
    pyodide.runPython(LAST);
    pyodide.loadPackagesFromImports = async (...given) => {
      end();
      return await original.apply(pyodide, given);
    };
    setTimeout(end, PATIENCE_MS);
  }
}

const LAST = "(lambda path: path[:1] == [''] and path.append(path.pop(0)))(__import__('sys').path)";
const FIRST = "(lambda path: '' in path and (path.remove(''), path.insert(0, '')))(__import__('sys').path)";
