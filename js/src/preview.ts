/**
 * What a person has to know before a lock of somebody else is installed, as data.
 *
 * Rules this file keeps:
 *
 * 1. Everything is read from the lock and from what the caller says of the place; nothing is asked of the network.
 * 2. What a lock cannot tell is said, too (`UNTOLD`): a preview never looks complete when it is not.
 * 3. A preview of the same lock in the same place has the same JSON and the same text in Python
 *    (`micropip_lock/core/preview.py`, `tests/vectors/previews.json`).
 * 4. Consent cannot lift what is refused, nor more hosts than a person can judge: such a lock has no preview.
 *
 * Left to others: how it looks (`preview-text.ts`, `preview-element.ts`), who is asked, and what follows (`consent.ts`).
 */

import { named } from "./abis.ts";
import { absolute, checkInside } from "./boot-place.ts";
import { LockError } from "./errors.ts";
import { WORDS } from "./link-names.ts";
import type { LockedWheel, ReadLock } from "./lock-reader.ts";
import { humanSize } from "./preview-text.ts";

export const UNTOLD =
  "A lock does not tell what the code does, nor whether a wheel has a .pth file, whose lines run at each start of Python.";

/** Names that a person takes for the package that everybody knows, wherever they come from. */
const KNOWN_NAMES: ReadonlySet<string> = new Set([
  ...WORDS.map((word) => word.split("=", 1)[0] as string),
  ..."cffi cryptography fastapi lxml orjson protobuf pyarrow".split(" "),
]);

/** Hosts of one lock that a person can judge. */
export const MOST_HOSTS = 8;
const ASK_ABOVE_BYTES = 100 * 2 ** 20;

/** Where files of the lock are. */
export interface PreviewedHost {
  /** Empty for files that lie beside the lock. */
  readonly host: string;
  readonly packages: number;
  /** Bytes, as far as the lock states them. */
  readonly size: number;
}

export interface PreviewedPackage {
  readonly name: string;
  readonly version: string;
  /** Bytes, when the lock states them. */
  readonly size: number | null;
  /** Where its file is; empty beside the lock. */
  readonly host: string;
  /** Where the lock says it was found by name. */
  readonly index: string | null;
  /** It has, or may have, compiled code. */
  readonly native: boolean;
  /** Somebody asked for it, in contrast to being a dependency. */
  readonly requested: boolean;
  /** What it does to what is installed, when that is known. */
  readonly change: "adds" | "same" | "replaces" | null;
  readonly installed: string | null;
}

/** Something to look at twice: `unusual-host`, `start-pack`, `abi-mismatch`, `large-download`, `native-code`, `yanked`. */
export interface PreviewWarning {
  readonly code: string;
  readonly message: string;
  readonly packages: readonly string[];
}

/** What a lock would do, for a person to decide about. */
export interface Preview {
  /** The lock's identity: 64 hexadecimal characters. */
  readonly lock: string;
  /** What it is for, in words. */
  readonly abi: string;
  readonly standing: "new" | "approved" | "running";
  /** Who is asked for files, the one with most packages first. */
  readonly hosts: readonly PreviewedHost[];
  /** Where the lock says its packages were found. */
  readonly indexes: readonly string[];
  /** Sorted by name. */
  readonly packages: readonly PreviewedPackage[];
  /** Bytes of all files, as far as the lock states them. */
  readonly download: number;
  /** How many files the lock states no size of. */
  readonly unsized: number;
  /** Names that are installed here and are not in the lock. */
  readonly beside: readonly string[];
  /** The gravest first. */
  readonly warnings: readonly PreviewWarning[];
}

/** What is known of the place that a lock would be installed in; by default nothing. */
export interface Here {
  /** Versions by normalised name. */
  readonly installed?: Readonly<Record<string, string>>;
  /** ABI of the runtime, e.g. `2026_0`. */
  readonly abi?: string;
  /** Identity of the lock that is in place already. */
  readonly running?: string | null;
  /** Whether this site may install a lock without asking, because a person said so. */
  readonly isApproved?: (id: string) => boolean;
  /**
   * Hosts that known packages come from: of an index's files, of the runtime's distribution. Without any, the host that more
   * of the lock's packages come from than from any other counts as usual.
   */
  readonly usualHosts?: readonly string[];
  /** Address of the page that opens the lock: what comes from the web may not lead to this machine. */
  readonly page?: string;
  /** Hosts of one lock: 8. */
  readonly maxHosts?: number;
}

/**
 * What a lock would do.
 *
 * @param id Its identity (`lockId`).
 * @param base Where the lock is.
 * @throws LockError with codes `too-many-hosts`, `insecure`, `private-address`, `relative-url`.
 */
