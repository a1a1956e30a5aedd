import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { BootedPyodide } from "./boot-place.ts";
import { type Answer, Approvals, Consent, type Memory } from "./consent.ts";
import { LockError } from "./errors.ts";
import { type FollowOptions, followLinks, hasLink } from "./follow.ts";
import { decodeLink, type LinkedLock, type ShortLink } from "./link.ts";
import { encodeLink } from "./link-writer.ts";
import { bootFromLock, type LinkedBootOptions, preview, type Question } from "./linked-boot.ts";
import { pinOf } from "./linked-lock.ts";
import { lockId } from "./lock.ts";
import { sha256Hex } from "./sha256-hex.ts";

const INFO = { abi_version: "2026_0", arch: "wasm32", platform: "emscripten_5_0_3", python: "3.14.2" };
const WHEEL = new TextEncoder().encode("no wheel, but the bytes that the lock names");

function lockOf(...names: readonly string[]): string {
  return JSON.stringify({ info: INFO, packages: Object.fromEntries(names.map((name) => [name, entry(name, `https://files.example/${name}-1-py3-none-any.whl`)])) });
}

const digest = await sha256Hex(WHEEL);
const entry = (name: string, url: string): object => ({
  ...{ name, version: "1", file_name: url, sha256: digest, imports: [name], depends: [] },
  ...{ install_dir: "site", package_type: "package", unvendored_tests: false },
});
const TEXT = lockOf("a", "b");
const ID = await lockId(TEXT);
const FULL: LinkedLock = { form: "full", id: ID, text: TEXT, base: null };

/** A package as a vector lists it. */
interface Listed {
  readonly file_name: string;
  readonly sha256: string;
  readonly tool: { readonly "micropip-lock": { readonly size: number } };
}

function memory(): Memory & { readonly written: string[] } {
  const written: string[] = [];
  return { written, getItem: () => written.at(-1) ?? null, setItem: (_, value) => void written.push(value) };
}

/** A page: what was asked of people and of the network, in order; whatever boots fails at the file system. */
class Stage {
  readonly happened: string[] = [];
  readonly memory = memory();
  framed = false;
  answer: Answer | Promise<Answer> = true;
  answers: Record<string, () => Response> = {};
  readonly consent = new Consent(new Approvals(() => this.memory), () => this.framed);

  get options(): Omit<LinkedBootOptions<BootedPyodide>, "lock"> {
    return {
      consent: this.consent,
      ask: (question) => {
        this.happened.push(question.kind);
        return this.answer;
      },
      fetch: async (url) => {
        this.happened.push(String(url));
        return this.answers[String(url)]?.() ?? new Response(WHEEL);
      },
      loadPyodide: async () => {
        this.happened.push("boot");
        const place = JSON.stringify({ site: "/site", prefix: "/", stdlib: "/lib.zip", python: "3.14.2" });
        const fake = { FS: { filesystems: {} }, _module: {}, runPython: () => place, loadedPackages: {}, _api: { lockfile_info: INFO } };
        return fake as unknown as BootedPyodide;
      },
    };
  }

  /** The code that it fails with: `mount-unknown` is as far as this Pyodide goes. */
  async code(lock: LinkedLock, more: Partial<LinkedBootOptions<BootedPyodide>> = {}): Promise<string> {
    return await bootFromLock<BootedPyodide>({ ...this.options, lock, ...more }).then(
      () => "booted",
      (error: unknown) => (error instanceof LockError ? error.code : String(error)),
    );
  }
}

const WHEELS = ["https://files.example/a-1-py3-none-any.whl", "https://files.example/b-1-py3-none-any.whl"];

