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

import { BootError, type BootedPyodide, bootFromLock, openStore } from "./boot-main.ts";

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
    const lock = lockFileContents ?? lockFileURL;
    if (names.length === 0 || !(typeof lock === "string" || typeof lock === "object") || lock === null) {
      return await load({ ...options, indexURL });
    }
    const quiet = new Quiet();
    try {
      const booted = await bootFromLock<P>({
        loadPyodide: load,
        pyodide: { ...options, indexURL, packages: [] },
        lock,
        packages: names,
        store: openStore(),
        quiet: quiet.resolved,
        // Both are the site's, and nothing can be imported before there is a runtime.
        runtimeFirst: true,
        ...(typeof packageBaseUrl === "string" && { base: packageBaseUrl }),
        ...(typeof stdLibURL === "string" && { stdLibURL }),
      });
      quiet.untilFirstCell(booted);
      return booted;
    } catch (error) {
      if (!(error instanceof BootError)) {
        throw error;
      }
      console.warn(`micropip-lock: ${error.code}: ${error.message}; Pyodide itself loads the packages of this kernel`);
      const { pyodide } = error as BootError<P>;
      await pyodide.loadPackage(names);
      return pyodide;
    }
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
        pyodide.runPython(FIRST);
        this.#resolve();
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
const FIRST = "(lambda path: path[-1:] == [''] and path.insert(0, path.pop()))(__import__('sys').path)";
