// Puts the npm package micropip-lock together, in js/dist or in the directory that is named: the two modules as they are in
// the Python package, their types, and what npm wants to know.

import { execFileSync } from "node:child_process";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const js = dirname(fileURLToPath(import.meta.url));
const root = join(js, "..");
const target = resolve(process.argv[2] ?? join(js, "dist"));

const version = /^__version__ = "([^"]+)"$/m.exec(await readFile(join(root, "micropip_lock", "__init__.py"), "utf8"))[1];
const entry = (name, types) => ({ types: `./types/${types}.d.ts`, default: `./${name}.js` });
const manifest = {
  name: "micropip-lock",
  version,
  description: "Lock links for pages that use Pyodide: the exact environment from an address, after a person agreed",
  license: "BSD-3-Clause",
  type: "module",
  sideEffects: false,
  exports: { ".": entry("micropip-lock", "library"), "./boot.js": entry("boot", "boot-main") },
  types: "./types/library.d.ts",
};

await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
await writeFile(join(target, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
for (const name of ["micropip-lock.js", "boot.js"]) {
  await copyFile(join(root, "micropip_lock", "data", name), join(target, name));
}
await copyFile(join(root, "LICENSE"), join(target, "LICENSE"));
await copyFile(join(root, "docs", "sharing.md"), join(target, "README.md"));
const tsc = join(js, "node_modules", "typescript", "bin", "tsc");
const options = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--rootDir", "src", "--outDir", join(target, "types")];
const settings = { extends: "./tsconfig.json", files: ["src/library.ts", "src/boot-main.ts"], include: [] };
const settingsPath = join(js, `tsconfig.package.${process.pid}.json`);
await writeFile(settingsPath, JSON.stringify(settings));
try {
  execFileSync(process.execPath, [tsc, "-p", settingsPath, ...options], { cwd: js, stdio: "inherit" });
} finally {
  await rm(settingsPath);
}
console.log(`${manifest.name} ${version} in ${target}`);
