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
