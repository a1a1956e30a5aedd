/**
 * Whether a lock and its wheels fit a runtime that has booted, and where in it they go.
 *
 * Left to others: when to ask (`boot.ts`), everything that is not plain (Python's replay).
 */

import { type Abi, named } from "./abis.ts";
import { LockError } from "./errors.ts";
import { type Declaring, importClash } from "./import-names.ts";
import type { RunningPyodide } from "./kernel.ts";
import type { LockedWheel } from "./lock-reader.ts";
import { admitsPython } from "./python-version.ts";
import { normalized } from "./table.ts";
import type { PlainWheel } from "./wheel.ts";

/** What is used of `pyodide`. */
export interface BootedPyodide extends RunningPyodide {
  readonly loadedPackages: Record<string, string>;
  readonly _api: {
    readonly lockfile_info: RunningPyodide["_api"]["lockfile_info"] & Readonly<Record<string, unknown>>;
    loadDynlib(path: string): Promise<unknown>;
  };
}

/**
 * The packages that are named, and all that they need.
 * @throws LockError with code `unknown-root`.
 */
export function closure(wheels: readonly LockedWheel[], names: readonly string[]): readonly LockedWheel[] {
  const byName = new Map(wheels.map((wheel) => [wheel.name, wheel]));
  const found = new Map<string, LockedWheel>();
  const queue = names.map(normalized);
  for (const name of queue) {
    const wheel = byName.get(name);
    if (wheel === undefined) {
      throw new LockError("unknown-root", "the lock does not hold a package that was asked for", { got: name });
    }
    if (!found.has(name)) {
      found.set(name, wheel);
      queue.push(...wheel.depends);
    }
  }
  return wheels.filter(({ name }) => found.has(name));
}

const LOOPBACK = /^(?:localhost|127\.0\.0\.1|\[::1\])$/;

/**
 * The address of a wheel.
 *
 * @param base Where the lock is.
 * @throws LockError with codes `relative-url`, and `insecure` for `http:` to another place than this machine or the
 *   lock's own.
 */
export function absolute(wheel: Pick<LockedWheel, "name" | "url">, base: string | undefined): string {
  const where = `packages.${wheel.name}.file_name`;
  let address: URL;
  try {
    address = new URL(wheel.url, base);
  } catch {
    const hint = "say where the lock is: base";
    throw new LockError("relative-url", `the lock names a relative file for ${wheel.name}`, { where, got: wheel.url, hint });
  }
  const { protocol, hostname, origin } = address;
  if (protocol === "http:" && !LOOPBACK.test(hostname) && (base === undefined || origin !== new URL(base).origin)) {
    const sides = { expected: "https:", got: address.href };
    throw new LockError("insecure", `the wheel of ${wheel.name} would come over an open connection`, { where, ...sides });
  }
  return address.href;
}

const HERE = /^(?:(?:.*\.)?localhost|127\.0\.0\.1)$/;

/**
 * What comes from the web may not lead to this machine.
 * @throws LockError with code `private-address`.
 */
export function checkInside({ hostname, href }: URL, base: string | undefined, what: string): void {
  if (HERE.test(hostname) && base !== undefined && !HERE.test(new URL(base).hostname)) {
    const hint = "if you trust it, save the lock, and serve it from there";
    throw new LockError("private-address", `an address of this machine is named for ${what}`, { where: what, got: href, hint });
  }
}

/** @throws LockError with code `abi-mismatch`. */
export function checkAbi(lock: Abi, info: Readonly<Record<string, unknown>>): void {
  const text = (key: string): string => String(info[key] ?? "");
  const runtime: Abi = { abiVersion: text("abi_version"), arch: text("arch"), platform: text("platform"), python: text("python") };
  if (lock.abiVersion !== runtime.abiVersion || lock.arch !== runtime.arch) {
    throw otherAbi(lock, runtime);
  }
}

