// micropip-lock, a lock link: the library of pages decodes it, shows what it brings, and boots with it after the yes, which
// comes at once. The library is loaded when the page opens, before anybody clicks.
export const label = "micropip-lock, lock link";
export const places = ["worker", "page"];
export const visits = ["cold", "warm"];

let stored;

export async function boot(stand, more = {}) {
  const { bootFromLock, decodeLink } = await import(stand.data("micropip-lock.js"));
  const { loadPyodide } = await import(stand.script("pyodide.mjs"));
  let tell;
  stored = new Promise((resolve) => (tell = resolve));
  return bootFromLock({
    loadPyodide,
    indexURL: stand.runtime,
    lock: await decodeLink(stand.link),
    ask: ({ preview }) => preview.packages.length === stand.packages.length,
    pyodide: { stdout: () => {}, stderr: () => {} },
    store: true,
    onProgress: ({ stage }) => stage === "settled" && tell(),
    ...more,
  });
}

export const install = () => {};

export const settle = () => stored;
