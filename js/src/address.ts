/**
 * Addresses as a lock may name them, as far as they are written plainly.
 *
 * Rules this file keeps:
 *
 * 1. What is taken here, `micropip_lock/core/address.py` takes, and `public_url` of `core/redact.py` leaves as it is.
 * 2. What is refused there with a code is refused here with that code. What is taken there and is not plain (a query,
 *    user information from the environment, another case) is refused with `not-plain`.
 */

import { LockError } from "./errors.ts";

const HOST = "(?:127\\.0\\.0\\.1|(?:[a-z0-9-]+\\.)*[a-z][a-z0-9-]*)";
const PORT = "(?::(?:[1-5]?[0-9]{1,4}|6[0-4][0-9]{3}))?";
const PATH = "(?:[A-Za-z0-9._+!~@,=/-]|%[0-9A-Fa-f]{2})*";
const WEB = new RegExp(`^https?://${HOST}${PORT}/${PATH}$`);
const RELATIVE = new RegExp(`^(?!//)${PATH}$`);
const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/;
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/;
const SECRET =
  /^(?:(?:.*[_-])?(?:token|secret|password|passwd|pwd|signature|sig|credential|credentials|auth|apikey|api[_-]key|jwt)|awsaccesskeyid|x-(?:amz|goog)-.*)$/i;
const ENCODED = /%(?:2e|2f|5c|00)/i;

/** Whether an address of the web is one that nothing is odd about. */
export function isPlainAddress(text: string): boolean {
  return WEB.test(text) && !DOT_SEGMENT.test(text) && !hasEncodedPath(text);
}

/**
 * Check the address of a wheel, or of an index.
 *
 * @param relative Whether a path relative to the lock is allowed.
 * @throws LockError with codes `url`, `scheme`, `credentials`, `filename`, `not-plain`.
 */
export function checkAddress(text: string, where: string, { relative }: { relative: boolean }): void {
  if (isPlainAddress(text)) {
    return;
  }
  const expected = "https:, http: or a path relative to the lock, written plainly";
  const refuse = (code: string, message: string, got = JSON.stringify(text)): LockError =>
    new LockError(code, message, { where, expected, got });
  if (text === "" || /[\\\s]/.test(text)) {
    throw refuse("url", "not an address");
  }
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase() ?? "";
  if (!["https", "http", "file", ""].includes(scheme) || (scheme === "" && text.startsWith("//"))) {
    throw refuse("scheme", "an address of a kind that is not fetched", scheme === "" ? '"//"' : `"${scheme}:"`);
  }
  if (scheme === "" && !relative) {
    throw refuse("url", "a relative address");
  }
  if (hasCredentials(text)) {
    throw refuse("credentials", "an address with credentials", "an address that must not be shown");
  }
  const path = text.split(/[?#]/, 1)[0] ?? "";
  if (hasEncodedPath(path)) {
    throw refuse("filename", "an encoded path separator or dot");
  }
  if (scheme === "" && RELATIVE.test(text)) {
    return;
  }
  throw refuse("not-plain", "an address that is not written plainly");
}

/** The file that a plain address names: the last segment of its path, percent-decoded. */
export function fileOf(address: string): string {
  const name = (address.split(/[?#]/, 1)[0] ?? "").split("/").at(-1) ?? "";
  try {
    return decodeURIComponent(name);
  } catch {
    // Escapes that are not UTF-8: no wheel is called so.
    return "";
  }
}

function hasCredentials(text: string): boolean {
  const rest = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(text);
  if (rest?.[1]?.includes("@") && !/^\$\{[A-Za-z0-9_-]+\}(?::\$\{[A-Za-z0-9_-]+\})?@/.test(rest[1])) {
    return true;
  }
  const [, after = ""] = /[?#](.*)$/s.exec(text) ?? [];
  return after.split(/[&;#]/).some((pair) => SECRET.test((decoded(pair.split("=", 1)[0] ?? "").split("[", 1)[0] ?? "")));
}

/** Also what becomes a path only when it is decoded a second time. */
function hasEncodedPath(path: string): boolean {
  return ENCODED.test(path) || ENCODED.test(path.replace(/%25/g, "%"));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}
