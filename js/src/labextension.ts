/**
 * The extension of JupyterLab and JupyterLite: a container as webpack's module federation wants one, written by hand.
 *
 * Rules this file keeps:
 *
 * 1. The link is taken out of the address as soon as this file runs, before the application starts.
 * 2. In an application without JupyterLite's kernels (a JupyterLab with a server) there are commands and no more.
 * 3. What a part of the application is missing for costs that part only.
 *
 * Left to others: kernels (`lab-kernels.ts`), commands (`lab-commands.ts`), the status bar (`lab-status.ts`).
 */

import { addCommands, openNotebook, startingNotebook } from "./lab-commands.ts";
import { Dialogs } from "./lab-dialog.ts";
import type { PyodideOptions } from "./lab-environment.ts";
import { Kernels, type SiteEnvironment, type SiteSettings } from "./lab-kernels.ts";
import { TabLink } from "./lab-link.ts";
import { keepForOffline } from "./lab-offline.ts";
import { type OutputAreas, PanelTabs } from "./lab-panel.ts";
import { verify, type Verified } from "./lab-python.ts";
import { shared, type ShareScope, useScope } from "./lab-shared.ts";
import { StatusItem, statusText } from "./lab-status.ts";
import type {
  Application,
  AppUtils,
  KernelOptions,
  KernelSpecs,
  LiteKernel,
  NotebookTracker,
  Plugin,
  SettingRegistry,
  Settings,
  Translator,
  Widget,
} from "./lab-types.ts";
import { openStore } from "./store.ts";

const ID = "micropip-lock:plugin";
const DOMAIN = "micropip_lock";
const KERNEL_PLUGIN = "@jupyterlite/pyodide-kernel-extension:kernel";
const SITE_PLUGIN = "micropip-lock:environments";

const link = new TabLink();

interface CoreUtils {
  readonly PageConfig: { getOption(name: string): string; getBaseUrl(): string };
}

/**
 * The site's configuration, every address absolute as the kernel's own extension makes them. `files` is what its kernels fetch
 * when they start; a worker asks for it, so that the page does not see it.
 */
function siteSettings({ PageConfig }: CoreUtils): { site: SiteSettings; kernel: Record<string, unknown>; files: readonly string[] } {
  const all = JSON.parse(PageConfig.getOption("litePluginSettings") || "{}") as Record<string, Record<string, unknown> | undefined>;
  const kernel = all[KERNEL_PLUGIN] ?? {};
  const ours = all[SITE_PLUGIN] ?? {};
  const root = PageConfig.getBaseUrl();
  const absolute = (url: unknown): string => new URL(String(url), root).href;
  const options = Object.fromEntries(
    Object.entries((kernel["loadPyodideOptions"] ?? {}) as PyodideOptions).map(([key, value]) => [key, key.endsWith("URL") && typeof value === "string" ? absolute(value) : value]),
  );
  const pyodide = kernel["pyodideUrl"];
  const base = ours["kernelLock"] ?? options["lockFileURL"] ?? (pyodide === undefined ? null : new URL("pyodide-lock.json", absolute(pyodide)).href);
  const environments = ((ours["environments"] ?? []) as SiteEnvironment[]).map((one) => ({ ...one, lockFileURL: absolute(one.lockFileURL) }));
  const urls = Object.entries(options).flatMap(([key, value]) => (key.endsWith("URL") ? [String(value)] : []));
  const files = [...((ours["kernelFiles"] ?? []) as string[]).map(absolute), ...urls];
  return { site: { options, base: base === null ? null : absolute(base), environments }, kernel, files };
}

/** Makes kernels as the kernel's own extension makes them; `null` where its classes are not shared, or its runtime not named. */
function kernelMaker(
  pyodide: { PyodideKernel: new (options: Record<string, unknown>) => LiteKernel } | null,
  { PageConfig }: CoreUtils,
  kernel: Record<string, unknown>,
  app: Application,
  worker: { enabled: boolean; browsingContextId: string } | null,
): ((options: KernelOptions, loadPyodideOptions: PyodideOptions) => LiteKernel) | null {
  if (pyodide === null || kernel["pyodideUrl"] === undefined) {
    return null;
  }
  const absolute = (url: unknown): string => new URL(String(url), PageConfig.getBaseUrl()).href;
  return (options, loadPyodideOptions) =>
    new pyodide.PyodideKernel({
      ...options,
      pyodideUrl: absolute(kernel["pyodideUrl"]),
      pipliteWheelUrl: kernel["pipliteWheelUrl"] === undefined ? undefined : absolute(kernel["pipliteWheelUrl"]),
      pipliteUrls: ((kernel["pipliteUrls"] ?? []) as string[]).map(absolute),
      disablePyPIFallback: kernel["disablePyPIFallback"] === true,
      mountDrive: worker?.enabled === true || globalThis.crossOriginIsolated,
      loadPyodideOptions,
      contentsManager: app.serviceManager.contents,
      browsingContextId: worker?.browsingContextId,
      logger: ({ payload }: { payload: { data: unknown; level: string } }) => console[payload.level === "critical" ? "error" : "info"](payload.data),
    });
}

