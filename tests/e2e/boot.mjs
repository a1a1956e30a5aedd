// Boots Pyodide under Node from a lock, as a page does, and tells what happened in which order.
//
// node boot.mjs JSON: {directory, boot, lock, base, abi, packages, stdlib, stdlibSha256, store, code, library, abortAfter,
// readRanges, early, whole}. `readRanges`: a bundle's directory, out of which parts of wheels are read. `whole`: what comes behind a
// start pack is waited for before the tree is told. `early`: Python code that does not wait for that.
// `library`: archives of tools that verify and freeze, put on the path once the boot is over.
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { pathToFileURL } from "node:url";

const asked = JSON.parse(process.argv[2]);
const { bootFromLock, openStore } = await import(pathToFileURL(asked.boot).href);
const { loadPyodide } = await import(pathToFileURL(`${asked.directory}/pyodide.mjs`).href);

const happened = [];
const note = (text) => happened.push(text);
let underWay = 0;
const watched = async (url, options) => {
  note(`asked ${String(url).split("/").at(-1)}`);
  underWay += 1;
  options.signal.addEventListener("abort", () => note(`ended ${String(url).split("/").at(-1)}`), { once: true });
  try {
    return await fetch(url, options);
  } finally {
    underWay -= 1;
  }
};
// What a worker asks its server for.
const readRange = (address, from, to) => {
  const bytes = new Uint8Array(to - from);
  const [digest, name] = address.split("/").slice(-2);
  const file = openSync(`${asked.readRanges}/wheels/${digest}/${name}`);
  readSync(file, bytes, 0, bytes.length, from);
  closeSync(file);
  note(`read a part of ${name}`);
  return bytes;
};
const controller = new AbortController();
let settled;
const kept = new Promise((resolve) => (settled = resolve));

const outcome = {};
let pyodide;
try {
  pyodide = await bootFromLock({
    loadPyodide: async (options) => {
      note("loadPyodide began");
      const made = await loadPyodide(options);
      note("loadPyodide ended");
      return made;
    },
    indexURL: `${asked.directory}/`,
    pyodide: { stdout: () => {}, stderr: () => {} },
    lock: asked.lock,
    ...(asked.base && { base: asked.base }),
    ...(asked.abi && { abi: asked.abi }),
    ...(asked.packages && { packages: asked.packages }),
    ...(asked.stdlib && { stdLibURL: asked.stdlib }),
    ...(asked.stdlibSha256 && { stdLibSha256: asked.stdlibSha256 }),
    ...(asked.store && { store: openStore({ directory: asked.store }) }),
    ...(asked.readRanges && { readRange }),
    fetch: watched,
    signal: controller.signal,
    onProgress: ({ stage }) => {
      note(stage);
      if (stage === asked.abortAfter) controller.abort();
      if (stage === "settled") settled();
    },
  });
  if (asked.early) {
    pyodide.runPython(asked.early);
    note("early code ended");
  }
  if (asked.store || asked.whole) await kept;
} catch (error) {
  const { name, code, message } = error;
  outcome.error = { name, code, message };
  pyodide = error.pyodide;
}
outcome.happened = happened;
outcome.underWay = underWay;
if (pyodide !== undefined) {
  const run = async (code) => {
    const namespace = pyodide.toPy({});
    await pyodide.runPythonAsync(code, { globals: namespace });
    return JSON.parse(pyodide.runPython("import json\njson.dumps(answer)", { globals: namespace }));
  };
  outcome.tree = await run(`
import hashlib, os, site
answer = {}
for folder, _, names in os.walk(root := site.getsitepackages()[0]):
    for name in names:
        with open(os.path.join(folder, name), "rb") as file:
            answer[os.path.relpath(file.name, root)] = hashlib.sha256(file.read()).hexdigest()
`);
  if (asked.code) outcome.answer = await run(asked.code);
  if (asked.library && !outcome.error) {
    for (const { path, format } of asked.library) {
      pyodide.unpackArchive(new Uint8Array(readFileSync(path)), format, { extractDir: "/tools" });
    }
    pyodide.globals.set("_lock", readFileSync(asked.verify, "utf8"));
    [outcome.verified, outcome.refrozen] = await run(`
import pathlib, shutil, sys
for info in [*pathlib.Path("/tools").glob("*.dist-info")]:
    shutil.rmtree(info)
sys.path.append("/tools")
import micropip_lock
from __main__ import _lock
lock = micropip_lock.Lock.from_json(_lock)
report = await micropip_lock.verify(lock)
answer = [report.to_json(), (await micropip_lock.freeze()).to_json()]
`);
  }
}
process.stdout.write(JSON.stringify(outcome), () => process.exit(0));
