// Compiles wheels by one Pyodide, for micropip_lock/adapters/compiled_wheels.py.
//
// In: {directory, programs, wheels} as the one argument: `programs` by module name, `wheels` as [input, output] paths.
// Out: the files `output`, and one JSON line on standard output, which carries nothing else.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const write = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);
console.log = console.info = console.debug = console.error;

const { directory, programs, wheels } = JSON.parse(process.argv[2]);
const { loadPyodide } = await import(pathToFileURL(`${directory}/pyodide.mjs`).href);
// Constants that are sets lie in the order of their hashes.
const pyodide = await loadPyodide({ indexURL: `${directory}/`, env: { HOME: "/home/pyodide", PYTHONHASHSEED: "0" } });
const compile = pyodide.runPython(`
import sys
from site import getsitepackages
from types import ModuleType

def load(programs):
    for name, text in programs.items():
        package, _, _ = name.rpartition(".")
        while package:
            parent = sys.modules.setdefault(package, ModuleType(package))
            parent.__path__ = []
            package = package.rpartition(".")[0]
        module = sys.modules[name] = ModuleType(name)
        exec(compile(text, name, "exec"), vars(module))

def compiled(wheel):
    return sys.modules["micropip_lock.core.compiled_wheel"].compiled_wheel(wheel.to_bytes(), getsitepackages()[0])

[load, compiled]
`);
const [load, compiled] = compile;
load(pyodide.toPy(Object.fromEntries(Object.entries(programs).map(([name, path]) => [name, readFileSync(path, "utf8")]))));
for (const [input, output] of wheels) {
  const made = compiled(new Uint8Array(readFileSync(input)));
  writeFileSync(output, made.toJs());
  made.destroy();
}
write(`${JSON.stringify({ version: pyodide.version })}\n`, () => process.exit(0));
