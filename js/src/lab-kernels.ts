/**
 * Kernels of a JupyterLite site, each started with the lock that is for it.
 *
 * Rules this file keeps:
 *
 * 1. Which lock: the link of the tab, else the one in the notebook, else the site's for that path, else the site's own. A
 *    person is asked about the first two.
 * 2. Everything is decided, fetched and checked before the kernel starts. Whatever fails is told, and the kernel starts with
 *    what the site gives.
 * 3. A kernel that is restarted gets the lock that it had; nobody is asked again.
 *
 * Left to others: questions (`lab-dialog.ts`), what a kernel is told (`lab-environment.ts`).
 */

import { absolute } from "./boot-place.ts";
import { Approvals, Consent } from "./consent.ts";
import { isLockError, LockError } from "./errors.ts";
import { fetchWheels, type WheelCache } from "./fetch-wheels.ts";
import { type Base, fits, lockedOptions, neededWheels, type PyodideOptions, type RawLock } from "./lab-environment.ts";
import type { TabLink } from "./lab-link.ts";
import { StartingKernel } from "./lab-starting-kernel.ts";
import type { Application, KernelFactory, KernelOptions, KernelSpecs, LiteKernel } from "./lab-types.ts";
import { decodeLink } from "./link.ts";
import { resolveLink } from "./link-resolve.ts";
import type { Question } from "./linked-boot.ts";
import { addressesOf, type OpenedLock, openText, pinOf } from "./linked-lock.ts";
import { type Preview, previewLock } from "./preview.ts";

/** The lock in a notebook's metadata. */
export const METADATA = "micropip-lock";

/** A lock of the site for notebooks by their paths. */
export interface SiteEnvironment {
  readonly pattern: string;
  readonly lockFileURL: string;
  readonly packages: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** What the site's configuration says, every address absolute. */
export interface SiteSettings {
  /** For kernels without a lock of their own. */
  readonly options: PyodideOptions;
  /** Of the lock with the site's own packages. */
  readonly base: string | null;
  readonly environments: readonly SiteEnvironment[];
}

export type Source = "link" | "notebook" | "path" | "site";

/** What a kernel was started with. */
export interface Started {
  readonly source: Source;
  /** `null` where only the site knows. */
  readonly opened: OpenedLock | null;
}

/** Asks and tells a person. */
export interface Person {
  ask(question: Question, source: Source): Promise<{ readonly install: boolean; readonly remember: boolean }>;
  /** Why a lock is not in place, or a kernel did not start. */
  told(error: unknown, source: Source): void;
  /** Bytes of a replay. */
  progress(received: number, total: number | null): void;
}

/** A notebook that is open. */
export interface OpenNotebook {
  readonly path: string;
  /** The lock in its metadata, as it stands there. */
  readonly embedded: () => unknown;
}

export interface KernelsOptions {
  readonly site: SiteSettings;
  readonly link: TabLink;
  readonly person: Person;
  /** Makes a kernel with these options of `loadPyodide`; `null` where the site's kernel cannot be made by others. */
  readonly make: ((options: KernelOptions, pyodide: PyodideOptions) => LiteKernel) | null;
  readonly store?: Promise<WheelCache | null>;
  readonly consent?: Consent;
  /** What a person agreed to in this tab: a reload asks nothing again. */
  readonly agreed?: Approvals;
  /** Hosts that locks may name; all when there is none. */
  readonly hosts?: () => Promise<readonly string[]>;
  readonly fetch?: typeof fetch;
  readonly page?: string;
}

interface Plan {
  readonly started: Started;
  readonly options: PyodideOptions | null;
}

const PLAIN: Plan = { started: { source: "site", opened: null }, options: null };

export class Kernels {
  readonly #options: KernelsOptions;
  readonly #consent: Consent;
  readonly #agreedHere: Approvals;
  readonly #ask: typeof fetch;
  /** By kernel. */
  readonly #plans = new Map<string, Plan>();
  readonly #anew = new Map<string, () => Promise<Plan>>();
  /** By notebook: what was decided a moment ago, for the kernel that comes next. */
  #next: Promise<Plan> | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #base: Promise<Base> | null = null;

  constructor(options: KernelsOptions) {
    this.#options = options;
    this.#consent = options.consent ?? new Consent();
    this.#agreedHere = options.agreed ?? new Approvals(() => globalThis.sessionStorage ?? null);
    this.#ask = options.fetch ?? ((...request) => globalThis.fetch(...request));
  }

  /** What a kernel was started with. */
  started(kernel: string): Started | null {
    return this.#plans.get(kernel)?.started ?? null;
  }

  /** Let a kernel be decided about anew when it is restarted. */
  forget(kernel: string, { path, embedded }: OpenNotebook): void {
    this.#plans.delete(kernel);
    this.#anew.set(kernel, () => this.plan(path, embedded));
  }

