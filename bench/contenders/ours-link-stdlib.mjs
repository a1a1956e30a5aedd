// The same from a standard library that is compiled already (`micropip-lock stdlib`), which a page can serve beside Pyodide.
import { boot as bootLink } from "./ours-link.mjs";

export const label = "micropip-lock, lock link, compiled stdlib";
export { install, places, settle, visits } from "./ours-link.mjs";

export const boot = (stand) => bootLink(stand, { stdLibURL: stand.stdlib });
