// Bundles src/main.ts into micropip_lock/data/engine.js, one expression whose value is the engine, src/boot-main.ts into
// micropip_lock/data/boot.js, a module for pages, and src/library.ts into micropip_lock/data/micropip-lock.js, the module for
// lock links, which asks for boot.js beside it when something is to be booted. And src/labextension.ts into
// lite/labextension, the extension of JupyterLab, and src/kernel-runtime-main.ts into what kernels of a site load as Pyodide.
//
// The first line of each names the sources by a digest, by the rule that hatch_build.py states. `--check` builds and
// compares with the files that are there instead of writing them.

import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const js = dirname(fileURLToPath(import.meta.url));
const CONFIGURATION = ["build.mjs", "package-lock.json", "package.json", "tsconfig.json"];
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

async function bundle({ entry, options, wrap }) {
  const result = await build({
    absWorkingDir: js,
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: "neutral",
    external: ["node:*"],
    target: "es2022",
    minify: true,
    legalComments: "none",
    charset: "ascii",
    ...options,
  });
  return wrap(result.outputFiles[0].text.trim());
}

/** What boots is a file of its own. */
const besideBoot = {
  name: "beside-boot",
  setup: (build) => build.onResolve({ filter: /^\.\/boot-main\.ts$/ }, () => ({ path: "./boot.js", external: true })),
};

/** A site has its Pyodide in a folder of its own. */
const besidePyodide = {
  name: "beside-pyodide",
  setup: (build) => build.onResolve({ filter: /^\.\/pyodide\.ts$/ }, () => ({ path: "../../pyodide/pyodide.mjs", external: true })),
};

const BUNDLES = [
  {
    name: "engine",
    mostBytes: 76_000,
    entry: "src/main.ts",
    options: { format: "iife", globalName: "bundle" },
    // esbuild's own form ends in a declaration, which has no value; Pyodide's run_js returns the value of the text.
    wrap: (body) => `(()=>{${body}return bundle.engine})()`,
  },
  // A page fetches it once, compressed (45 kB), and it holds the reader of locks and the store as well.
  { name: "boot", mostBytes: 124_000, entry: "src/boot-main.ts", options: { format: "esm" }, wrap: (body) => body },
  // Whoever opens a page with a link fetches it, also who then says no.
  {
    name: "library",
    file: "micropip-lock",
    mostBytes: 60_000,
    mostPackedBytes: 20_000,
    entry: "src/library.ts",
    options: { format: "esm", plugins: [besideBoot] },
    wrap: (body) => body,
  },
  // What kernels of a site load as Pyodide.
  {
    name: "kernel",
    path: "lite/micropip_lock_lite/kernel_runtime.mjs",
    mostBytes: 4_000,
    entry: "src/kernel-runtime-main.ts",
    options: { format: "esm", plugins: [besideBoot, besidePyodide] },
    wrap: (body) => body,
  },
  // The extension of JupyterLab: what its loader runs leaves a container behind.
  {
    name: "labextension",
    path: "lite/labextension/static/remoteEntry.js",
    mostBytes: 120_000,
    entry: "src/labextension.ts",
    options: { format: "iife" },
    wrap: (body) => body,
  },
];
const digest = await sourcesDigest();
for (const one of BUNDLES) {
  const file = one.path ?? `micropip_lock/data/${one.file ?? one.name}.js`;
  const path = join(js, "..", ...file.split("/"));
  const text = `/*! micropip-lock ${one.name}; sources sha256 ${digest} */\n${await bundle(one)}\n`;
  const size = Buffer.byteLength(text);
  const packed = gzipSync(text, { level: 9 }).length;
  if (size >= one.mostBytes || packed > (one.mostPackedBytes ?? one.mostBytes)) {
    const most = `${one.mostBytes}${one.mostPackedBytes === undefined ? "" : `, gzipped at most ${one.mostPackedBytes}`}`;
    console.error(`${file} has ${size} bytes, gzipped ${packed}; expected fewer than ${most}, so that what loads it starts fast`);
    process.exit(1);
  }
  const there = await readFile(path, "utf8").catch((error) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (process.argv.includes("--check")) {
    if (there !== text) {
      console.error(`${file} is not what js/src builds to; run \`make js\` and commit it`);
      process.exit(1);
    }
  } else if (there !== text) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    console.log(`wrote ${file}, ${size} bytes, gzipped ${packed}`);
  }
}

// What JupyterLab reads of an extension. The address of its file is another one whenever its content is, so that no browser
// takes an older one from its cache.
const version = /__version__ = "([^"]+)"/.exec(await readFile(join(js, "..", "micropip_lock", "__init__.py"), "utf8"))[1];
const manifest = {
  name: "micropip-lock",
  version,
  description: "Locks of links and notebooks in JupyterLab and JupyterLite.",
  license: "BSD-3-Clause",
  jupyterlab: {
    extension: true,
    schemaDir: "schemas",
    _build: { load: `static/remoteEntry.js?v=${digest.slice(0, 16)}`, extension: "./extension" },
  },
};
const place = join(js, "..", "lite", "labextension", "package.json");
const described = `${JSON.stringify(manifest, null, 2)}\n`;
if (described !== (await readFile(place, "utf8").catch(() => ""))) {
  if (process.argv.includes("--check")) {
    console.error("lite/labextension/package.json is not what js/build.mjs writes; run `make js` and commit it");
    process.exit(1);
  }
  await writeFile(place, described);
  console.log("wrote lite/labextension/package.json");
}
