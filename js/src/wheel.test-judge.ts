/**
 * Tells Python's tests what `openWheel` finds: one line of JSON in, one line out. Started once, asked thousands of times.
 *
 * In: `{ "filename", "data" }`, the bytes in base64. Out: the facts, or `null` for a wheel that is not ordinary.
 */

import { createInterface } from "node:readline";
import { pickInflate } from "./inflate.ts";
import { openWheel } from "./wheel.ts";

const inflate = pickInflate();
for await (const line of createInterface({ input: process.stdin })) {
  const { filename, data } = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(openWheel(new Uint8Array(Buffer.from(data, "base64")), filename, inflate))}\n`);
}
