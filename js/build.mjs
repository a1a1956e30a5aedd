// Bundles src/main.ts into micropip_lock/data/engine.js, one expression whose value is the engine.
//
// The first line names the sources by a digest, by the rule that hatch_build.py states. `--check` builds and compares
// with the file that is there instead of writing it.

import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const js = dirname(fileURLToPath(import.meta.url));
const target = join(js, "..", "micropip_lock", "data", "engine.js");
const CONFIGURATION = ["build.mjs", "package-lock.json", "package.json", "tsconfig.json"];
const MOST_BYTES = 60_000;

const sha256 = (data) => createHash("sha256").update(data).digest("hex");

async function sourcesDigest() {
  const sources = (await readdir(join(js, "src"), { recursive: true }))
    .filter((name) => name.endsWith(".ts") && !name.includes(".test"))
    .map((name) => join(js, "src", name));
  const lines = await Promise.all(
    [...sources, ...CONFIGURATION.map((name) => join(js, name))].map(
      async (path) => `${relative(js, path).split(sep).join("/")}\0${sha256(await readFile(path))}\n`,
    ),
  );
  // The names are ASCII, so the order of UTF-16 units is Python's order.
  return sha256(lines.sort().join(""));
}

async function bundle() {
  const result = await build({
    absWorkingDir: js,
    entryPoints: ["src/main.ts"],
    bundle: true,
    write: false,
    format: "iife",
    globalName: "bundle",
    platform: "neutral",
    external: ["node:*"],
    target: "es2022",
    minify: true,
    legalComments: "none",
    charset: "ascii",
  });
  const body = result.outputFiles[0].text.trim();
  // esbuild's own form ends in a declaration, which has no value; Pyodide's run_js returns the value of the text.
  return `/*! micropip-lock engine; sources sha256 ${await sourcesDigest()} */\n(()=>{${body}return bundle.engine})()\n`;
}

const text = await bundle();
const size = Buffer.byteLength(text);
if (size >= MOST_BYTES) {
  console.error(`the bundle has ${size} bytes; expected fewer than ${MOST_BYTES}, so that a kernel starts fast`);
  process.exit(1);
}
const there = await readFile(target, "utf8").catch((error) => {
  if (error.code === "ENOENT") return undefined;
  throw error;
});
if (process.argv.includes("--check")) {
  if (there !== text) {
    console.error("micropip_lock/data/engine.js is not what js/src builds to; run `make js` and commit it");
    process.exit(1);
  }
} else if (there !== text) {
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, text);
  console.log(`wrote micropip_lock/data/engine.js, ${size} bytes`);
}
