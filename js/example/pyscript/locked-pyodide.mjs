// What PyScript takes for Pyodide: the real one, booted with the environment of the page's lock link.
// Beside it: micropip-lock.js and boot.js, and pyodide/ (the npm package pyodide).

import { loadPyodide as load, version } from "./pyodide/pyodide.mjs";
import { bootFromLock, decodeLink, hasLink, previewLines } from "./micropip-lock.js";

export { version };

// A dialog as in ../index.html is better; the question is the same.
function ask({ kind, preview, url }) {
  const what = kind === "install" ? previewLines(preview).join("\n") : `This link leaves what it means to ${url}. Ask there?`;
  return confirm(kind === "install" ? `${what}\n\nInstall this?` : what);
}

export async function loadPyodide(options) {
  const indexURL = new URL("./pyodide/", import.meta.url).href;
  if (!hasLink(location.href)) {
    return load({ ...options, indexURL });
  }
  try {
    const lock = await decodeLink(location.href);
    return await bootFromLock({ loadPyodide: load, indexURL, pyodide: options, lock, ask, store: true });
  } catch (error) {
    // PyScript goes on without it; a refusal after the boot brings the Pyodide that is there, with nothing in it.
    console.warn(`${error.code}: ${error.message}`);
    return error.pyodide ?? load({ ...options, indexURL });
  }
}
