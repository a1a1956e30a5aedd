// Runs one Pyodide under Node for micropip_lock/adapters/node.py.
//
// Protocol: JSON lines. In: {id, op: "boot" | "place" | "call", ...}. Out: {id, ok, value | error} and, in between,
// {event: "stdout" | "stderr" | "progress", ...}. Standard output carries nothing else.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";

const write = process.stdout.write.bind(process.stdout);
const send = (message) => write(JSON.stringify(message) + "\n");
// Whatever else prints must not disturb the protocol.
process.stdout.write = process.stderr.write.bind(process.stderr);
console.log = console.info = console.debug = console.error;

// Whoever started us may end without a word, while code in here keeps this thread busy: another thread watches.
const watch = `
  const parent = process.ppid;
  setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, "SIGKILL"); }, 500);
`;
new Worker(watch, { eval: true }).unref();

let pyodide;

// Index credentials go to their own origin only, as a header: fetch refuses them in an address.
function withCredentials(credentials) {
  const plain = globalThis.fetch;
  globalThis.fetch = (resource, options = {}) => {
    const url = typeof resource === "string" ? resource : (resource.url ?? String(resource));
    const authorization = URL.canParse(url) ? credentials[new URL(url).origin] : undefined;
    if (authorization === undefined) return plain(resource, options);
    const headers = new Headers(options.headers ?? {});
    headers.set("authorization", authorization);
    return plain(resource, { ...options, headers });
  };
}

async function boot({ directory, stdlib, library, store, archives, credentials }) {
  // The engine's `openStore({ directory })` takes it from here.
  globalThis.micropipLockStore = store;
  if (Object.keys(credentials).length > 0) withCredentials(credentials);
  const { loadPyodide } = await import(pathToFileURL(`${directory}/pyodide.mjs`).href);
  pyodide = await loadPyodide({
    indexURL: `${directory}/`,
    ...(stdlib === null ? {} : { stdLibURL: stdlib }),
    // Standard input is the protocol's; the code that runs in here reads an empty one.
    stdin: () => null,
    stdout: (text) => send({ event: "stdout", text }),
    stderr: (text) => send({ event: "stderr", text }),
  });
  for (const { path, format } of archives) {
    pyodide.unpackArchive(new Uint8Array(readFileSync(path)), format, { extractDir: library });
  }
  pyodide.globals.set("_library", library);
  pyodide.runPython(`
import pathlib, shutil, sys
# Our tools are modules on the path, not installed distributions: the environment stays empty.
for info in [*pathlib.Path(_library).glob("*.dist-info")]:
    shutil.rmtree(info)
sys.path.append(_library)
del _library
`);
  const progress = (text) => send({ event: "progress", ...JSON.parse(text) });
  const attach = pyodide.runPython("from micropip_lock.embedded import attach\nattach");
  attach(progress);
  attach.destroy();
  return pyodide.version;
}

// Files of the host, put into Pyodide's own file system.
function place({ files }) {
  for (const { source, target } of files) {
    pyodide.FS.mkdirTree(target.slice(0, target.lastIndexOf("/")));
    pyodide.FS.writeFile(target, readFileSync(source));
  }
}

async function call({ name, args }) {
  const dispatch = pyodide.runPython("from micropip_lock.embedded import dispatch\ndispatch");
  try {
    return JSON.parse(await dispatch(name, JSON.stringify(args)));
  } finally {
    dispatch.destroy();
  }
}

const operations = { boot, call, place };
for await (const line of createInterface({ input: process.stdin })) {
  const { id, op, ...message } = JSON.parse(line);
  try {
    send({ id, ok: true, value: await operations[op](message) });
  } catch (error) {
    send({ id, ok: false, error: String(error?.message ?? error).slice(-4000) });
  }
}
process.exit(0);
