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
}

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
    try {
      return await bootFromLock<P>({
        loadPyodide: load,
        pyodide: { ...options, indexURL, packages: [] },
        lock,
        packages: names,
        store: openStore(),
        ...(typeof packageBaseUrl === "string" && { base: packageBaseUrl }),
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
  };
}
