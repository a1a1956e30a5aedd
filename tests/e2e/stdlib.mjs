// Boots Pyodide under Node with a standard library, and tells how its modules import.
//
// node stdlib.mjs DIRECTORY STDLIB: a runtime, and an archive for `stdLibURL`.
import { pathToFileURL } from "node:url";

const [directory, stdLibURL] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${directory}/pyodide.mjs`).href);
const pyodide = await loadPyodide({ indexURL: `${directory}/`, stdLibURL, stdout: () => {}, stderr: () => {} });
process.stdout.write(
  pyodide.runPython(`
import contextlib, importlib, inspect, io, json, sys, traceback, warnings, zipfile

booted = {name for name, module in sys.modules.items() if (getattr(module, "__file__", None) or "").endswith(".pyc")}
place = next(path for path in sys.path if path.endswith(".zip"))
sources = [name for name in zipfile.ZipFile(place).namelist() if name.endswith(".py")]
names = sorted(
    {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in sources}
    # They open a browser or a terminal, or end the interpreter.
    - {"antigravity", "pyodide.__main__"}
)
names = [name for name in names if not name.endswith("__main__")]
outcomes = {}
warnings.simplefilter("ignore")
with contextlib.redirect_stdout(io.StringIO()):
    for name in names:
        try:
            module = importlib.import_module(name)
        except BaseException as error:
            # A module's __file__ names what was read.
            outcomes[name] = f"{type(error).__name__}: {error}".replace(".pyc", ".py")
        else:
            outcomes[name] = [module.__doc__, sorted(set(vars(module)) - {"__warningregistry__"})]
try:
    json.loads("{")
except ValueError:
    shown = traceback.format_exc()
try:
    source = inspect.getsource(json.loads)
except OSError:
    source = None
bytecode = [name for name in names if (getattr(sys.modules.get(name), "__file__", None) or "").endswith(".pyc")]
json.dumps({"booted": sorted(booted), "outcomes": outcomes, "shown": shown, "source": source, "bytecode": bytecode})
`),
);
