/**
 * A lock's identity, agreeing with Python's `Lock.id` through `tests/vectors/lock_id.json`.
 *
 * Left to others: what the fields of a lock mean (`micropip_lock/core/formats`).
 */

import { LockError } from "./errors.ts";
import { canonicalJson, type Json, parseJson } from "./json.ts";
import { sha256Hex } from "./sha256-hex.ts";

/**
 * SHA-256, in lower-case hexadecimal, of the canonical JSON of a lock without upload times.
 *
 * @param text The lock, `pyodide-lock.json` in any layout.
 * @throws LockError (as a rejection) with the codes of `parseJson`, with `type` when the text is no object, and with
 *   `no-subtle-crypto` in a page that is no secure context.
 */
export async function lockId(text: string): Promise<string> {
  const lock = parseJson(text);
  if (!(lock instanceof Map)) {
    throw new LockError("type", "a lock is a JSON object", { expected: "an object", got: canonicalJson(lock).slice(0, 40) });
  }
  return await sha256Hex(canonicalJson(withoutUploadTimes(lock)));
}

const TOOL = "micropip-lock";

/** A lock without what says when its files were published, which is no part of its identity (ADR 24). */
export function withoutUploadTimes(lock: Map<string, Json>): Map<string, Json> {
  const packages = tableOf(lock.get("packages"));
  const told = [...(packages ?? [])].filter(([, entry]) => ours(entry)?.has("upload-time"));
  if (packages === undefined || told.length === 0) {
    return lock;
  }
  const silent = new Map([...packages, ...told.map(([name, entry]) => [name, silenced(entry as Map<string, Json>)] as const)]);
  const without = new Map(lock).set("packages", silent);
  // The version of our format is there for what only we write.
  const top = ours(without);
  if (top?.size === 1 && top.has("version") && ![...silent.values()].some((entry) => ours(entry) !== undefined)) {
    setTool(without, new Map());
  }
  return without;
}

function silenced(entry: Map<string, Json>): Map<string, Json> {
  const facts = new Map(ours(entry));
  facts.delete("upload-time");
  return setTool(new Map(entry), facts);
}

/** Put our table in place, or take it away when it says nothing. */
function setTool(entry: Map<string, Json>, facts: Map<string, Json>): Map<string, Json> {
  const tool = new Map(tableOf(entry.get("tool")));
  facts.size > 0 ? tool.set(TOOL, facts) : tool.delete(TOOL);
  tool.size > 0 ? entry.set("tool", tool) : entry.delete("tool");
  return entry;
}

function ours(entry: Json | undefined): Map<string, Json> | undefined {
  return tableOf(tableOf(tableOf(entry)?.get("tool"))?.get(TOOL));
}

function tableOf(value: Json | undefined): Map<string, Json> | undefined {
  return value instanceof Map ? value : undefined;
}
