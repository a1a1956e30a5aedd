/**
 * Versions of Python distributions: whether a text is one, and whether two texts are the same one.
 *
 * Source: version specifiers (PEP 440, "Normalization"). Agrees with Python's `packaging` through
 * `tests/vectors/lock_read.json`.
 */

const PRE = "(?:[-_.]?(?<pre>alpha|beta|preview|pre|rc|a|b|c)[-_.]?(?<preNumber>[0-9]*))?";
const POST = "(?:-(?<implicit>[0-9]+)|[-_.]?(?<post>post|rev|r)[-_.]?(?<postNumber>[0-9]*))?";
const DEV = "(?:[-_.]?(?<dev>dev)[-_.]?(?<devNumber>[0-9]*))?";
const LOCAL = "(?:\\+(?<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?";
const VERSION = new RegExp(`^v?(?:(?<epoch>[0-9]+)!)?(?<release>[0-9]+(?:\\.[0-9]+)*)${PRE}${POST}${DEV}${LOCAL}$`, "i");
const SPELLINGS: Readonly<Record<string, string>> = { alpha: "a", beta: "b", c: "rc", pre: "rc", preview: "rc" };
const MOST_CHARACTERS = 128;

/** One text for all spellings of a version; `null` when it is none, or is longer than a lock may say. */
export function versionKey(text: string): string | null {
  const groups = text.length <= MOST_CHARACTERS ? VERSION.exec(text.trim())?.groups : undefined;
  if (groups === undefined) {
    return null;
  }
  const { epoch, release = "", pre, preNumber, implicit, post, postNumber, dev, devNumber, local } = groups;
  const letters = pre?.toLowerCase();
  return [
    `${number(epoch)}!`,
    release.split(".").map(number).join(".").replace(/(?:\.0)+$/, ""),
    letters === undefined ? "" : `${SPELLINGS[letters] ?? letters}${number(preNumber)}`,
    implicit === undefined && post === undefined ? "" : `.post${number(implicit ?? postNumber)}`,
    dev === undefined ? "" : `.dev${number(devNumber)}`,
    local === undefined ? "" : `+${local.toLowerCase().split(/[-_.]/).map(segment).join(".")}`,
  ].join("");
}

function number(digits: string | undefined): string {
  return (digits ?? "").replace(/^0+(?=.)/, "") || "0";
}

function segment(text: string): string {
  return /^[0-9]+$/.test(text) ? number(text) : text;
}
