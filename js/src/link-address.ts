/**
 * Where in an address a lock link is: `#lock=…` or `#lock-url=…;sha256=…`, among other parameters or alone; the same as
 * `micropip_lock/core/link_address.py`.
 */

import { checkAddress } from "./address.ts";
import { LockError } from "./errors.ts";

const PARAMETERS = ["lock", "lock-url"];

/** Characters of a link, before any of it is decoded. */
export const MOST_CHARACTERS = 64 * 1024;

/** A link that says where a lock lies, and what its bytes are. */
export interface Reference {
  readonly form: "reference";
  readonly url: string;
  /** Of the lock's text, lower-case hexadecimal. */
  readonly sha256: string;
}

/**
 * The link in an address or a fragment, or what stands behind `lock=`.
 * @throws LockError with code `too-long`, `no-link`, `in-query`, `ambiguous`, `encoding`, `no-hash`; and those of
 *   `checkAddress`.
 */
export function linkedIn(address: string): string | Reference {
  if (address.length > MOST_CHARACTERS + 2048) {
    throw tooLong(address.length);
  }
  const [, before = "", fragment] = /^([^#]*)(?:#(.*))?$/s.exec(address.trim()) ?? [];
  if (found(/\?(.*)/s.exec(before)?.[1] ?? "").length > 0) {
    const hint = "put # in place of ?";
    const sides = { expected: "#lock=…", got: "?lock=…", hint };
    throw new LockError("in-query", "the lock is in the query of the address, where every server on the way reads it", sides);
  }
  const own = fragment ?? before;
  let links = found(own);
  if (links.length === 0) {
    // What stands behind `lock=`, alone.
    if (fragment !== undefined || /[=:/]/.test(own)) {
      throw new LockError("no-link", "there is no lock link in the address", { expected: "#lock=…" });
    }
    links = [["lock", own]];
  }
  const [[name, value] = ["", ""], ...more] = links;
  if (more.length > 0) {
    throw new LockError("ambiguous", "there are two locks in the address", { expected: "one", got: `${links.length}` });
  }
  if (value.length > MOST_CHARACTERS) {
    throw tooLong(value.length);
  }
  const text = decoded(value);
  return name === "lock" ? text : reference(text);
}

function reference(text: string): Reference {
  const [, url, sha256] = /^(.*);sha256=([0-9a-fA-F]{64})$/s.exec(text) ?? [];
  if (url === undefined || sha256 === undefined) {
    const hint = "without it, whoever has the server decides what is installed";
    const expected = "…;sha256= and 64 hexadecimal characters";
    throw new LockError("no-hash", "the link names a lock without its digest", { expected, hint });
  }
  if (/^file:/i.test(url)) {
    throw new LockError("scheme", "a link that names a file of one machine", { where: "lock-url", got: "file:" });
  }
  checkAddress(url, "lock-url", { relative: false });
  return { form: "reference", url, sha256: sha256.toLowerCase() };
}

function found(parameters: string): [string, string][] {
  return parameters
    .split("&")
    .filter((one) => PARAMETERS.some((name) => one.startsWith(`${name}=`)))
    .map((one) => [one.split("=", 1)[0] as string, one.slice(one.indexOf("=") + 1)]);
}

/** What a mail program encoded is decoded once, and no more. */
function decoded(value: string): string {
  try {
    // Python leaves a % alone that encodes nothing; it is no character of a link.
    return decodeURIComponent(value.replace(/%(?![0-9A-Fa-f]{2})/g, "%25"));
  } catch {
    throw new LockError("encoding", "an encoded character that is none");
  }
}

function tooLong(got: number): LockError {
  return new LockError("too-long", "the link is too long", { expected: `at most ${MOST_CHARACTERS} characters`, got: `${got}` });
}
