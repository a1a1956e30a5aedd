// micropip, the address of every wheel, nothing resolved.
export const label = "micropip, URLs";
export { prepare } from "./micropip-names.mjs";

export async function install(stand, pyodide) {
  pyodide.globals.set("bench_wanted", pyodide.toPy(stand.packages.map((one) => stand.url(one))));
  await pyodide.runPythonAsync("await micropip.install(bench_wanted, deps=False)");
}