describe("a link that holds its lock", () => {
  it("is asked about before anything else happens", async () => {
    const stage = new Stage();
    expect(await stage.code(FULL)).toBe("mount-unknown");
    expect(stage.happened[0]).toBe("install");
    expect([...stage.happened].sort()).toEqual(["boot", ...WHEELS, "install"].sort());
  });

  it.each<Answer>([false, { install: false, remember: true }])("does nothing after the answer %j", async (answer) => {
    const stage = new Stage();
    stage.answer = answer;
    expect(await stage.code(FULL)).toBe("declined");
    expect([stage.happened, stage.memory.written]).toEqual([["install"], []]);
  });

  it("does nothing when nobody can be asked", async () => {
    const stage = new Stage();
    const { ask: _, ...silent } = stage.options;
    await expect(bootFromLock({ ...silent, lock: FULL })).rejects.toMatchObject({ code: "declined" });
    expect(stage.happened).toEqual([]);
  });

  it("is not asked about where a person said so, and only that lock", async () => {
    const stage = new Stage();
    stage.answer = { install: true, remember: true };
    await stage.code(FULL);
    stage.happened.length = 0;
    stage.answer = false;
    expect(await stage.code(FULL)).toBe("mount-unknown");
    expect(stage.happened).not.toContain("install");
    const other: LinkedLock = { form: "full", id: await lockId(lockOf("a")), text: lockOf("a"), base: null };
    expect(await stage.code(other)).toBe("declined");
  });

  it("is refused in a frame of another site, and when it is in place", async () => {
    const stage = new Stage();
    stage.consent.approvals.remember(ID);
    stage.framed = true;
    expect(await stage.code(FULL)).toBe("framed");
    stage.framed = false;
    stage.consent.installed(ID);
    expect(await stage.code(FULL)).toBe("running");
    expect(stage.happened).toEqual([]);
  });

  it("is refused before anybody is asked", async () => {
    const stage = new Stage();
    const hosts = Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`p${at}`, entry(`p${at}`, `https://h${at}.example/p${at}-1-py3-none-any.whl`)]));
    const many = JSON.stringify({ info: INFO, packages: hosts });
    const link = async (text: string): Promise<LinkedLock> => ({ form: "full", id: await lockId(text), text, base: null });
    expect(await stage.code(await link(many))).toBe("too-many-hosts");
    expect(await stage.code(await link(TEXT.replace("https://files", "http://files")))).toBe("insecure");
    expect(await stage.code(FULL, { abi: "2025_0" })).toBe("abi-mismatch");
    // What was approved once is refused all the same.
    stage.consent.approvals.remember(await lockId(many));
    expect(await stage.code(await link(many))).toBe("too-many-hosts");
    expect(stage.happened).toEqual([]);
  });

  it("can be looked at without any of that", async () => {
    const shown = await preview(FULL, { installed: { a: "2" } });
    expect([shown.lock, shown.packages.map(({ change }) => change)]).toEqual([ID, ["replaces", "adds"]]);
    expect((await preview(TEXT)).lock).toBe(ID);
    await expect(preview({ form: "reference", url: "https://files.example/lock.json", sha256: digest })).rejects.toMatchObject({ code: "no-preview" });
  });
});

describe("a lock with relative files", () => {
  const text = JSON.stringify({ info: INFO, packages: { a: entry("a", "a-1-py3-none-any.whl") } });
  const lying = async (base: string | null): Promise<LinkedLock> => ({ form: "full", id: await lockId(text), text, base });

  it("is asked about where they lie elsewhere, whatever is remembered of it", async () => {
    const stage = new Stage();
    const base = "https://page.example/";
    for (const one of [null, "https://files.example/x/"]) {
      stage.answer = { install: true, remember: true };
      expect(await stage.code(await lying(one), { base })).toBe("mount-unknown");
      stage.answer = false;
      expect(await stage.code(await lying(one), { base })).toBe("mount-unknown");
      stage.happened.length = 0;
      expect([await stage.code(await lying("https://other.example/x/"), { base }), stage.happened]).toEqual(["declined", ["install"]]);
    }
  });
});

