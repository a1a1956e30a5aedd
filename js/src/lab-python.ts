/**
 * What is asked of micropip-lock in a running kernel.
 *
 * Rules this file keeps:
 *
 * 1. Code that runs in a person's kernel leaves no name behind, and its texts are data: nothing of a lock becomes code.
 * 2. An error is one of ours, told as such, or the last line of a traceback.
 */

import { LockError } from "./errors.ts";
import type { KernelConnection } from "./lab-types.ts";

const MARK = "micropip-lock: ";

/** What a comparison found. */
export interface Verified {
  readonly ok: boolean;
  readonly packages: number;
  /** What is wrong; one sentence each. */
  readonly findings: readonly string[];
  /** How many packages something is wrong with. */
  readonly differ: number;
}

/** Run the body of an asynchronous Python function that returns a JSON value. */
async function ask<T>(kernel: KernelConnection, body: string, argument: unknown): Promise<T> {
  const lines = body.trim().split("\n").map((line) => `        ${line}`);
  const code = `
async def _micropip_lock(argument):
    import json
    try:
        from micropip_lock.errors import MicropipLockError
    except ImportError:
        return {"error": {"code": "no-micropip-lock", "message": "micropip-lock is not in this kernel", "hint": "%pip install micropip-lock"}}
    try:
${lines.join("\n")}
    except MicropipLockError as error:
        return {"error": error.to_json()}
try:
    print(${JSON.stringify(MARK)} + __import__("json").dumps(await _micropip_lock(__import__("json").loads(${JSON.stringify(JSON.stringify(argument ?? null))}))))
finally:
    del _micropip_lock
`;
  let printed = "";
  let failed: string | null = null;
  const future = kernel.requestExecute({ code, silent: false, store_history: false });
  future.onIOPub = ({ header, content }) => {
    if (header.msg_type === "stream") {
      printed += String(content["text"]);
    } else if (header.msg_type === "error") {
      failed = `${String(content["ename"])}: ${String(content["evalue"])}`;
    }
  };
  await future.done;
  const line = printed.split("\n").find((one) => one.startsWith(MARK));
  if (line === undefined) {
    throw new LockError("kernel", "the kernel did not answer", { got: failed ?? (printed.trim() || "nothing") });
  }
  const answer = JSON.parse(line.slice(MARK.length)) as { value?: T; error?: { code: string; message: string; expected?: string; got?: string; hint?: string } };
  if (answer.error !== undefined) {
    const { code: reason, message, ...facts } = answer.error;
    throw new LockError(reason, message, facts);
  }
  return answer.value as T;
}

/** The kernel's environment as a lock's text. */
export async function freeze(kernel: KernelConnection): Promise<string> {
  return await ask<string>(kernel, "import micropip_lock\nreturn {'value': (await micropip_lock.freeze()).to_json()}", null);
}

/** Compare the kernel with a lock, or with the one that it was started with. */
export async function verify(kernel: KernelConnection, lock: string | null): Promise<Verified> {
  const body = `
import micropip_lock
text = argument
if text is None:
    import pyodide_js
    text = json.dumps({"info": pyodide_js._api.lockfile_info.to_py(), "packages": {
        name: entry for name, entry in pyodide_js._api.lockfile_packages.to_py().items()
        if any(entry["name"] == loaded for loaded in pyodide_js.loadedPackages.object_keys())}})
report = await micropip_lock.verify(text)
return {"value": {"ok": report.ok, "packages": report.packages_checked, "findings": [str(one) for one in report.errors],
    "differ": len({one.package for one in report.errors})}}
`;
  return await ask<Verified>(kernel, body, lock);
}

/** Install exactly what a lock names into the kernel that runs; how many packages that were. */
export async function replay(kernel: KernelConnection, lock: string): Promise<number> {
  const body = "import micropip_lock\nlock = micropip_lock.Lock.from_json(argument)\nawait micropip_lock.replay(lock, policy=micropip_lock.Policy(consent=True))\nreturn {'value': len(lock)}";
  return await ask<number>(kernel, body, lock);
}
