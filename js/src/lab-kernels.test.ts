import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Approvals, Consent, type Memory } from "./consent.ts";
import { isLockError } from "./errors.ts";
import { Kernels, type Person, type Source } from "./lab-kernels.ts";
import type { TabLink } from "./lab-link.ts";
import type { Question } from "./linked-boot.ts";
import { sha256Hex } from "./sha256-hex.ts";

const PAGE = "https://site.example/lab/index.html";
const BASE = "https://site.example/static/kernel.json";
const INFO = { abi_version: "2026_0", arch: "wasm32", platform: "emscripten_5_0_3", python: "3.14.2" };
const WHEEL = new TextEncoder().encode("no wheel, but the bytes that the lock names");
const digest = await sha256Hex(WHEEL);

function lockOf(url: string): string {
  const entry = {
    ...{ name: "a", version: "1", file_name: url, sha256: digest, imports: ["a"], depends: [] },
    ...{ install_dir: "site", package_type: "package", unvendored_tests: false },
  };
  return JSON.stringify({ info: INFO, packages: { a: entry } });
}

const TEXT = lockOf("https://files.example/a-1-py3-none-any.whl");
const REFERENCE = `sha256=${await sha256Hex(new TextEncoder().encode(TEXT))}`;

function memory(): Memory {
  let kept: string | null = null;
  return {
    getItem: () => kept,
    setItem: (_, value) => {
      kept = value;
    },
  };
}

/** A site, its network, and a person who answers. */
class Site {
  readonly happened: string[] = [];
  readonly told: string[] = [];
  readonly remembered = memory();
  answers: Record<string, () => Response> = { [BASE]: () => Response.json({ info: INFO, packages: {} }) };
  answer: (question: Question) => { install: boolean; remember: boolean } = () => ({ install: true, remember: false });
  address: string | null = null;
  hosts: () => Promise<readonly string[]> = async () => [];

  /** As after a new visit: only what is remembered beyond a tab is there. */
  async plan(embedded?: unknown, page = PAGE): Promise<unknown> {
    vi.stubGlobal("fetch", this.fetch);
    const person: Person = {
      ask: async (question) => {
        this.happened.push(question.kind === "fetch" ? `fetch from ${question.host}?` : "install?");
        return this.answer(question);
      },
      told: (error: unknown, source: Source) => void this.told.push(`${source}: ${isLockError(error) ? error.code : String(error)}`),
      progress: () => undefined,
    };
    const link = { address: this.address, forget: () => undefined } as unknown as TabLink;
    const consent = new Consent(new Approvals(() => this.remembered), () => false);
    const site = { options: {}, base: BASE, environments: [] };
    const make = (): never => {
      throw new Error("no kernel here");
    };
    const kernels = new Kernels({ site, link, person, make, consent, agreed: new Approvals(memory), fetch: this.fetch, page, hosts: this.hosts });
    return (await kernels.plan("notebook.ipynb", () => embedded)).options;
  }

  readonly fetch = async (url: string | URL | Request): Promise<Response> => {
    if (String(url) !== BASE) {
      this.happened.push(String(url));
    }
    return this.answers[String(url)]?.() ?? new Response(WHEEL);
  };
}

describe("a kernel of a tab with a link that leaves something to others", () => {
  afterEach(() => vi.unstubAllGlobals());

  const at = (host: string): string => `${PAGE}#lock-url=https://${host}/pyodide-lock.json;${REFERENCE}`;
  const serving = (site: Site, host: string): void => {
    site.answers[`https://${host}/pyodide-lock.json`] = () => new Response(TEXT);
  };

  it("is asked about before anybody else is, and again with what is in it", async () => {
    const site = new Site();
    serving(site, "locks.example");
    site.address = at("locks.example");
    expect(await site.plan()).not.toBe(null);
    expect(site.happened).toEqual([
      ...["fetch from locks.example?", "https://locks.example/pyodide-lock.json"],
      ...["install?", "https://files.example/a-1-py3-none-any.whl"],
    ]);
  });

  it("asks nobody after a no, and starts with what the site has", async () => {
    const site = new Site();
    site.address = at("locks.example");
    site.answer = () => ({ install: false, remember: true });
    expect([await site.plan(), site.happened, site.told]).toEqual([null, ["fetch from locks.example?"], ["link: declined"]]);
  });

  it("is not asked about again where a person said so, and is at another address", async () => {
    const site = new Site();
    serving(site, "locks.example");
    site.address = at("locks.example");
    site.answer = () => ({ install: true, remember: true });
    await site.plan();
    site.happened.length = 0;
    await site.plan();
    expect(site.happened.filter((one) => one.endsWith("?"))).toEqual([]);
    site.address = at("evil.example");
    site.answer = () => ({ install: false, remember: false });
    site.happened.length = 0;
    await site.plan();
    expect(site.happened).toEqual(["fetch from evil.example?"]);
  });

  it("opens a short link with what its index says", async () => {
    const vectors = JSON.parse(readFileSync(new URL("../../tests/vectors/links.json", import.meta.url), "utf8")) as {
      name: string;
      link: string;
      says: { lock: { packages: Record<string, { file_name: string; sha256: string; tool: { "micropip-lock": { size: number } } }> } };
    }[];
    const named = (name: string) => vectors.find((one) => one.name === name) as (typeof vectors)[number];
    const site = new Site();
    site.address = `${PAGE}${named("short").link.replace(/^[^#]*/, "")}`;
    const { packages } = named("an environment").says.lock;
    for (const [name, { file_name: url, sha256, tool }] of Object.entries(packages)) {
      const file = { filename: url.split("/").at(-1), url, hashes: { sha256 }, size: tool["micropip-lock"].size };
      site.answers[`https://index.example/simple/${name}/`] = () => Response.json({ files: [file] });
    }
    await site.plan();
    const pages = Object.keys(packages).map((name) => `https://index.example/simple/${name}/`);
    expect(site.happened[0]).toBe("fetch from index.example?");
    expect(site.happened.slice(1, 1 + pages.length).sort()).toEqual(pages.sort());
    expect(site.happened[1 + pages.length]).toBe("install?");
  });
});

describe("a kernel of a notebook with a lock", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("names no host that the settings do not allow, however late they come", async () => {
    const site = new Site();
    site.hosts = () => new Promise((resolve) => setTimeout(() => resolve(["wheels.example"]), 20));
    expect([await site.plan(JSON.parse(TEXT)), site.happened, site.told]).toEqual([null, [], ["notebook: host-not-allowed"]]);
  });

  it("is asked about anew where the lock's relative names lead elsewhere", async () => {
    const site = new Site();
    site.answer = () => ({ install: true, remember: true });
    const embedded: unknown = JSON.parse(lockOf("wheels/a-1-py3-none-any.whl"));
    await site.plan(embedded);
    await site.plan(embedded);
    expect(site.happened.filter((one) => one === "install?")).toEqual(["install?"]);
    await site.plan(embedded, "https://site.example/other/index.html");
    expect(site.happened.filter((one) => one === "install?")).toEqual(["install?", "install?"]);
  });
});
