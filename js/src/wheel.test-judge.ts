/**
 * Tells Python's tests what `openWheel` finds: one line of JSON in, one line out. Started once, asked thousands of times.
 *
 * In: `{ "filename", "data" }`, the bytes in base64. Out: the facts and `unreadable`, the files whose content is not
 * what the archive and RECORD say; or `null` for a wheel that is not ordinary.
 */

import { createInterface } from "node:readline";
import { crc32 } from "./crc32.ts";
import { isLockError } from "./errors.ts";
import { pickInflate } from "./inflate.ts";
import { ownSha256 } from "./sha256.ts";
import { openWheel, type PlainEntry } from "./wheel.ts";

const inflate = pickInflate();

function isReadable(bytes: Uint8Array, { start, packedSize, size, method, crc, digest }: PlainEntry): boolean {
  const packed = bytes.subarray(start, start + packedSize);
  try {
    const content = method === 0 ? packed : inflate(packed, size);
    return crc32(content) === crc && (digest === null || Buffer.from(ownSha256(content)).toString("base64url") === digest);
  } catch (error) {
    if (isLockError(error)) {
      return false;
    }
    throw error;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { filename, data } = JSON.parse(line);
  const bytes = new Uint8Array(Buffer.from(data, "base64"));
  const wheel = openWheel(bytes, filename, inflate);
  const unreadable = wheel?.entries.filter((entry) => !isReadable(bytes, entry)).map(({ path }) => path);
  process.stdout.write(`${JSON.stringify(wheel && { ...wheel, unreadable })}\n`);
}
