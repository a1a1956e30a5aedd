// micropip-lock's boot path with all that belongs to it: wheels arrive while the runtime compiles, the standard library is
// compiled already, and wheels are kept for the next visit.
export const label = "micropip-lock, boot path";
export const visits = ["cold", "warm"];

let stored;

export async function boot(stand, more = { stdLibURL: stand.stdlib }) {
  // As a page does that names both at its top.
  const modules = [stand.data("boot.js"), stand.script("pyodide.mjs")].map((one) => import(one));
  const [{ bootFromLock, openStore }, { loadPyodide }] = await Promise.all(modules);
  const store = openStore?.(stand.place === "node" ? { directory: `${stand.store}/wheels` } : {});
  let tell, fail;
  stored = store && new Promise((...both) => ([tell, fail] = both));
  return bootFromLock({
    loadPyodide,
    indexURL: stand.runtime,
    lock: stand.lock,
    pyodide: { stdout: () => {}, stderr: () => {} },
    ...(store === undefined ? {} : { store }),
    onProgress: ({ stage, message }) => {
      if (stage === "settled") tell?.();
      // A start pack that was for nothing would measure something else.
      if (["no-start", "invalid", "incomplete"].includes(stage)) fail?.(new Error(`${stage}: ${message}`));
    },
    ...more,
  });
}

export const install = () => {};

// What was fetched goes to the store behind the visit.
export const settle = () => stored;
