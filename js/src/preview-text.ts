/**
 * A preview as text.
 *
 * Rules this file keeps:
 *
 * 1. No text of a lock can hide, reorder or break others: what would not show is replaced.
 * 2. The text is that of `micropip_lock/core/preview_text.py`, line for line.
 *
 * Left to others: what is in it (`preview.ts`).
 */

import { type Preview, type PreviewedHost, type PreviewedPackage, type PreviewWarning, UNTOLD } from "./preview.ts";

/** Names that a line lists; it says how many more there are. */
const SHOWN_NAMES = 12;
const UNITS = ["kB", "MB", "GB"];

export const STANDING: Readonly<Record<Preview["standing"], string>> = {
  new: "new: this site has not installed this lock before, as far as it remembers",
  approved: "approved: somebody here let this site install this lock without asking",
  running: "running: this lock is in place already",
};

/** A preview as text, one fact a line. */
export function previewLines(preview: Preview): readonly string[] {
  const { packages, lock } = preview;
  return [
    `${summary(preview)}, for ${visible(preview.abi)}`,
    ...facts(preview),
    ...packages.map((one) => `  ${packageCells(one).filter(Boolean).join("  ")}`),
    ...besideLines(preview),
    UNTOLD,
    `lock ${visible(lock)}`,
  ];
}

/** How many packages and bytes. */
export function summary({ packages, unsized, download }: Preview): string {
  const known = `${unsized > 0 ? "at least " : ""}${humanSize(download)} to download`;
  return `${counted(packages.length)}, ${unsized > 0 && download === 0 ? "of sizes that the lock does not state" : known}`;
}

/** Who is asked, where the lock says it found the packages, whether it is new here, and what to look at twice. */
export function facts({ hosts, indexes, standing, warnings }: Preview): readonly string[] {
  return [
    ...hosts.map(hostLine),
    ...indexes.map((index) => `found by name on ${visible(index)}`),
    STANDING[standing],
    ...warnings.map((one) => `warning: ${warningLine(one)}`),
  ];
}

export function besideLines({ beside }: Preview): readonly string[] {
  return beside.length > 0 ? [`also installed here, and not in the lock: ${names(beside)}`] : [];
}

function counted(count: number): string {
  return `${count} package${count === 1 ? "" : "s"}`;
}

function hostLine({ host, packages, size }: PreviewedHost): string {
  return `from ${host === "" ? "beside the lock" : visible(host)}: ${counted(packages)}${size > 0 ? `, ${humanSize(size)}` : ""}`;
}

function warningLine({ message, packages }: PreviewWarning): string {
  return packages.length > 0 ? `${names(packages)}: ${visible(message)}` : visible(message);
}

/** Name, version, size, host, and what it changes. */
export function packageCells({ name, version, size, host, change, installed }: PreviewedPackage): readonly string[] {
  const here = change === "adds" ? "new here" : change === "same" ? "installed" : change === "replaces" ? `replaces ${installed}` : "";
  return [name, version, size === null ? "size not stated" : humanSize(size), host || "beside the lock", here].map(visible);
}

function names(found: readonly string[]): string {
  const more = found.length - SHOWN_NAMES;
  return found.slice(0, SHOWN_NAMES).map(visible).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** Bytes in decimal units, halves rounded up. */
export function humanSize(count: number): string {
  if (count < 1000) {
    return `${count} B`;
  }
  let tenths = 0;
  let power = 0;
  do {
    power += 1;
    tenths = Math.floor((count * 20 + 1000 ** power) / (2 * 1000 ** power));
  } while (tenths >= 10_000 && power < UNITS.length);
  return `${Math.floor(tenths / 10)}.${tenths % 10} ${UNITS[power - 1]}`;
}

/** A text with nothing in it that would not show, or would change how others do. */
export function visible(text: string): string {
  return text.replace(/[\t\n\r]/g, "").replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, "\ufffd");
}
