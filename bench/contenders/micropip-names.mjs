// micropip, every distribution of the set by name and version, from an index that states metadata (PEP 658, PEP 691).
export const label = "micropip, names";

export async function prepare(stand, pyodide) {
  await stand.load(pyodide, ["micropip"]);
  await pyodide.runPythonAsync("import micropip");
}

export async function install(stand, pyodide) {
  const wanted = stand.packages.map((one) => `${one.name}==${one.version}`);
  pyodide.globals.set("bench_wanted", pyodide.toPy(wanted));
  pyodide.globals.set("bench_index", `${stand.index}`);
  await pyodide.runPythonAsync("await micropip.install(bench_wanted, index_urls=bench_index)");
}
