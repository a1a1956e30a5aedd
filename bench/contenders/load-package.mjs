// Pyodide's own loader: the lock's packages, all by name.
export const label = "loadPackage";
export const visits = ["cold", "warm"];

const names = (stand) => stand.packages.map((one) => one.name);

export const install = (stand, pyodide) => stand.load(pyodide, names(stand));
