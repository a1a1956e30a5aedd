// Boots Pyodide under Node with a lock, as its documentation says, and loads and uses packages.
//
// node load_lock.mjs DIRECTORY LOCK WHEELS CODE NAME…: a runtime, a lock whose file names are relative, the directory
// that holds those files, and Python that assigns `answer`.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [directory, lock, wheels, code, ...names] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${directory}/pyodide.mjs`).href);
const pyodide = await loadPyodide({
  indexURL: `${directory}/`,
  lockFileContents: readFileSync(lock, "utf-8"),
  packageBaseUrl: `${wheels}/`,
  packageCacheDir: `${wheels}/`,
  stdout: () => {},
});
await pyodide.loadPackage(names, { messageCallback: () => {} });
await pyodide.runPythonAsync(code);
process.stdout.write(pyodide.runPython("import json\njson.dumps(answer)"));