describe("a link that names an address", () => {
  const url = "https://lock.example/lock.json";
  const at = async (text: string): Promise<LinkedLock> => ({ form: "reference", url, sha256: await sha256Hex(text) });

  it("is asked about before it is fetched, and with what is in it", async () => {
    const stage = new Stage();
    stage.answers[url] = () => new Response(TEXT);
    expect(await stage.code(await at(TEXT))).toBe("mount-unknown");
    expect(stage.happened.slice(0, 3)).toEqual(["fetch", url, "install"]);
  });

  it("is not fetched after a no", async () => {
    const stage = new Stage();
    stage.answer = false;
    expect([await stage.code(await at(TEXT)), stage.happened]).toEqual(["declined", ["fetch"]]);
  });

  it("is not asked about again when its lock is remembered", async () => {
    const stage = new Stage();
    stage.answers[url] = () => new Response(TEXT);
    stage.answer = { install: true, remember: true };
    await stage.code(await at(TEXT));
    stage.happened.length = 0;
    await stage.code(await at(TEXT));
    expect([stage.happened[0], stage.happened.includes("install")]).toEqual([url, false]);
  });

  it("is asked about at another address, whatever is remembered of its lock and its digest", async () => {
    const stage = new Stage();
    stage.answers[url] = () => new Response(TEXT);
    stage.answer = { install: true, remember: true };
    await stage.code(FULL);
    await stage.code(await at(TEXT));
    stage.consent.approvals.remember(await sha256Hex(TEXT));
    stage.happened.length = 0;
    stage.answer = false;
    const elsewhere: LinkedLock = { ...(await at(TEXT)), url: "https://other.example/lock.json" } as LinkedLock;
    expect([await stage.code(elsewhere), stage.happened]).toEqual(["declined", ["fetch"]]);
  });

  it("is neither fetched nor asked about again while its lock is in place", async () => {
    const stage = new Stage();
    stage.answers[url] = () => new Response(TEXT);
    const link = await at(TEXT);
    // As a boot that comes to its end tells it.
    stage.consent.installed(ID, await pinOf(await sha256Hex(TEXT), url));
    stage.happened.length = 0;
    expect([await stage.code(link), stage.happened]).toEqual(["running", []]);
  });

  it.each<[string, () => Response]>([
    ["redirect-policy", () => new Response(null, { status: 302, headers: { Location: "file:///etc/passwd" } })],
    ["digest-mismatch", () => new Response(`${TEXT} `)],
    ["not-found", () => new Response("", { status: 404 })],
    ["fetch-failed", () => new Response("", { status: 500 })],
    ["fetch-failed", () => Response.error()],
    ["too-large", () => new Response(new Uint8Array(8 * 2 ** 20 + 1))],
    ["digest-mismatch", () => new Response(null)],
  ])("is refused as %s, and nothing else is asked for", async (code, answer) => {
    const stage = new Stage();
    stage.answers[url] = answer;
    expect([await stage.code(await at(TEXT)), stage.happened]).toEqual([code, ["fetch", url]]);
  });

  it.each([
    ["insecure", "http://lock.example/lock.json"],
    ["scheme", "ftp://lock.example/lock.json"],
    ["credentials", "https://me:pw@lock.example/lock.json"],
    ["not-plain", "https://192.168.0.1/lock.json"],
    ["private-address", "https://localhost/lock.json"],
  ])("is refused as %s before anybody is asked", async (code, address) => {
    const stage = new Stage();
    const link: LinkedLock = { form: "reference", url: address, sha256: digest };
    expect([await stage.code(link, { base: "https://page.example/" }), stage.happened]).toEqual([code, []]);
  });
});

describe("a short link", () => {
  const vectors = JSON.parse(readFileSync(new URL("../../tests/vectors/links.json", import.meta.url), "utf8")) as readonly {
    readonly name: string;
    readonly link: string;
    readonly says: { readonly id: string; readonly lock: { readonly packages: Record<string, Listed> } };
  }[];
  const named = (name: string): (typeof vectors)[number] => vectors.find((one) => one.name === name) as (typeof vectors)[number];
  const { packages } = named("an environment").says.lock;

  /** An index that lists the wheels of the environment. */
  function listing(stage: Stage): void {
    for (const [name, { file_name: url, sha256, tool }] of Object.entries(packages)) {
      const size = tool["micropip-lock"].size;
      const file = { filename: url.split("/").at(-1), url, hashes: { sha256 }, size };
      stage.answers[`https://index.example/simple/${name}/`] = () => Response.json({ files: [file] });
    }
  }

  it("is asked about before its index is, and with what is in it", async () => {
    const stage = new Stage();
    listing(stage);
    await stage.code(await decodeLink(named("short").link));
    const installs = stage.happened.indexOf("install");
    expect(stage.happened[0]).toBe("fetch");
    expect(stage.happened.slice(1, installs).every((one) => one.startsWith("https://index.example/simple/"))).toBe(true);
    expect(installs).toBe(1 + Object.keys(packages).length);
  });

  it("is asked about with another index, whatever is remembered of its lock", async () => {
    const stage = new Stage();
    listing(stage);
    stage.answer = { install: true, remember: true };
    const link = (await decodeLink(named("short").link)) as ShortLink;
    await stage.code(link);
    stage.happened.length = 0;
    await stage.code(await decodeLink(named("short").link));
    expect(stage.happened.filter((one) => one === "fetch" || one === "install")).toEqual([]);
    stage.happened.length = 0;
    stage.answer = false;
    const again = (await decodeLink(named("short").link)) as ShortLink;
    const entries = again.entries.map((one) => ({ ...one, index: one.index && "https://other.example/simple" }));
    expect([await stage.code({ ...again, entries }), stage.happened]).toEqual(["declined", ["fetch"]]);
  });

  it("remembers nothing of the first answer, and asks nobody after a no", async () => {
    const stage = new Stage();
    listing(stage);
    const kinds: string[] = [];
    const ask = ({ kind }: Question): Answer => {
      kinds.push(kind);
      return { install: kind === "fetch", remember: true };
    };
    expect(await stage.code(await decodeLink(named("short").link), { ask })).toBe("declined");
    expect([kinds, stage.memory.written]).toEqual([["fetch", "install"], []]);
    stage.happened.length = 0;
    stage.answer = false;
    expect([await stage.code(await decodeLink(named("short").link)), stage.happened]).toEqual(["declined", ["fetch"]]);
  });
});

