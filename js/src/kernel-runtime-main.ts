/** What a site has as `pyodide.mjs` for its kernels; `micropip_lock_lite/place.py` puts it where these addresses lead. */

import { kernelLoader } from "./kernel-runtime.ts";
import { loadPyodide as load, version } from "./pyodide.ts";

export { version };
export const loadPyodide = kernelLoader(load, new URL("../../pyodide/", import.meta.url).href);
