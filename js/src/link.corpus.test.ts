import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it, vi } from "vitest";
import { decodeLink } from "./link.ts";
import { readLock } from "./lock-reader.ts";

// The links of the corpus of bad input that Python runs as well (tests/corpus).
const root = fileURLToPath(new URL("../../", import.meta.url));
const corpus = mkdtempSync(join(tmpdir(), "links-"));
execFileSync(join(root, ".venv/bin/python"), ["-m", "tests.corpus.generate.writer", corpus, "K"], { cwd: root, stdio: "ignore" });
afterAll(() => rmSync(corpus, { recursive: true }));

const cases = readdirSync(join(corpus, "links")).map((name) => ({
  link: readFileSync(join(corpus, "links", name, "input.txt"), "utf8"),
  ...(JSON.parse(readFileSync(join(corpus, "links", name, "expect.json"), "utf8")) as Record<"id" | "title" | "error" | "code", string>),
}));

async function opened(link: string): Promise<unknown> {
  const found = await decodeLink(link);
  return found.form === "full" ? readLock(found.text).wheels.map(({ name }) => name) : found.form;
}

describe("the links of the corpus", () => {
  it("are there", () => {
    expect(cases.length).toBeGreaterThan(35);
  });

  it.each(cases.filter(({ error }) => error === "LinkError"))("$id: refuses $title", async ({ link, code }) => {
    const request = vi.spyOn(globalThis, "fetch");
    await expect(opened(link)).rejects.toMatchObject({ tag: "micropip-lock", code });
    expect(request).not.toHaveBeenCalled();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it.each(cases.filter(({ error }) => error === ""))("$id: takes $title", async ({ link }) => {
    expect(await opened(link)).toEqual(["six"]);
  });

  // What a policy forbids, it forbids once the link is read; numbers for hosts are not plain to a page.
  it.each(cases.filter(({ error }) => error === "LockPolicyError"))("$id: reads $title", async ({ link, id }) => {
    const code = await opened(link).then(() => "", (error) => error.code);
    expect(code).toBe(["K18", "K18b"].includes(id) ? "not-plain" : "");
  });
});
