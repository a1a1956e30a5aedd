import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decodeLink, type ShortLink } from "./link.ts";
import { resolveLink } from "./link-resolve.ts";

interface Package {
  readonly name: string;
  readonly file_name: string;
  readonly sha256: string;
  readonly tool: { readonly "micropip-lock": { readonly size: number } };
}

const vectors = JSON.parse(readFileSync(new URL("../../tests/vectors/links.json", import.meta.url), "utf8")) as {
  readonly name: string;
  readonly link: string;
  readonly says: { readonly id: string; readonly lock: { readonly packages: Record<string, Package> } };
}[];
const { says, link: full } = vectors.find(({ name }) => name === "an environment")!;
const { link: short } = vectors.find(({ name }) => name === "short")!;
const asked: [string, RequestInit | undefined][] = [];

/** An index with the wheels of the environment, in which something may be altered. */
function index(alter: (file: Record<string, unknown>) => unknown = () => {}): typeof fetch {
  return async (address, options) => {
    asked.push([`${address}`, options]);
    const { file_name: url, sha256, tool } = says.lock.packages[`${address}`.split("/").at(-2) ?? ""]!;
    const file = { filename: url.split("/").at(-1), url, hashes: { sha256 }, size: tool["micropip-lock"].size, other: 0.5 };
    alter(file);
    return Response.json({ files: [{ filename: "other" }, file] });
  };
}

describe("resolveLink", () => {
  it("asks the indexes of a short link, without credentials or referrer, and gives the same lock", async () => {
    asked.length = 0;
    const found = await resolveLink(await decodeLink(short), index());
    expect(found).toEqual(await decodeLink(full));
    expect(asked.map(([address]) => address).sort()[0]).toBe("https://index.example/simple/annotated-types/");
    expect(new Set(asked.map(([, options]) => `${options?.credentials} ${options?.referrerPolicy}`))).toEqual(new Set(["omit no-referrer"]));
  });

  it.each([
    ["another digest", "index-differs", (file: Record<string, unknown>) => (file["hashes"] = { sha256: "0".repeat(64) })],
    ["another size", "index-differs", (file: Record<string, unknown>) => (file["size"] = 1)],
    ["no digest", "not-on-index", (file: Record<string, unknown>) => delete file["hashes"]],
    ["no size", "not-on-index", (file: Record<string, unknown>) => delete file["size"]],
    ["another address", "not-on-index", (file: Record<string, unknown>) => (file["url"] = "x.whl")],
    ["another file", "not-on-index", (file: Record<string, unknown>) => (file["filename"] = "x.whl")],
  ])("refuses an index that states %s", async (_, code, alter) => {
    await expect(resolveLink(await decodeLink(short), index(alter))).rejects.toMatchObject({ code });
  });

  it.each([
    ["says no", async () => new Response("", { status: 404 })],
    ["is not there", () => Promise.reject(new TypeError("no"))],
  ])("tells of an index that %s", async (_, request) => {
    await expect(resolveLink(await decodeLink(short), request)).rejects.toMatchObject({ code: "fetch-failed" });
  });

  it("follows an index nowhere else: those who were named were agreed to", async () => {
    const redirects: (string | undefined)[] = [];
    const request = async (_: unknown, options?: RequestInit): Promise<Response> => {
      redirects.push(options?.redirect);
      return new Response(null, { status: 302, headers: { Location: "https://other.example/" } });
    };
    await expect(resolveLink(await decodeLink(short), request as typeof fetch)).rejects.toMatchObject({ code: "redirect-policy" });
    expect(new Set(redirects)).toEqual(new Set(["manual"]));
  });

  it("stops an answer that does not end", async () => {
    const mebibyte = new Uint8Array(2 ** 20).fill(32);
    const endless = async (): Promise<Response> => {
      let sent = 0;
      const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
        sent += 1;
        // A reader that takes all of it is told so, and not let fill the memory.
        sent > 80 ? controller.error(new Error("it took everything")) : controller.enqueue(mebibyte);
      };
      return new Response(new ReadableStream({ pull }));
    };
    const link = (await decodeLink(short)) as ShortLink;
    await expect(resolveLink({ ...link, entries: link.entries.slice(0, 1) }, endless)).rejects.toMatchObject({ code: "too-large" });
  });

  it("tells of a file whose name cannot be one", async () => {
    const link = (await decodeLink(short)) as ShortLink;
    const entries = link.entries.map((one) => ({ ...one, file: "%zz.whl" }));
    await expect(resolveLink({ ...link, entries }, index())).rejects.toMatchObject({ code: "not-on-index" });
  });

  it("reads a lock by reference, and no other text", async () => {
    const text = '{"info":{},"packages":{}}';
    const bytes = new TextEncoder().encode(text);
    const sha256 = Buffer.from(await crypto.subtle.digest("SHA-256", bytes)).toString("hex");
    const link = await decodeLink(`#lock-url=https://files.example/l.json;sha256=${sha256}`);
    expect(await resolveLink(link, async () => new Response(bytes))).toMatchObject({ text, base: "https://files.example/l.json" });
    await expect(resolveLink(link, async () => new Response(`${text} `))).rejects.toMatchObject({ code: "digest-mismatch" });
  });

  it("gives a full link back, without a request", async () => {
    const link = await decodeLink(full);
    expect(await resolveLink(link, () => Promise.reject(new Error("asked")))).toBe(link);
  });
});
