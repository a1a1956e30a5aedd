/**
 * RECORD of a wheel, when it is written as build tools write it: one line a file, and no line more.
 *
 * Rules this file keeps: what is taken here, `micropip_lock/core/wheel_record.py` takes as an ordinary table; and each
 * size is the one that the archive's directory gives, so that one check of it is enough when the file is read.
 *
 * Source: binary distribution format (PEP 427), "Recording installed projects" (PEP 376, PEP 627).
 * Left to others: whether a file has its digest (who reads it).
 */

import type { DraftEntry, PlainZip } from "./zip.ts";

const COMMA = 44;
const RETURN = 13;
const NEWLINE = 10;
const ALGORITHM = "sha256=";
const DIGEST_LENGTH = 43;
const MOST_DIGITS = 12;

/** Characters of URL-safe base64. */
const BASE64 = new Uint8Array(128);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
  BASE64[character.charCodeAt(0)] = 1;
}
/** 43 characters carry 258 bits; the last two are zero in a digest's one spelling. */
const LAST = "AEIMQUYcgkosw048";

/**
 * Give each file the digest that RECORD has for it.
 *
 * @param text RECORD.
 * @param own RECORD's own path; its row may be missing.
 * @returns Whether the table is ordinary and complete.
 */
export function takeRecord(text: string, own: string, { files, byFolded }: PlainZip): boolean {
  let listed = 0;
  let ownRows = 0;
  // Nearly always the rows are in the order of the archive.
  let guess = 0;
  let at = 0;
  while (at < text.length) {
    let file: DraftEntry | undefined = files[guess];
    if (file === undefined || text.charCodeAt(at + file.path.length) !== COMMA || !text.startsWith(file.path, at)) {
      const comma = text.indexOf(",", at);
      const path = text.slice(at, Math.max(comma, at));
      guess = byFolded.get(path.toLowerCase()) ?? -1;
      file = files[guess];
      if (file?.path !== path) {
        return false;
      }
    }
    guess += 1;
    at += file.path.length + 1;
    if (file.path === own) {
      ownRows += 1;
      if (text.charCodeAt(at) !== COMMA) {
        return false;
      }
      at += 1;
    } else {
      const digest = at + ALGORITHM.length;
      const size = digest + DIGEST_LENGTH + 1;
      at = sizeEnd(text, size, file.size);
      if (at === 0 || file.digest !== null || !text.startsWith(ALGORITHM, digest - ALGORITHM.length) || !isDigest(text, digest)) {
        return false;
      }
      file.digest = text.slice(digest, size - 1);
      listed += 1;
    }
    if (text.charCodeAt(at) === RETURN) {
      at += 1;
      if (text.charCodeAt(at) !== NEWLINE) {
        return false;
      }
    }
    if (at < text.length && text.charCodeAt(at) !== NEWLINE) {
      return false;
    }
    at += 1;
  }
  return ownRows <= 1 && listed === files.length - 1;
}

/** Whether 43 characters of a digest and a comma stand here. */
function isDigest(text: string, at: number): boolean {
  for (let index = at; index < at + DIGEST_LENGTH; index += 1) {
    // Undefined beyond the text and beyond ASCII.
    if (BASE64[text.charCodeAt(index)] !== 1) {
      return false;
    }
  }
  return LAST.includes(text.charAt(at + DIGEST_LENGTH - 1)) && text.charCodeAt(at + DIGEST_LENGTH) === COMMA;
}

/** Offset after the digits of `size`, or 0 when they are not its digits. */
function sizeEnd(text: string, from: number, size: number): number {
  let value = 0;
  let at = from;
  for (; at < from + MOST_DIGITS; at += 1) {
    const digit = text.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9)) {
      break;
    }
    value = value * 10 + digit;
  }
  return at > from && value === size ? at : 0;
}
