/**
 * What a replay leaves in a distribution's dist-info: where it came from. The bytes are those that
 * `micropip_lock/app/installs.py` and `core/dist_info.py` write (`tests/vectors/records.json`).
 *
 * Rules this file keeps:
 *
 * 1. Addresses and requirements are plain (`address.ts`), so that nothing has to be taken out of them before they are
 *    written down; one that is not plain is refused, never written as it is.
 * 2. A place on this machine is no origin: what nobody else can be asked for is recorded as a local file.
 *
 * Source: PEP 610 (`direct_url.json`), RFC 6920 (`ni:`).
 */

import { isPlainAddress } from "./address.ts";
import { Digest } from "./digest.ts";
import { LockError } from "./errors.ts";
import { hexOf } from "./hash.ts";
import { byCodePoint } from "./json.ts";
import type { LockedWheel, Origin } from "./lock-reader.ts";

const FORMAT = 1;
const INSTALLER = "micropip-lock";
/** None of these: neither an address nor anything that Python's `public_requirement` would look for a password in. */
const ADDRESS_MARKS = /[@/\\?#:]/;

type Value = boolean | number | string | readonly string[];

/**
 * The files to write into dist-info beside the wheel's own: name to text.
 *
 * @param wheel What the lock says.
 * @param address Where its bytes are from: absolute.
 * @param recordText RECORD as the wheel has it.
 * @throws LockError with code `not-plain`.
 */
export async function recordFiles(wheel: LockedWheel, address: string, recordText: string): Promise<Record<string, string>> {
  const origin = originOf(wheel, address);
  const facts: Record<string, Value> = {
    version: FORMAT,
    source: origin.kind,
    url: origin.kind === "local" ? origin.url : plain(origin.url),
    sha256: wheel.sha256,
    requested: wheel.requested,
  };
  if (wheel.size !== null) {
    facts["size"] = wheel.size;
  }
  if (wheel.uploadTime !== null) {
    facts["upload-time"] = wheel.uploadTime;
  }
  if (wheel.yanked !== false) {
    facts["yanked"] = wheel.yanked;
  }
  if (wheel.requirement !== null) {
    facts["requirement"] = publicRequirement(wheel.requirement);
  }
  if (wheel.extras.length > 0) {
    facts["extras"] = [...wheel.extras].sort(byCodePoint);
  }
  facts["record"] = await hexOf(new TextEncoder().encode(recordText));
  const files: Record<string, string> = { "micropip-lock.json": `${indented(facts)}\n` };
  if (origin.kind === "index" && origin.index !== null) {
    files["INDEX"] = `${plain(origin.index)}\n`;
  }
  if (origin.kind === "url" || origin.kind === "local") {
    const url = JSON.stringify(origin.kind === "url" ? origin.url : namedInformation(wheel.sha256));
    const hash = wheel.sha256;
    files["direct_url.json"] = `{"archive_info": {"hash": "sha256=${hash}", "hashes": {"sha256": "${hash}"}}, "url": ${url}}\n`;
  }
  return {
    ...files,
    INSTALLER,
    PYODIDE_SOURCE: sourceOf(origin),
    PYODIDE_URL: origin.kind === "local" ? origin.url : plain(address),
    PYODIDE_SHA256: wheel.sha256,
  };
}

/** What the lock says, or the address. */
function originOf(wheel: LockedWheel, address: string): Origin {
  const origin = wheel.origin ?? { kind: "url", url: address, index: null };
  return /^https?:/i.test(origin.url) ? origin : { kind: "local", url: wheel.filename, index: null };
}

/** `PYODIDE_SOURCE`, which `micropip.list()` shows: micropip's own word only where no better is known. */
export function sourceOf({ kind, url, index }: Origin): string {
  if (kind === "index") {
    return index ?? "pypi";
  }
  return kind === "runtime" ? "pyodide" : kind === "local" ? kind : url;
}

function plain(address: string): string {
  if (!isPlainAddress(address)) {
    const hint = "serve the wheels, and name the index, by plain https: addresses";
    throw new LockError("not-plain", "an address that is not written plainly cannot be recorded", { got: JSON.stringify(address), hint });
  }
  return address;
}

function publicRequirement(requirement: string): string {
  const text = requirement.trim().split(/\s+/).join(" ");
  if (ADDRESS_MARKS.test(text)) {
    const got = "a requirement with an address in it";
    throw new LockError("not-plain", "a requirement that cannot be recorded as it is", { expected: "a name and versions", got });
  }
  return text;
}

function namedInformation(hex: string): string {
  const base64 = Digest.fromHex(hex).record.slice("sha256=".length);
  return `ni:///sha-256;${base64}`;
}

/** As Python's `json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)` writes a flat table. */
function indented(facts: Readonly<Record<string, Value>>): string {
  const members = Object.keys(facts)
    .sort(byCodePoint)
    .map((key) => `  ${JSON.stringify(key)}: ${written(facts[key] as Value)}`);
  return `{\n${members.join(",\n")}\n}`;
}

function written(value: Value): string {
  return Array.isArray(value) ? `[\n${value.map((one) => `    ${JSON.stringify(one)}`).join(",\n")}\n  ]` : JSON.stringify(value);
}
