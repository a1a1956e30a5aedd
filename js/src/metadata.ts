/**
 * METADATA, WHEEL and entry_points.txt, when everything in them is ordinary.
 *
 * Rules this file keeps: what is taken here, `micropip_lock/core/wheel_metadata.py` and `entry_points.py` take without
 * a warning, and read the same in it. A field that matters stands on one line; a line that is no field ends nothing.
 *
 * Source: "Core metadata specifications" (2.5), binary distribution format (PEP 427), "Entry points specification".
 */

import { isPlainRequirement, isPlainSpecifier } from "./requirement.ts";

/** The fields that are looked at. */
export interface PlainFields {
  readonly name: string;
  readonly version: string;
  /** `""` when there is none. */
  readonly requiresPython: string;
}

const KNOWN = /^(?:1\.[0-2]|2\.[0-5])$/;
const NAME = /^[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*$/;
const FIELD_NAME = /^[A-Za-z0-9-]+$/;
const ASCII = /^[\t\n\r -~]*$/;
const WHEEL_VERSION = /^wheel-version:[ \t]*1\.[0-9]{1,9}[ \t]*$/i;
const ONCE = ["metadata-version", "name", "version", "requires-python"];

/** Read METADATA; `null` when a field that matters is not ordinary. */
export function readMetadata(text: string): PlainFields | null {
  const plain = text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
  const stop = plain.indexOf("\n\n");
  const fields = new Map<string, string>();
  let last = "";
  for (const line of (stop < 0 ? plain.replace(/\n$/, "") : plain.slice(0, stop)).split("\n")) {
    if (line.startsWith(" ") || line.startsWith("\t")) {
      if (last === "" || isRead(last)) {
        return null;
      }
      continue;
    }
    const colon = line.indexOf(":");
    last = line.slice(0, Math.max(colon, 0)).toLowerCase();
    if (!FIELD_NAME.test(last)) {
      return null;
    }
    if (!isRead(last)) {
      continue;
    }
    // ASCII has the same blanks everywhere.
    const value = line.slice(colon + 1).trim();
    if (!ASCII.test(line)) {
      return null;
    }
    if (last === "requires-dist") {
      if (!isPlainRequirement(value)) {
        return null;
      }
    } else if (fields.has(last)) {
      return null;
    } else {
      fields.set(last, value);
    }
  }
  const [format, name = "", version = "", requiresPython = ""] = ONCE.map((field) => fields.get(field));
  if (!KNOWN.test(format ?? "") || !NAME.test(name) || (requiresPython !== "" && !isPlainSpecifier(requiresPython))) {
    return null;
  }
  return { name, version, requiresPython };
}

function isRead(field: string): boolean {
  return field === "requires-dist" || ONCE.includes(field);
}

/** Whether WHEEL names one format, one that is known. */
export function isPlainWheelFile(text: string): boolean {
  const lines = text.split(/\r?\n/).filter((line) => /^wheel-version:/i.test(line));
  return ASCII.test(text) && !/\r(?!\n)/.test(text) && lines.length === 1 && WHEEL_VERSION.test(lines[0] ?? "");
}

const SCRIPT_GROUP = /console_scripts|gui_scripts/;
/** A heading that ends a group for every reader. */
const HEADING = /^\[[^[\]]+\][ \t]*$/;
const SCRIPT = /^[A-Za-z0-9][A-Za-z0-9_.+ -]*\t*=[ \t]*\w+(?:\.\w+)*(?:[ \t]*:[ \t]*\w+(?:\.\w+)*)?[ \t]*(?:\[[^[\]]*\])?$/;

/** Whether every script in entry_points.txt has an ordinary name and reference; other groups are nobody's business. */
export function isPlainEntryPoints(text: string): boolean {
  if (!ASCII.test(text)) {
    return false;
  }
  let areScripts = false;
  return text.split(/\r\n?|\n/).every((raw) => {
    const line = raw.trim();
    if (line.startsWith("[")) {
      areScripts = SCRIPT_GROUP.test(line) || (areScripts && !HEADING.test(raw));
      return true;
    }
    return !areScripts || !line.includes("=") || line.startsWith("#") || line.startsWith(";") || SCRIPT.test(line);
  });
}
