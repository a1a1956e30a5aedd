// Bundles mambajs for a page and for Node, which resolve its imports no more than one of them each.
// Arguments: the directory to write mambajs.mjs and unpack.wasm to.
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "../js/node_modules/esbuild/lib/main.js";

const [out] = process.argv.slice(2);
const here = fileURLToPath(new URL(".", import.meta.url));
await build({
  stdin: {
    contents: `
      export { installPackagesToEmscriptenFS } from "@emscripten-forge/mambajs-core";
      export { initUntarJS } from "@emscripten-forge/untarjs";
    `,
    resolveDir: here,
  },
  bundle: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  loader: { ".wasm": "empty" },
  outfile: join(out, "mambajs.mjs"),
  logLevel: "error",
});
await copyFile(join(here, "node_modules/@emscripten-forge/untarjs/lib/unpack.wasm"), join(out, "unpack.wasm"));