  /** Take over how kernels are made, and learn for which notebook each one is. */
  takeOver({ serviceManager: { sessions } }: Application, specs: KernelSpecs, notebookOf: (session: { path: string; name?: string }) => OpenNotebook | null): void {
    const register = specs.register.bind(specs);
    const taken = (name: string, create: KernelFactory): KernelFactory => (name === "python" ? (options) => this.#create(options, create) : create);
    specs.register = (one) => register({ ...one, create: taken(one.spec.name, one.create) });
    const there = specs.factories.get("python");
    if (there !== undefined) {
      specs.factories.set("python", taken("python", there));
    }
    const startNew = sessions.startNew.bind(sessions);
    sessions.startNew = async (options, ...rest) => {
      if (options.kernel?.id !== undefined || (options.kernel?.name ?? "python") !== "python") {
        return await startNew(options, ...rest);
      }
      const { path, embedded } = notebookOf(options) ?? { path: options.path, embedded: () => undefined };
      // Sessions begin one after the other: a kernel is not told for which notebook it is.
      const mine = this.#turn.then(async () => {
        this.#next = this.plan(path, embedded);
        try {
          return await startNew(options, ...rest);
        } finally {
          this.#next = null;
        }
      });
      this.#turn = mine.catch(() => undefined);
      return await mine;
    };
  }

  /** Which lock a kernel for this notebook gets, with all of it here. Never fails. */
  async plan(path: string, embedded: () => unknown): Promise<Plan> {
    const { link, person, site } = this.#options;
    let source: Source = "link";
    try {
      if (link.address !== null) {
        const { opened, pin } = await this.#openLink(link.address);
        return await this.#planOf(opened, source, pin);
      }
      source = "notebook";
      const value = embedded();
      if (value !== undefined && value !== null) {
        return await this.#planOf(await openText(JSON.stringify(value), this.#options.page), source);
      }
    } catch (error) {
      if (source === "link" && isLockError(error) && error.code === "declined") {
        link.forget();
      }
      person.told(error, source);
    }
    const found = site.environments.find(({ pattern }) => fits(pattern, path));
    if (found === undefined) {
      return PLAIN;
    }
    const { lockFileURL, packages, env } = found;
    return {
      started: { source: "path", opened: null },
      options: { ...site.options, lockFileURL, packages, env: { ...(site.options["env"] as object | undefined), ...env } },
    };
  }

  /** What a link or a notebook would bring, without a request; `null` for a link that leaves something to others. */
  async inspect(text: string | null): Promise<Preview | null> {
    const { link, page } = this.#options;
    if (text !== null) {
      const opened = await openText(text, page);
      return this.#preview(opened, await keyOf(opened));
    }
    if (link.address === null) {
      throw new LockError("no-link", "there is no lock here: neither in the address nor in the notebook");
    }
    const linked = await decodeLink(link.address);
    if (linked.form !== "full") {
      return null;
    }
    const opened = await openText(linked.text, linked.base ?? page);
    return this.#preview(opened, await keyOf(opened));
  }

