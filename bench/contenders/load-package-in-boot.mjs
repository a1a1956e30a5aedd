// Pyodide's own loader, started while the runtime boots (loadPyodide's option `packages`).
export const label = "loadPackage during boot";
export const visits = ["cold", "warm"];

export const boot = (stand) => stand.boot({ packages: stand.packages.map((one) => one.name) });
export const install = () => {};