/** A window whose address changes. */
class Address {
  href: string;
  readonly #listeners = new Set<() => void>();

  constructor(href: string) {
    this.href = href;
  }

  get location(): { readonly href: string } {
    return this;
  }

  addEventListener(_: string, listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_: string, listener: () => void): void {
    this.#listeners.delete(listener);
  }

  go(href: string): void {
    this.href = href;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

const PAGE = "https://page.example/app/";
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));

describe("a page that follows links", () => {
  const told = (happened: string[]): Pick<FollowOptions<BootedPyodide>, "onInstalled" | "onRefused" | "onDeclined" | "onFramed"> => ({
    onInstalled: (_, id) => happened.push(`installed ${id}`),
    onRefused: (error) => happened.push(`refused ${(error as LockError).code}`),
    onDeclined: () => happened.push("declined"),
    onFramed: (address) => happened.push(`framed ${address}`),
  });

  it("asks for each lock, and for no lock twice", async () => {
    const [one, two] = [`${PAGE}${await encodeLink(TEXT)}`, `${PAGE}${await encodeLink(lockOf("a"))}`];
    const stage = new Stage();
    stage.answer = false;
    stage.consent.installed(ID);
    const page = new Address(one);
    const stop = followLinks({ ...stage.options, ...told(stage.happened) }, page);
    for (const href of [PAGE, one, `${one}&code=1`, two, `${PAGE}#code=1`]) {
      page.go(href);
      await settled();
    }
    expect(stage.happened).toEqual(["install", "declined"]);
    stop();
    page.go(two);
    await settled();
    expect(stage.happened.length).toBe(2);
  });

  it("ends the question of a link that another one took the place of", async () => {
    const stage = new Stage();
    const signals: AbortSignal[] = [];
    const ask = (question: Question, signal: AbortSignal): Promise<Answer> => {
      stage.happened.push(question.kind === "install" ? `${question.preview.packages.length}` : question.kind);
      signals.push(signal);
      // A yes that comes too late.
      return new Promise((resolve) => signal.addEventListener("abort", () => resolve(true)));
    };
    const page = new Address(`${PAGE}${await encodeLink(TEXT)}`);
    const stop = followLinks({ ...stage.options, ...told(stage.happened), ask }, page);
    await settled();
    page.go(`${PAGE}${await encodeLink(lockOf("a"))}`);
    await settled();
    expect([stage.happened, signals.map(({ aborted }) => aborted)]).toEqual([["2", "1"], [true, false]]);
    stop();
    await settled();
    expect(stage.happened).toEqual(["2", "1"]);
  });

  it("tells what is refused, and where a tab of its own is needed", async () => {
    const stage = new Stage();
    const page = new Address(`${PAGE}?lock=1.AAAA`);
    followLinks({ ...stage.options, ...told(stage.happened) }, page);
    await settled();
    page.go(`${PAGE}#lock=`);
    await settled();
    stage.framed = true;
    page.go(`${PAGE}${await encodeLink(TEXT)}`);
    await settled();
    expect(stage.happened).toEqual(["refused in-query", "refused empty", `framed ${page.href}`]);
  });

  it.each([
    ["./pyodide", ["install"]],
    ["https://cdn.example/pyodide/", ["refused needs-base"]],
  ])("takes what the runtime at %s has from a part of its own site only", async (indexURL, expected) => {
    const stage = new Stage();
    const runtime = "https://page.example/app/pyodide/pyodide-lock.json";
    stage.answers[runtime] = () => new Response(TEXT);
    stage.answer = false;
    const page = new Address(`${PAGE}${await encodeLink(lockOf("a"), { runtimeLock: TEXT })}`);
    followLinks({ ...stage.options, ...told(stage.happened), indexURL }, page);
    await settled();
    expect(stage.happened.filter((one) => one !== "declined")).toEqual(expected[0] === "install" ? [runtime, "install"] : expected);
  });

  it("sees a link in the fragment and, to refuse it, in the query", () => {
    const found = ["#lock=", "#a=b&lock=1", "#lock-url=x", "?lock=1", "?a&lock-url=x#y", "", "#clock=1", "#lock", "#locks=1"].map(hasLink);
    expect(found).toEqual([true, true, true, true, true, false, false, false, false]);
  });
});