  #create(options: KernelOptions, original: KernelFactory): Promise<LiteKernel> {
    const again = this.#anew.get(options.id);
    this.#anew.delete(options.id);
    const known = this.#plans.get(options.id);
    const decided = known ?? again?.() ?? this.#next ?? this.plan("", () => undefined);
    const { make, person } = this.#options;
    let own: StartingKernel | null = null;
    const start = async (made: (kernel: LiteKernel) => void): Promise<void> => {
      const plan = await decided;
      this.#plans.set(options.id, plan);
      if (plan.options !== null && make !== null) {
        const kernel = make(options, plan.options);
        try {
          made(kernel);
          await kernel.ready;
          return;
        } catch (error) {
          kernel.dispose();
          if (own?.isDisposed) {
            throw error;
          }
          this.#plans.set(options.id, PLAIN);
          person.told(error, plan.started.source);
        }
      }
      const kernel = await original(options);
      made(kernel);
      await kernel.ready;
    };
    const kernel = new StartingKernel(options, start);
    own = kernel;
    kernel.ready.catch((error: unknown) => {
      if (!kernel.isDisposed) {
        person.told(error, "site");
      }
    });
    return Promise.resolve(kernel);
  }

  /** The lock of a link, and what stands for whom the link left it to. */
  async #openLink(address: string): Promise<{ readonly opened: OpenedLock; readonly pin?: string }> {
    const { page } = this.#options;
    const linked = await decodeLink(address, { runtimeLock: async () => JSON.stringify((await this.#baseLock()).lock) });
    if (linked.form === "full") {
      return { opened: await openText(linked.text, linked.base ?? page) };
    }
    const addresses = addressesOf(linked, page);
    const pin = await pinOf(linked.form === "short" ? linked.id : linked.sha256, ...addresses.map(({ href }) => href));
    if (this.#step(pin) === "ask") {
      const host = [...new Set(addresses.map(({ hostname }) => hostname))].join(", ");
      await this.#agreed(pin, { kind: "fetch", url: addresses.map(({ href }) => href).join(" "), host }, "link");
    }
    const { text, base } = await resolveLink(linked, this.#ask);
    return { opened: await openText(text, base ?? page), pin };
  }

  async #planOf(opened: OpenedLock, source: Source, pin?: string): Promise<Plan> {
    const { make, person, store, hosts, site } = this.#options;
    if (make === null) {
      throw new LockError("unsupported", "this site's kernels cannot be started with another lock", { hint: "restore it in the kernel that runs" });
    }
    const base = await this.#baseLock();
    const { abiVersion } = opened.lock.abi;
    if (abiVersion !== base.lock.info["abi_version"]) {
      const sides = { expected: String(base.lock.info["abi_version"]), got: abiVersion };
      throw new LockError("abi-mismatch", "the lock is for another Pyodide than this site has", { ...sides, hint: "open it on a site that has it, or freeze it again here" });
    }
    const key = await keyOf(opened);
    const preview = this.#preview(opened, key);
    const allowed = (await hosts?.()) ?? [];
    const other = preview.hosts.map(({ host }) => host).filter((host) => host !== "" && !allowed.includes(host));
    if (allowed.length > 0 && other.length > 0) {
      const sides = { expected: allowed.join(", "), got: other.join(", ") };
      throw new LockError("host-not-allowed", "the lock names hosts that are not allowed here", { ...sides, hint: "see the settings of micropip-lock" });
    }
    if (this.#step(key) === "ask") {
      await this.#agreed(key, { kind: "install", preview }, source);
    }
    if (pin !== undefined && this.#consent.approvals.has(key)) {
      this.#consent.approvals.remember(pin);
    }
    const here = await this.#siteFiles();
    const wanted = neededWheels(opened, base).map((wheel) => ({ wheel, address: here.get(wheel.sha256) ?? absolute(wheel, opened.base) }));
    const received = new Map<string, number>();
    const total = wanted.reduce<number | null>((sum, { wheel }) => (sum === null || wheel.size === null ? null : sum + wheel.size), 0);
    const kept = (await store) ?? null;
    const arrived = await fetchWheels(wanted, {
      store: kept,
      onBytes: (wheel, bytes) => {
        received.set(wheel.name, bytes);
        person.progress([...received.values()].reduce((sum, one) => sum + one, 0), total);
      },
    });
    const files = new Map(arrived.map(({ wheel, bytes }) => [wheel.name, URL.createObjectURL(new Blob([bytes], { type: "application/zip" }))]));
    void Promise.all(arrived.map(async ({ wheel, bytes, from, source: held }) => {
      if (from === "network") {
        await kept?.put(wheel.sha256, bytes);
      }
      held.close();
    })).then(async () => await kept?.settle());
    this.#consent.installed(opened.id);
    return { started: { source, opened }, options: lockedOptions(site.options, opened, base, files) };
  }

  /** A lock that is in place in one kernel may be in another, too. */
  #step(id: string): "ask" | "install" {
    const step = this.#consent.step(id);
    if (step === "own-tab") {
      throw new LockError("framed", "a page inside another site's installs nothing", { hint: "open it in a tab of its own" });
    }
    return step === "ask" && !this.#agreedHere.has(id) ? "ask" : "install";
  }

  async #agreed(id: string, question: Question, source: Source): Promise<void> {
    const answer = await this.#options.person.ask(question, source);
    // What nobody has seen yet is not remembered beyond this tab.
    if (!this.#consent.admits(id, question.kind === "install" ? answer : answer.install)) {
      throw new LockError("declined", "nothing was installed");
    }
    this.#agreedHere.remember(id);
  }

  #preview(opened: OpenedLock, key: string): Preview {
    const { page } = this.#options;
    const isApproved = (): boolean => this.#consent.approvals.has(key);
    return previewLock(opened.lock, opened.id, opened.base, { isApproved, running: this.#consent.running, ...(page && { page }) });
  }

  /** Where the site has wheels of its own, by SHA-256: nobody else is asked for those. */
  async #siteFiles(): Promise<ReadonlyMap<string, string>> {
    const url = this.#options.site.options["lockFileURL"];
    try {
      const answer = typeof url === "string" ? await this.#ask(url) : null;
      const { packages } = (answer?.ok ? await answer.json() : { packages: {} }) as { packages: Record<string, { file_name: string; sha256: string }> };
      return new Map(Object.values(packages).map(({ file_name, sha256 }) => [sha256, new URL(file_name, url as string).href]));
    } catch {
      return new Map();
    }
  }

  async #baseLock(): Promise<Base> {
    const url = this.#options.site.base;
    if (url === null) {
      throw new LockError("unsupported", "this site takes its Pyodide from elsewhere", { hint: "restore the lock in the kernel that runs" });
    }
    this.#base ??= this.#ask(url).then(async (answer) => {
      if (!answer.ok) {
        throw new LockError("not-found", "the site's own lock is not there", { got: `HTTP ${answer.status}` });
      }
      return { lock: (await answer.json()) as RawLock, url };
    });
    this.#base.catch(() => {
      this.#base = null;
    });
    return await this.#base;
  }
}

/** What a yes is remembered by: the lock, and where its relative names lead, if it has any. */
async function keyOf({ id, base, lock }: OpenedLock): Promise<string> {
  return lock.wheels.every(({ url }) => URL.canParse(url)) ? id : await pinOf(id, new URL(".", base).href);
}