async function plugins(): Promise<readonly Plugin[]> {
  const core = await shared<CoreUtils>("@jupyterlab/coreutils");
  const utils = await shared<AppUtils & { ICommandPalette: unknown }>("@jupyterlab/apputils");
  const widgets = await shared<{ Widget: new (options: { node: HTMLElement }) => Widget }>("@lumino/widgets");
  if (core === null || utils === null || widgets === null) {
    return [];
  }
  const [lite, liteUtils, pyodide, notebook, status, outputs, settings, translation] = await Promise.all([
    shared<{ IKernelSpecs: unknown }>("@jupyterlite/services"),
    shared<{ IServiceWorkerManager: unknown }>("@jupyterlite/apputils"),
    shared<{ PyodideKernel: new (options: Record<string, unknown>) => LiteKernel }>("@jupyterlite/pyodide-kernel"),
    shared<{ INotebookTracker: unknown }>("@jupyterlab/notebook"),
    shared<{ IStatusBar: unknown }>("@jupyterlab/statusbar"),
    shared<OutputAreas>("@jupyterlab/outputarea"),
    shared<{ ISettingRegistry: unknown }>("@jupyterlab/settingregistry"),
    shared<{ ITranslator: unknown; nullTranslator: Translator }>("@jupyterlab/translation"),
  ]);
  const none = { __: (text: string, ...values: unknown[]) => text.replace(/%(\d)/g, (_, at: string) => String(values[Number(at) - 1])) };
  const plain: Translator = translation?.nullTranslator ?? {
    load: () => ({ ...none, _n: (one, many, count, ...values) => none.__(count === 1 ? one : many, ...values) }),
  };
  const optional = [lite?.IKernelSpecs, liteUtils?.IServiceWorkerManager, notebook?.INotebookTracker, status?.IStatusBar, settings?.ISettingRegistry, translation?.ITranslator, utils.ICommandPalette];

  function activate(
    app: Application,
    specs: KernelSpecs | null,
    worker: { enabled: boolean; browsingContextId: string } | null,
    notebooks: NotebookTracker | null,
    bar: { registerStatusItem(id: string, options: object): unknown } | null,
    registry: SettingRegistry | null,
    translator: Translator | null,
    palette: { addItem(item: { command: string; category: string }): unknown } | null,
  ): void {
    const trans = (translator ?? plain).load(DOMAIN);
    const { site, kernel, files } = siteSettings(core as CoreUtils);
    let chosen: Settings | null = null;
    const setting = <T>(name: string, otherwise: T): T => (chosen?.get(name).composite as T | undefined) ?? otherwise;
    const loading = registry?.load(ID).then(
      (loaded) => {
        chosen = loaded;
      },
      () => undefined,
    );
    const dialogs = new Dialogs({
      utils: utils as AppUtils,
      widget: (node) => new (widgets as NonNullable<typeof widgets>).Widget({ node }),
      trans,
      remembers: () => setting("remember", false),
    });
    const kernels = new Kernels({
      site,
      link,
      person: dialogs,
      make: kernelMaker(pyodide, core as CoreUtils, kernel, app, worker),
      store: openStore().catch(() => null),
      hosts: async () => {
        // A kernel may be wanted before the settings are here.
        await loading;
        return setting<readonly string[]>("allowedHosts", []);
      },
      page: globalThis.location.href.split("#")[0] as string,
    });
    if ((core as CoreUtils).PageConfig.getOption("enableServiceWorkerCache") === "true") {
      const root = (core as CoreUtils).PageConfig.getBaseUrl();
      void app.restored.then(() => keepForOffline(root, files));
    }
    if (specs !== null) {
      kernels.takeOver(app, specs, (session) => {
        const panel = notebooks === null ? null : startingNotebook(notebooks, session);
        return panel === null ? null : openNotebook(panel);
      });
    }
    for (const [name, displayName, pattern] of [
      ["pyodide-lock", trans.__("Pyodide lock"), "^(.*[./-])?pyodide-lock\\.json$"],
      ["pylock", trans.__("Python lock"), "^pylock\\.([^.]+\\.)?toml$"],
    ] as const) {
      app.docRegistry.addFileType({ name, displayName, extensions: [], pattern, mimeTypes: [name === "pylock" ? "text/x-toml" : "application/json"], fileFormat: "text", contentType: "file" }, ["Editor"]);
    }
    if (notebooks === null) {
      return;
    }
    const found = new Map<string, Verified>();
    if (link.address !== null) {
      // Only a kernel needs its packages, and none may be there yet.
      void app.restored.then(() => {
        if (notebooks.currentWidget === null) {
          (utils as AppUtils).Notification.info(trans.__("This address brings packages along. Open a notebook: you are asked before anything is installed."), { autoClose: 15_000 });
        }
      });
    }
    let arriving: readonly [number, number | null] | null = null;
    const tabs = outputs === null ? null : new PanelTabs(app.shell, outputs, utils as AppUtils, trans);
    const run = addCommands({
      app,
      utils: utils as AppUtils,
      trans,
      dialogs,
      kernels,
      notebooks,
      palette,
      page: globalThis.location.href,
      showPanel: tabs === null ? null : (notebook) => tabs.show(notebook),
      onVerified: (id, verified) => {
        found.set(id, verified);
        refresh();
      },
    });
    const item = new StatusItem(() => void run("panel"), trans.__("Show the packages of this notebook"));
    const refresh = (): void => {
      const id = notebooks.currentWidget?.sessionContext.session?.kernel?.id;
      item.say(statusText(trans, id === undefined ? null : kernels.started(id), (id !== undefined && found.get(id)) || null, arriving));
    };
    dialogs.onProgress = (received, total) => {
      arriving = received === total ? null : [received, total];
      refresh();
    };
    bar?.registerStatusItem("micropip-lock:status", { item: new (widgets as NonNullable<typeof widgets>).Widget({ node: item.node }), align: "left", rank: 90, isActive: () => notebooks.currentWidget !== null });
    notebooks.currentChanged.connect(refresh);
    notebooks.widgetAdded.connect((_, panel) => {
      const { ToolbarButton } = utils as AppUtils;
      // The toolbar has its other items by then.
      void panel.revealed.then(() => {
        const button = new ToolbarButton({ label: trans.__("Lock"), tooltip: trans.__("Save Lock in Notebook"), onClick: () => void run("save-in-notebook") });
        panel.toolbar.insertBefore("spacer", "micropip-lock", button);
      });
      let verified: string | null = null;
      panel.sessionContext.statusChanged.connect((_sender, now) => {
        const connection = panel.sessionContext.session?.kernel ?? null;
        if (now === "starting" || now === "restarting" || now === "autorestarting") {
          found.delete(connection?.id ?? "");
          verified = null;
        } else if (now === "idle" && connection !== null && verified !== connection.id) {
          arriving = null;
          verified = connection.id;
          const text = kernels.started(connection.id)?.opened?.text;
          if (setting("autoVerify", true) && text !== undefined) {
            void verify(connection, text).then(
              (report) => {
                found.set(connection.id, report);
                refresh();
              },
              () => undefined,
            );
          }
        }
        refresh();
      });
    });
    refresh();
  }

  return [
    {
      id: ID,
      description: "Kernels that start with a lock's packages in place; freeze, share and verify what is installed.",
      autoStart: true,
      optional: optional.map((token, at) => token ?? missing(at)),
      activate: activate as Plugin["activate"],
    },
  ];

  /** A token that nobody provides. */
  function missing(at: number): unknown {
    return { name: `micropip-lock:missing-${at}` };
  }
}

const container = {
  init(scope: ShareScope): void {
    useScope(scope);
  },
  async get(module: string): Promise<() => unknown> {
    if (module !== "./extension") {
      throw new Error(`micropip-lock has no module ${module}`);
    }
    const found = await plugins();
    return () => ({ __esModule: true, default: found });
  },
};

const page = globalThis as unknown as { _JUPYTERLAB?: Record<string, unknown> };
page._JUPYTERLAB ??= {};
page._JUPYTERLAB["micropip-lock"] = container;
