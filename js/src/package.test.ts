import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";

// The npm package as a stranger gets it: installed in a project of its own, imported by its name.
const js = fileURLToPath(new URL("../", import.meta.url));
const project = mkdtempSync(join(tmpdir(), "package-"));
afterAll(() => rmSync(project, { recursive: true }));
const run = (...parts: readonly string[]): string => execFileSync(process.execPath, parts, { cwd: project, encoding: "utf8" });

const PROGRAM = `
import { type Answer, bootFromLock, decodeLink, followLinks, isLockError, type Preview, preview } from "micropip-lock";
import { openStore, type WheelStore } from "micropip-lock/boot.js";

declare function loadPyodide(options: Record<string, unknown>): Promise<never>;
const ask = (): Answer => ({ install: true, remember: false });

export async function open(address: string): Promise<Preview> {
  const link = await decodeLink(address);
  await bootFromLock({ loadPyodide, lock: link, ask, store: true });
  followLinks({ loadPyodide, ask, onInstalled: (_, id) => id.length, onRefused: (error) => isLockError(error) && error.code });
  return await preview(link);
}
export const store: Promise<WheelStore> = openStore();
// @ts-expect-error: an answer is no text.
export const wrong: Answer = "yes";
`;

describe("the npm package", () => {
  it("has types that a strict project takes, and modules that work without a bundler", () => {
    run(join(js, "package.mjs"), join(project, "node_modules", "micropip-lock"));
    writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }));
    writeFileSync(join(project, "program.ts"), PROGRAM);
    const strict = ["--strict", "--exactOptionalPropertyTypes", "--noEmit", "--skipLibCheck", "false", "--target", "es2022"];
    const resolving = ["--module", "nodenext", "--moduleResolution", "nodenext", "--lib", "es2022,dom,dom.iterable", "--types", ""];
    run(join(js, "node_modules", "typescript", "bin", "tsc"), ...strict, ...resolving, "program.ts");
    writeFileSync(
      join(project, "program.mjs"),
      'import { decodeLink } from "micropip-lock"; await decodeLink("#lock=").catch(({ code }) => console.log(code));',
    );
    expect(run("program.mjs")).toBe("empty\n");
  });
});
