import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { canonicalJson, parseJson } from "./json.ts";
import { decodeLink } from "./link.ts";
import { encodeLink } from "./link-writer.ts";
import { answer } from "./link.test-judge.ts";
import { hexOf } from "./link-outline.ts";
import { lockId } from "./lock.ts";

interface Vector {
  readonly name: string;
  readonly link: string;
  /** Packages of a runtime's lock. */
  readonly runtime?: unknown;
  readonly says: Record<string, unknown>;
}

const text = readFileSync(new URL("../../tests/vectors/links.json", import.meta.url), "utf8");
// The JSON of the file as this reader reads it: numbers of any length, and any key.
const raw = parseJson(text) as Map<string, never>[];
const vectors = (JSON.parse(text) as Vector[]).map((vector, at) => {
  const says = raw[at]?.get("says") as unknown as Map<string, never>;
  const runtime = raw[at]?.get("runtime");
  const lock = says.get("lock");
  return {
    ...vector,
    lock: lock === undefined ? null : canonicalJson(lock),
    runtimeLock: runtime === undefined ? null : `{"packages":${canonicalJson(runtime)}}`,
  };
});

const said = (link: string, runtimeLock: string | null): Promise<unknown> => answer({ link, runtimeLock });

describe("decodeLink", () => {
  it.each(vectors)("says of a link with $name what Python says", async ({ link, says, lock, runtimeLock }) => {
    expect(await said(link, runtimeLock)).toEqual(lock === null ? says : { ...says, lock });
  });

  it("is done at once with a fragment of thousands of parameters", async () => {
    expect(await said(`#${"&lock".repeat(13_000)}`, null)).toEqual({ code: "no-link" });
    expect(await said(`#${"lock=&".repeat(10_000)}`, null)).toEqual({ code: "ambiguous" });
  });

  it("tells a lock of a short link once it is told the rest", async () => {
    const [full, short] = ["an environment", "short"].map((name) => vectors.find((one) => one.name === name));
    const packages = parseJson(full?.lock ?? "") as Map<string, Map<string, Map<string, string>>>;
    const found = await decodeLink(short?.link ?? "");
    if (found.form !== "short") {
      throw new Error(found.form);
    }
    for (const entry of found.entries) {
      const known = packages.get("packages")?.get(entry.name);
      const bytes = (hex: string): Uint8Array => Uint8Array.from(hex.match(/../g) ?? [], (two) => Number.parseInt(two, 16));
      entry.digest = bytes(`${known?.get("sha256")}`);
      entry.path = bytes(`${known?.get("file_name")}`.split("/").slice(-4, -1).join(""));
      entry.size = Number(/"size":([0-9]+)/.exec(canonicalJson(known as never))?.[1]);
      expect(hexOf(entry.digest)).toBe(known?.get("sha256"));
    }
    expect(await found.text()).toBe(full?.lock);
  });
});

describe("encodeLink", () => {
  const locks = vectors.filter((one) => one.lock !== null);

  it.each(locks)("writes of a lock with $name a link that holds it", async ({ lock, says, runtimeLock }) => {
    const options = { ...(runtimeLock === null ? {} : { runtimeLock }), ...(says["base"] ? { base: `${says["base"]}` } : {}) };
    const link = await encodeLink(lock ?? "", options);
    expect(await said(link, runtimeLock)).toEqual({ ...says, lock });
  });

  it.each(locks)("writes of a lock with $name no more than Python does", async ({ lock, link, runtimeLock }) => {
    const [written = ""] = /lock=[^&]*|^1.*/.exec(link.replaceAll("%2D", "-").replaceAll("%2e", ".")) ?? [];
    const ours = await encodeLink(lock ?? "", runtimeLock === null ? {} : { runtimeLock });
    expect(ours.length).toBeLessThan(written.length + 40);
  });

  it("leaves upload times out, and the id with them", async () => {
    const { lock } = vectors.find((one) => one.name === "an environment") ?? {};
    const timed = (lock ?? "").replaceAll('"size"', '"upload-time":"2026-09-14T12:00:00Z","size"');
    expect(timed).not.toBe(lock);
    expect([await lockId(timed), await encodeLink(timed)]).toEqual([await lockId(lock ?? ""), await encodeLink(lock ?? "")]);
  });

  it("refuses what is no lock, and what is too large", async () => {
    await expect(encodeLink("[]")).rejects.toMatchObject({ code: "type" });
    const noise = Array.from({ length: 40_000 }, (_, number) => String.fromCharCode(0x4e00 + ((number * 7919) % 20_000))).join("");
    await expect(encodeLink(JSON.stringify({ noise }))).rejects.toMatchObject({ code: "too-long" });
  });
});
