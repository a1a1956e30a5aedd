// Compiles the standard library of one Pyodide by that Pyodide, for micropip_lock/adapters/stdlib.py.
//
// In: {directory, program, output, imports, everything, sources} as the one argument. Out: the archive in the file
// `output`, and one JSON line on standard output, which carries nothing else.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const write = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);
console.log = console.info = console.debug = console.error;

const { directory, program, output, imports, everything, sources } = JSON.parse(process.argv[2]);
const { loadPyodide } = await import(pathToFileURL(`${directory}/pyodide.mjs`).href);
// Constants that are sets lie in the order of their hashes.
const pyodide = await loadPyodide({ indexURL: `${directory}/`, env: { HOME: "/home/pyodide", PYTHONHASHSEED: "0" } });
const compile = pyodide.runPython(`
def compile(program, archive, imports, everything, sources):
    import importlib, sys
    from types import ModuleType
    failed = []
    for name in imports:
        try:
            importlib.import_module(name)
        except ImportError as error:
            failed.append(f"{name}: {error}")
    used = sorted(sys.modules)
    place = next(path for path in sys.path if path.endswith(".zip"))
    ours = ModuleType("stdlib")
    exec(program, vars(ours))
    modules = None if everything else used
    return [ours.compiled_archive(archive.to_bytes(), place, modules=modules, sources=sources), failed]
compile
`);
const [archive, failed] = compile(
  readFileSync(program, "utf8"),
  new Uint8Array(readFileSync(`${directory}/python_stdlib.zip`)),
  pyodide.toPy(imports),
  everything,
  sources,
).toJs();
writeFileSync(output, archive);
write(`${JSON.stringify({ version: pyodide.version, failed })}\n`, () => process.exit(0));
