// The same with the standard library as Pyodide has it.
import * as ours from "./ours-boot.mjs";

export const label = "micropip-lock, boot path, stock standard library";
export { install, settle, visits } from "./ours-boot.mjs";

export const boot = (stand) => ours.boot(stand, {});
