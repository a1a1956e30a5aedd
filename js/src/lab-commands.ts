/**
 * Commands of the palette and buttons of a notebook's toolbar.
 *
 * Rules this file keeps:
 *
 * 1. A command without a notebook is disabled, and one that fails says why.
 *
 * Left to others: what runs in the kernel (`lab-python.ts`), dialogs (`lab-dialog.ts`).
 */

import { isLockError, LockError } from "./errors.ts";
import type { Dialogs } from "./lab-dialog.ts";
import { type Kernels, METADATA, type OpenNotebook } from "./lab-kernels.ts";
import { freeze, verify, type Verified } from "./lab-python.ts";
import type { Application, AppUtils, KernelConnection, NotebookPanel, NotebookTracker, Translation } from "./lab-types.ts";
import { encodeLink } from "./link-writer.ts";

const CATEGORY = "micropip-lock";

export interface CommandsOptions {
  readonly app: Application;
  readonly utils: AppUtils;
  readonly trans: Translation;
  readonly dialogs: Dialogs;
  readonly kernels: Kernels;
  readonly notebooks: NotebookTracker;
  readonly palette: { addItem(item: { command: string; category: string }): unknown } | null;
  /** Address of the page, for links. */
  readonly page: string;
  /** Shows the panel of a notebook; `null` where there are no tabs for it. */
  readonly showPanel: ((notebook: NotebookPanel) => Promise<void>) | null;
  /** Told what a comparison found. */
  readonly onVerified: (kernel: string, verified: Verified) => void;
}

/** What kernels ask of a notebook. */
export function openNotebook(panel: NotebookPanel): OpenNotebook {
  return { path: panel.context.path, embedded: () => panel.model?.getMetadata(METADATA) };
}

/** The notebook that begins a session. */
export function startingNotebook(notebooks: NotebookTracker, { path, name }: { path: string; name?: string }): NotebookPanel | null {
  // JupyterLab 4.6 gives a session a path of chance until it is there, and keeps it here; others give it the notebook's.
  const isIts = ({ sessionContext }: NotebookPanel): boolean => [sessionContext.path, (sessionContext as { _pendingSessionRequest?: string })._pendingSessionRequest].includes(path);
  const isNamed = ({ context, sessionContext }: NotebookPanel): boolean => sessionContext.session === null && context.path.split("/").at(-1) === name;
  return notebooks.find(isIts) ?? notebooks.find(isNamed) ?? null;
}

/** Every command, in the order of the toolbar and the palette. */
export const COMMANDS = ["panel", "freeze", "copy-link", "save-in-notebook", "restore", "verify", "inspect"] as const;
export type CommandName = (typeof COMMANDS)[number];

/** Add the commands. @returns Runs one of them. */
export function addCommands(options: CommandsOptions): (name: CommandName) => Promise<void> {
  const { app, utils, trans, dialogs, kernels, notebooks, palette, page, showPanel, onVerified } = options;
  const labels: Record<CommandName, string> = {
    panel: trans.__("Packages Panel"),
    freeze: trans.__("Freeze to a File"),
    "copy-link": trans.__("Copy Lock Link"),
    "save-in-notebook": trans.__("Save Lock in Notebook"),
    restore: trans.__("Restore Packages of the Lock"),
    verify: trans.__("Verify Packages"),
    inspect: trans.__("Inspect Lock"),
  };

  const here = (): { panel: NotebookPanel; kernel: KernelConnection } => {
    const panel = notebooks.currentWidget;
    const kernel = panel?.sessionContext.session?.kernel ?? null;
    if (panel === null || kernel === null) {
      throw new LockError("no-kernel", trans.__("no notebook with a kernel is open"));
    }
    return { panel, kernel };
  };
  const embedded = (panel: NotebookPanel | null): string | null => {
    const value = panel?.model?.getMetadata(METADATA);
    return value === undefined || value === null ? null : JSON.stringify(value);
  };
  const actions: Record<CommandName, () => Promise<void>> = {
    panel: async () => {
      const { panel } = here();
      if (showPanel === null) {
        throw new LockError("unsupported", trans.__("this application has no tabs for a panel"), { hint: trans.__("run ml.panel() in a cell") });
      }
      await showPanel(panel);
    },
    freeze: async () => {
      const { panel, kernel } = here();
      const text = await freeze(kernel);
      const path = [...panel.context.path.split("/").slice(0, -1), "pyodide-lock.json"].join("/");
      await app.serviceManager.contents.save(path, { type: "file", format: "text", content: text });
      utils.Notification.success(trans.__("The lock is in %1.", path), { autoClose: 5000 });
    },
    "copy-link": async () => {
      const link = await encodeLink(await freeze(here().kernel));
      utils.Clipboard.copyToSystem(page.split("#")[0] + link);
      utils.Notification.success(trans.__("The link is in the clipboard, %1 characters.", link.length), { autoClose: 5000 });
    },
    "save-in-notebook": async () => {
      const { panel, kernel } = here();
      panel.model?.setMetadata(METADATA, JSON.parse(await freeze(kernel)));
      await panel.context.save();
      utils.Notification.success(trans.__("The notebook brings its packages along now."), { autoClose: 5000 });
    },
    restore: async () => {
      const { panel, kernel } = here();
      // It is decided anew, and the person asked, while the kernel restarts.
      kernels.forget(kernel.id, openNotebook(panel));
      await panel.sessionContext.restartKernel();
    },
    verify: async () => {
      const { panel, kernel } = here();
      const verified = await verify(kernel, kernels.started(kernel.id)?.opened?.text ?? embedded(panel));
      onVerified(kernel.id, verified);
      const count = trans._n("%1 package is as the lock names it.", "%1 packages are as the lock names them.", verified.packages, verified.packages);
      await dialogs.lines(labels.verify, verified.ok ? [count] : verified.findings);
    },
    inspect: async () => {
      await dialogs.show(await kernels.inspect(embedded(notebooks.currentWidget)));
    },
  };
  const run = async (name: CommandName): Promise<void> => {
    try {
      await actions[name]();
    } catch (error) {
      const why = isLockError(error) ? `${error.message} (${error.code})${error.got ? `: ${error.got}` : ""}${error.hint ? `; ${error.hint}` : ""}` : String(error);
      utils.Notification.error(`${labels[name]}: ${why}`, { autoClose: false });
    }
  };
  for (const name of COMMANDS) {
    const id = `micropip-lock:${name}`;
    app.commands.addCommand(id, {
      label: labels[name],
      isEnabled: () => name === "inspect" || notebooks.currentWidget !== null,
      execute: () => run(name),
    });
    palette?.addItem({ command: id, category: CATEGORY });
  }
  notebooks.currentChanged.connect(() => COMMANDS.forEach((name) => app.commands.notifyCommandChanged(`micropip-lock:${name}`)));
  return run;
}