export function previewLock(lock: ReadLock, id: string, base: string | undefined, here: Here = {}): Preview {
  const { installed, usualHosts = [], maxHosts = MOST_HOSTS } = here;
  const packages = lock.wheels.map((wheel) => previewed(wheel, base, here));
  const start = lock.start && hostOf({ name: "the start pack", ...lock.start }, base, here.page);
  const hosts = hostsOf(packages, start);
  const asked = hosts.map(({ host }) => host).filter((host) => host !== "");
  if (asked.length > maxHosts) {
    throw new LockError("too-many-hosts", "the lock's files are on many hosts", {
      where: "packages",
      expected: `at most ${maxHosts}`,
      got: `${asked.length}: ${asked.sort().slice(0, 12).join(", ")}${asked.length > 12 ? ", …" : ""}`,
      hint: "nobody can judge so many; a replay from Python may, by its policy",
    });
  }
  const names = new Set(packages.map(({ name }) => name));
  const indexes = new Set(packages.flatMap(({ index }) => index ?? []));
  return {
    lock: id,
    abi: named(lock.abi.abiVersion),
    standing: here.running === id ? "running" : here.isApproved?.(id) ? "approved" : "new",
    hosts,
    indexes: [...indexes].sort(),
    packages,
    download: bytesOf(packages),
    unsized: packages.filter(({ size }) => size === null).length,
    beside: Object.keys(installed ?? {})
      .filter((name) => !names.has(name) && !lock.site.includes(name))
      .sort(),
    warnings: warningsOf(lock, packages, here.abi, usualHosts, start),
  };
}

function previewed(wheel: LockedWheel, base: string | undefined, { installed, page }: Here): PreviewedPackage {
  const { name, version, size, origin, requested, filename } = wheel;
  const there = installed !== undefined && Object.hasOwn(installed, name) ? (installed[name] as string) : null;
  return {
    name,
    version,
    size,
    host: hostOf(wheel, base, page),
    index: origin?.index ?? null,
    native: !filename.toLowerCase().endsWith("-any.whl"),
    requested,
    change: installed === undefined ? null : there === null ? "adds" : there === version ? "same" : "replaces",
    installed: there,
  };
}

/** Where the file of a wheel is asked for; a lock that says no place is judged when it is known. */
function hostOf(wheel: Pick<LockedWheel, "name" | "url">, base: string | undefined, page: string | undefined): string {
  if (base === undefined && !/^https?:/.test(wheel.url)) {
    return "";
  }
  const address = new URL(absolute(wheel, base));
  checkInside(address, base, wheel.name);
  checkInside(address, page, wheel.name);
  return address.hostname;
}

function hostsOf(packages: readonly PreviewedPackage[], more: string | null = null): PreviewedHost[] {
  const groups = new Map<string, PreviewedPackage[]>(more === null ? [] : [[more, []]]);
  for (const one of packages) {
    groups.set(one.host, [...(groups.get(one.host) ?? []), one]);
  }
  const found = [...groups].map(([host, group]) => ({ host, packages: group.length, size: bytesOf(group) }));
  return found.sort((a, b) => b.packages - a.packages || (a.host < b.host ? -1 : 1));
}

function bytesOf(packages: readonly PreviewedPackage[]): number {
  return packages.reduce((sum, { size }) => sum + (size ?? 0), 0);
}

function warningsOf(
  { abi, wheels }: ReadLock,
  packages: readonly PreviewedPackage[],
  here: string | undefined,
  usualHosts: readonly string[],
  start: string | null,
): PreviewWarning[] {
  const found = unusual(packages, usualHosts);
  const add = (code: string, message: string, names: readonly string[] = []): unknown =>
    found.push({ code, message, packages: names });
  // Its code runs before the wheels, which would prove it, are there.
  if (start !== null && packages.every(({ host }) => host !== start)) {
    add("start-pack", `what is imported first comes from ${start || "beside the lock"}, in one file by whoever made the lock`);
  }
  if (here !== undefined && here !== abi.abiVersion) {
    add("abi-mismatch", `the lock is built for ${named(abi.abiVersion)}, this is ${named(here)}`);
  }
  if (bytesOf(packages) > ASK_ABOVE_BYTES) {
    add("large-download", `this is a large download, more than ${humanSize(ASK_ABOVE_BYTES)}`);
  }
  const native = packages.filter((one) => one.native);
  if (native.length > 0) {
    add("native-code", "with compiled code", native.map(({ name }) => name));
  }
  const yanked = wheels.filter((one) => one.yanked !== false && one.yanked !== "");
  if (yanked.length > 0) {
    add("yanked", "withdrawn by the index (yanked)", yanked.map(({ name }) => name));
  }
  return found;
}

/** Known names that come from a host that they do not usually come from, host by host. */
function unusual(packages: readonly PreviewedPackage[], usualHosts: readonly string[]): PreviewWarning[] {
  const most = hostsOf(packages).filter((one, at, [, second]) => at === 0 && one.packages > (second?.packages ?? 0));
  const usual = [...new Set(usualHosts.length > 0 ? usualHosts : most.map(({ host }) => host))].sort();
  const odd = new Map<string, string[]>();
  for (const { name, host } of packages) {
    if (KNOWN_NAMES.has(name) && host !== "" && usual.length > 0 && !usual.includes(host)) {
      odd.set(host, [...(odd.get(host) ?? []), name]);
    }
  }
  return [...odd].sort(([a], [b]) => (a < b ? -1 : 1)).map(([host, names]) => ({
    code: "unusual-host",
    message: `well known, and from ${host} instead of ${usual.join(" or ")}`,
    packages: names,
  }));
}
