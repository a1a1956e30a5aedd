// What a test can ask of a page or a worker. No path may need JSPI or SharedArrayBuffer: both are taken away first.
import { ask, boot } from "../page/kernel.mjs";
import { abilities } from "./abilities.mjs";

delete WebAssembly.Suspending;
delete WebAssembly.promising;
delete globalThis.SharedArrayBuffer;

export { abilities, ask, boot };

// Calls a JavaScript function, given as its source, with one value.
export const run = ({ source, argument }) => (0, eval)(`(${source})`)(argument);