/** The error for a lock of another ABI. */
export function otherAbi(lock: Abi, runtime: Abi): LockError {
  const [theirs, here] = [named(lock.abiVersion), named(runtime.abiVersion)];
  return new LockError("abi-mismatch", `the lock is built for ${theirs}, this is ${here}`, {
    where: lock.abiVersion === runtime.abiVersion ? "info.arch" : "info.abi_version",
    expected: `${runtime.abiVersion} (${runtime.arch}), this runtime`,
    got: `${lock.abiVersion} (${lock.arch}), the lock`,
    hint: `boot it in ${theirs}, or freeze again in this one`,
  });
}

/** Where things are in a runtime. */
export interface Place {
  readonly site: string;
  readonly prefix: string;
  /** The standard library's archive. */
  readonly stdlib: string;
  readonly python: string;
}

export function placeOf(pyodide: Pick<BootedPyodide, "runPython">): Place {
  const told = pyodide.runPython(`
(lambda json, site, sys: json.dumps({
    "site": site.getsitepackages()[0],
    "prefix": sys.prefix,
    "stdlib": next((path for path in sys.path if path.endswith(".zip")), ""),
    "python": ".".join(map(str, sys.version_info[:3])),
}))(*map(__import__, ("json", "site", "sys")))
`);
  return JSON.parse(String(told)) as Place;
}

/**
 * Have Python look anew where modules are: `importlib.invalidate_caches()`, which would load `importlib.metadata` first, only to
 * find that what is not loaded keeps nothing.
 */
export function lookAnew(pyodide: Pick<BootedPyodide, "runPython">): void {
  pyodide.runPython(`
def __micropip_lock_look_anew():
    import sys

    if "importlib.metadata" in sys.modules:
        sys.modules["importlib"].invalidate_caches()
        return
    for place, finder in list(sys.path_importer_cache.items()):
        if finder is None or not place.startswith("/"):
            del sys.path_importer_cache[place]
        elif hasattr(finder, "invalidate_caches"):
            finder.invalidate_caches()
    for finder in sys.meta_path:
        if getattr(finder, "__name__", "") != "PathFinder" and hasattr(finder, "invalidate_caches"):
            finder.invalidate_caches()
globals().pop("__micropip_lock_look_anew")()
`);
}

/** @throws LockError with codes `not-plain`, `requires-python`. */
export function checkWheel(wheel: LockedWheel, opened: PlainWheel | null, python: string): asserts opened is PlainWheel {
  const where = wheel.filename;
  const hint = "replay it from Python, which says more: await micropip_lock.replay(lock)";
  if (opened === null) {
    throw new LockError("not-plain", `something about the wheel of ${wheel.name} is not ordinary`, { where, hint });
  }
  const admitted = admitsPython(opened.requiresPython, python);
  if (admitted === null) {
    throw new LockError("not-plain", `what ${wheel.name} requires of Python is not written plainly`, { where, hint });
  }
  if (!admitted) {
    const sides = { expected: `Python ${opened.requiresPython}`, got: python };
    throw new LockError("requires-python", `the wheel of ${wheel.name} is for another Python`, { where, ...sides });
  }
}

/** @throws LockError with code `import-clash`. */
export function checkImportNames(wheels: readonly Declaring[]): void {
  const clash = importClash(wheels);
  if (clash !== null) {
    const got = clash.names.join(" and ");
    throw new LockError("import-clash", `wheels of the lock declare the same import name, ${clash.module}`, {
      where: "METADATA, Import-Name",
      got,
      hint: "freeze an environment without one of them",
    });
  }
}

/**
 * Open an extension module before it is imported: compiled asynchronously, so that pages can, too.
 * @throws LockError with code `extension-load`.
 */
export async function loadExtension(pyodide: Pick<BootedPyodide, "_api">, path: string): Promise<void> {
  try {
    await pyodide._api.loadDynlib(path);
  } catch (error) {
    throw new LockError("extension-load", `the extension module ${path.split("/").at(-1)} cannot be loaded`, {
      where: path,
      got: String(error),
      hint: "it was built for another Pyodide, or needs a library that is not installed; nothing was changed",
    });
  }
}
