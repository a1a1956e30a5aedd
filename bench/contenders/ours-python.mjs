// micropip-lock as a person uses it in any kernel: `await micropip_lock.replay(lock)`, no boot control.
export const label = "micropip-lock, replay in a kernel";
export const visits = ["cold", "warm"];

export async function prepare(stand, pyodide) {
  // Under Node the host says where wheels are kept.
  if (stand.place === "node") globalThis.micropipLockStore = `${stand.store}/wheels`;
  await stand.load(pyodide, ["micropip"]);
  const wheel = await (await fetch(`${stand.page}/ours/micropip_lock.whl`)).arrayBuffer();
  pyodide.unpackArchive(wheel, "wheel");
  await pyodide.runPythonAsync("import micropip, micropip_lock; micropip_lock.replay");
}

export async function install(stand, pyodide) {
  pyodide.globals.set("bench_lock", stand.lock);
  await pyodide.runPythonAsync("await micropip_lock.replay(bench_lock, policy=micropip_lock.Policy(consent=True))");
}

// What was fetched goes to the store behind the visit.
export const settle = (stand, pyodide) =>
  pyodide.runPythonAsync("from micropip_lock import wiring; await wiring.store_all()");
