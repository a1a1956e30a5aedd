// One sample of one contender, in a page, a worker or Node: its phases, each timed on its own.
//
// A contender is a module in ../contenders/ with these exports, all but `label` and `install` optional:
//
//   label                     what the tables call it
//   places                    where it runs, of "worker", "page", "node"; default: all three
//   visits                    "cold" and, when it keeps something for the next time or gains by the HTTP cache, "warm"
//   links                     "loopback", "slow"; default: both
//   empty                     true: it has no Python, so nothing is imported
//   boot(stand)               gives a Pyodide; default: stand.boot()
//   prepare(stand, pyodide)   brings the tool itself; counted in the total, not in the install
//   install(stand, pyodide)   afterwards everything can be imported
//   imports(stand, pyodide)   imports stand.imports one by one; default: in Python
//   settle(stand, pyodide)    waits for what goes on behind, such as writes to a store; counted nowhere
//
// What the stand offers is the class below.

const now = () => performance.now();

/** What a contender is given. */
class Stand {
  /** @param spec what Stand.spec in bench/stand.py says */
  constructor(spec) {
    Object.assign(this, spec);
  }

  /** The set's lock; its file names are relative, the wheels beside it. */
  get lock() {
    return `${this.wheels}/sets/${this.set}/lock.json`;
  }

  /** The same with micropip, for Pyodide to boot with in place of its own. */
  get bootLock() {
    return `${this.wheels}/sets/${this.set}/pyodide-lock.json`;
  }

  /** The lock with a start pack beside it. */
  get startLock() {
    return `${this.wheels}/sets/${this.set}/start.json`;
  }

  /** A package index (PEP 691) that has the set's wheels. */
  get index() {
    return `${this.wheels}/simple`;
  }

  /** The address of one of `packages`. */
  url(one) {
    return `${this.wheels}/sets/${this.set}/${encodeURIComponent(one.file)}`;
  }

  /** Pyodide, booted with `bootLock`. */
  async boot(options = {}) {
    const { loadPyodide } = await import(this.script("pyodide.mjs"));
    return loadPyodide({
      indexURL: this.runtime,
      // Under Node, lockFileURL is a path; and what is downloaded is kept in packageCacheDir.
      lockFileContents: fetch(this.bootLock).then((answer) => answer.text()),
      packageBaseUrl: `${this.wheels}/sets/${this.set}/`,
      stdout: () => {},
      stderr: () => {},
      ...(this.place === "node" ? { packageCacheDir: this.store } : {}),
      ...options,
    });
  }

  /** The address of a script of the runtime, for import(). */
  script(name) {
    return this.place === "node" ? `file://${this.runtime}${name}` : `${this.runtime}${name}`;
  }

  /** The address of one of our own bundles, for import(). */
  data(name) {
    return this.place === "node" ? `file://${this.bundles}${name}` : `${this.page}/data/${name}`;
  }

  /** Our standard library, compiled for the set, for `stdLibURL`. */
  get stdlib() {
    const name = `python_stdlib-${this.set}.zip`;
    return this.place === "node" ? `${this.made}${name}` : `${this.page}/made/${name}`;
  }

  /** Loads packages of the lock that Pyodide booted with, without a word. */
  load(pyodide, names) {
    return pyodide.loadPackage(names, { messageCallback: () => {}, errorCallback: (text) => console.error(text) });
  }
}

const IMPORT = `
def bench_import(names):
    import importlib, json
    failed = {}
    for name in json.loads(names):
        try:
            importlib.import_module(name)
        except BaseException as error:
            failed[name] = f"{type(error).__name__}: {error}"
    return json.dumps(failed)
bench_import
`;

function importAll(stand, pyodide) {
  const run = pyodide.runPython(IMPORT);
  const failed = JSON.parse(run(JSON.stringify(stand.imports)));
  if (Object.keys(failed).length > 0) throw new Error(`not imported: ${JSON.stringify(failed)}`);
}

let stand;
let contender;
let pyodide;

/** Untimed: the contender's own module is there before the watch starts. */
export async function begin(spec) {
  stand = new Stand(spec);
  contender = await import(`../contenders/${spec.contender}.mjs`);
}

const phases = {
  async boot() {
    if (!contender.empty) pyodide = await (contender.boot ?? ((one) => one.boot()))(stand);
  },
  prepare: () => contender.prepare?.(stand, pyodide),
  install: () => contender.install(stand, pyodide),
  imports: () => (contender.empty ? undefined : (contender.imports ?? importAll)(stand, pyodide)),
  settle: () => contender.settle?.(stand, pyodide),
};

/** Runs one phase; milliseconds. */
export async function phase(name) {
  const began = now();
  try {
    await phases[name]();
  } catch (error) {
    // The last lines of a traceback tell; JavaScript's stack below it would hide them.
    throw error?.name === "PythonError" ? new Error(error.message.trim().slice(-500)) : error;
  }
  const took = now() - began;
  // Every contender's garbage is gone before memory is read and before the next phase.
  globalThis.gc?.();
  return took;
}

/** Bytes of Pyodide's own heap, which grows and never shrinks. */
export const heap = () => pyodide?._module.HEAP8.length ?? 0;

/** What the contenders say of themselves, for the harness. */
export async function describe(name) {
  const { label, places, visits, links, empty } = await import(`../contenders/${name}.mjs`);
  return {
    name,
    label,
    places: places ?? ["worker", "page", "node"],
    visits: visits ?? ["cold"],
    links: links ?? ["loopback", "slow"],
    empty: empty ?? false,
  };
}
