// mambajs: wheels of its own kind of lock, unpacked by libarchive in wasm; it checks no digest. It fails at a wheel that
// has entries for directories (narwhals 2.29.0), so these are taken out for it.
export const label = "mambajs";

let mambajs;

async function archives(address) {
  const tool = await mambajs.initUntarJS(() => address);
  const extractData = async (...given) => {
    const entries = Object.entries(await tool.extractData(...given));
    return Object.fromEntries(entries.filter(([path]) => !path.endsWith("/")));
  };
  return { ...tool, extractData };
}

export async function prepare(stand) {
  mambajs = await import(stand.place === "node" ? stand.mambajs : `${stand.page}/mambajs/mambajs.mjs`);
}

export async function install(stand, pyodide) {
  const packages = stand.packages.map((one) => [
    one.file,
    { name: one.name, version: one.version, url: stand.url(one), registry: "", hash: { sha256: one.sha256 } },
  ]);
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(pyodide.runPython("import sys; sys.version"));
  // It makes directories where it stands, and writes files below the root.
  const home = pyodide.FS.cwd();
  pyodide.FS.chdir("/");
  await mambajs.installPackagesToEmscriptenFS({
    packages: { packages: {}, pipPackages: Object.fromEntries(packages) },
    channels: {},
    Module: pyodide._module,
    pythonVersion: [Number(major), Number(minor)],
    untarjs: await archives(`${stand.page}/mambajs/unpack.wasm`),
  });
  pyodide.FS.chdir(home);
  pyodide.runPython("import importlib; importlib.invalidate_caches()");
}
