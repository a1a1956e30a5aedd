// One Pyodide in a page or a worker, and the door through which a test asks it for values.

let pyodide;

// The runtime's own distribution is not here: its lock names the tools at absolute addresses instead.
export async function boot({ directory, lock, packages }) {
  const { loadPyodide } = await import(`${directory}pyodide.mjs`);
  pyodide = await loadPyodide({
    indexURL: directory,
    lockFileContents: lock,
    packageBaseUrl: directory,
    stdout: () => {},
    stderr: () => {},
  });
  await pyodide.loadPackage(packages, { messageCallback: () => {} });
  return pyodide.version;
}

// What a boot from a lock told until now, with messages: [stage, package, message].
const told = [];
export const story = () => told;

// Takes the thread until an address says that the right number of requests came, or for 20 s.
function taken({ address, until }) {
  let said;
  for (const end = Date.now() + 20_000; Date.now() < end && said !== String(until); ) {
    const request = new XMLHttpRequest();
    request.open("GET", address, false);
    request.send();
    said = request.responseText.trim();
  }
  return said;
}

// A Worker that cannot be had, in one of two ways: `throws`, or its script `fails`.
function broken(how) {
  const Real = globalThis.Worker;
  return class extends Real {
    constructor() {
      if (how === "throws") throw new Error("no worker here");
      super("data:text/javascript,throw new Error('broken')");
    }
  };
}

// The same from a lock, by the boot path; tells what happened in which order. With `leaves`, what comes behind is not waited for;
// with `aside`, the network is asked as a page of its own would, and `happened` has no requests.
export async function bootFromLock({ boot, directory, lock, stdlib, store, abortAfter, leaves, aside, hold, worker }) {
  const { bootFromLock, openStore } = await import(boot);
  const { loadPyodide } = await import(`${directory}pyodide.mjs`);
  if (worker !== undefined) globalThis.Worker = broken(worker);
  const happened = [];
  const controller = new AbortController();
  let settled;
  const kept = new Promise((resolve) => (settled = resolve));
  try {
    pyodide = await bootFromLock({
      loadPyodide: async (options) => {
        const made = await loadPyodide(options);
        happened.push("loadPyodide ended");
        return made;
      },
      indexURL: directory,
      pyodide: { stdout: () => {}, stderr: () => {}, ...(hold && { fsInit: () => happened.push(`held ${taken(hold)}`) }) },
      lock,
      ...(stdlib && { stdLibURL: stdlib }),
      ...(store && { store: openStore({ name: store }) }),
      signal: controller.signal,
      fetch: aside ? undefined : (url, options) => {
        const name = String(url).split("/").at(-1);
        happened.push(`asked ${name}`);
        options.signal.addEventListener("abort", () => happened.push(`ended ${name}`), { once: true });
        return fetch(url, options);
      },
      onFinding: ({ code, path }) => told.push(["finding", path, code]),
      onProgress: ({ stage, package: name, message }) => {
        if (stage !== "fetch") told.push([stage, name ?? null, message ?? null]);
        if (happened.at(-1) !== stage) happened.push(stage);
        if (stage === abortAfter) controller.abort();
        if (stage === "settled") settled();
      },
    });
    if (store && !leaves) await kept;
    return { happened };
  } catch (error) {
    return { happened, code: error.code ?? String(error) };
  }
}

// Runs Python that assigns `answer`.
export async function ask(code) {
  const namespace = pyodide.toPy({});
  try {
    await pyodide.runPythonAsync(code, { globals: namespace });
    return JSON.parse(pyodide.runPython("import json\njson.dumps(answer)", { globals: namespace }));
  } finally {
    namespace.destroy();
  }
}
