// micropip-lock's engine alone, in a Pyodide that runs already: the same as the boot path, without the boot.
export const label = "micropip-lock, engine in a running Pyodide";
export const visits = ["cold", "warm"];

let parts;
let stored;

export async function prepare(stand) {
  parts = await import(stand.data("boot.js"));
}

export async function install(stand, pyodide) {
  const store = parts.openStore(stand.place === "node" ? { directory: `${stand.store}/wheels` } : {});
  let tell;
  stored = new Promise((done) => (tell = done));
  await parts.bootFromLock({
    loadPyodide: async () => pyodide,
    lock: stand.lock,
    store,
    onProgress: ({ stage }) => stage === "settled" && tell(),
  });
}

// What was fetched goes to the store behind the visit.
export const settle = () => stored;
