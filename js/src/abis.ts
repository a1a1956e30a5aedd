/**
 * The ABIs of Pyodide: their names in words, and which wheels they take. Agrees with `micropip_lock/core/abis.py`
 * through `tests/vectors/lock_read.json`.
 *
 * Source: PEP 783, PEP 425.
 */

/** What a lock, or a runtime, says of itself. */
export interface Abi {
  readonly abiVersion: string;
  readonly arch: string;
  readonly platform: string;
  readonly python: string;
}

const RELEASES: ReadonlyMap<string, string> = new Map([
  ["2024_0", "0.27"],
  ["2025_0", "0.29"],
  ["2026_0", "314"],
]);
const PYTHONS: ReadonlyMap<string, readonly [number, number]> = new Map([
  ["2024_0", [3, 12]],
  ["2025_0", [3, 13]],
  ["2026_0", [3, 14]],
  ["2026_5", [3, 15]],
]);

/** An ABI in words: `Pyodide 314 (2026_0)`. */
export function named(abiVersion: string): string {
  const release = RELEASES.get(abiVersion);
  return release === undefined ? `a Pyodide of ABI ${abiVersion}` : `Pyodide ${release} (${abiVersion})`;
}

/** Whether a Pyodide of this ABI takes a wheel, by the last three fields of its file name. */
export function takesWheel(abi: Abi, pythons: string, abis: string, platforms: string): boolean {
  const python = PYTHONS.get(abi.abiVersion);
  if (python === undefined) {
    return false;
  }
  return pythons.split(".").some((one) => abis.split(".").some((two) => platforms.split(".").some((three) => takesTag(abi, python, one, two, three))));
}

function takesTag(abi: Abi, [major, minor]: readonly [number, number], python: string, binary: string, platform: string): boolean {
  const interpreter = `cp${major}${minor}`;
  const isOurs = platformsOf(abi).includes(platform);
  if (!isOurs && platform !== "any") {
    return false;
  }
  const [, letters = "", ones = "", rest = ""] = /^(cp|py)([0-9])([0-9]*)$/.exec(python) ?? [];
  if (letters === "" || Number(ones) !== major || (rest.startsWith("0") && rest !== "0")) {
    return false;
  }
  const older = rest === "" || Number(rest) <= minor;
  if (letters === "py") {
    return binary === "none" && older;
  }
  if (binary === "none") {
    return python === interpreter;
  }
  if (platform === "any") {
    return false;
  }
  return (binary === interpreter && python === interpreter) || (binary === "abi3" && rest !== "" && older && Number(rest) >= 2);
}

function platformsOf({ abiVersion, arch, platform }: Abi): readonly string[] {
  const own = [`pyemscripten_${abiVersion}_${arch}`, `pyodide_${abiVersion}_${arch}`];
  return /^emscripten_[0-9]+_[0-9]+_[0-9]+$/.test(platform) ? [...own, `${platform}_${arch}`] : own;
}
