/** Pyodide's own module, as far as it is used: what is built names the site's own in its place. */

import type { KernelPyodide } from "./kernel-runtime.ts";

export declare const version: string;
export declare function loadPyodide(options: Record<string, unknown>): Promise<KernelPyodide>;
