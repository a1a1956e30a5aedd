// A booted, empty runtime: what memory is compared with, and the floor of every total that boots Pyodide as it comes.
export const label = "Pyodide, nothing installed";
export const empty = false;
export const visits = ["cold", "warm"];
export const install = () => {};
export const imports = () => {};
