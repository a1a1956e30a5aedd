/**
 * The panel of `ml.panel()` in a tab beside its notebook.
 *
 * Rules this file keeps:
 *
 * 1. One tab for each notebook: who asks again gets the same, anew when the kernel is another. It goes with its notebook.
 * 2. It is an output of the notebook's own kernel, rendered as the notebook's outputs are; nothing of it is in the notebook.
 */

import type { AppUtils, NotebookPanel, SessionContext, Shell, Translation, Widget } from "./lab-types.ts";

/** `@jupyterlab/outputarea`. */
export interface OutputAreas {
  readonly OutputAreaModel: new (options: { trusted: boolean }) => unknown;
  readonly SimplifiedOutputArea: (new (options: { model: unknown; rendermime: unknown }) => Widget) & {
    execute(code: string, output: Widget, session: SessionContext): Promise<unknown>;
  };
}

/** What the tab shows; no name is left behind in the kernel. */
const CODE = 'display(__import__("micropip_lock").panel())';

interface Tab {
  readonly tab: Widget;
  readonly area: Widget;
  /** The kernel that made what it shows is there. */
  isAlive: boolean;
}

export class PanelTabs {
  readonly #shell: Shell;
  readonly #areas: OutputAreas;
  readonly #utils: Pick<AppUtils, "MainAreaWidget">;
  readonly #trans: Translation;
  readonly #open = new Map<NotebookPanel, Tab>();
  #count = 0;

  constructor(shell: Shell, areas: OutputAreas, utils: Pick<AppUtils, "MainAreaWidget">, trans: Translation) {
    this.#shell = shell;
    this.#areas = areas;
    this.#utils = utils;
    this.#trans = trans;
  }

  /** Show the panel of a notebook. */
  async show(notebook: NotebookPanel): Promise<void> {
    const there = this.#open.get(notebook);
    const one = there === undefined || there.tab.isDisposed ? this.#made(notebook, there === undefined) : there;
    this.#shell.activateById(one.tab.id);
    // A panel that is there has a button to look again; one of a kernel that is gone has nobody to ask.
    if (!one.isAlive) {
      await this.#look(one, notebook);
    }
  }

  async #look(one: Tab, notebook: NotebookPanel): Promise<void> {
    one.isAlive = true;
    try {
      await this.#areas.SimplifiedOutputArea.execute(CODE, one.area, notebook.sessionContext);
    } catch (error) {
      one.isAlive = false;
      throw error;
    }
  }

  #made(notebook: NotebookPanel, isFirst: boolean): Tab {
    const { OutputAreaModel, SimplifiedOutputArea } = this.#areas;
    const area = new SimplifiedOutputArea({ model: new OutputAreaModel({ trusted: true }), rendermime: notebook.content.rendermime });
    area.node.style.padding = "var(--jp-notebook-padding, 8px)";
    const tab = new this.#utils.MainAreaWidget({ content: area });
    this.#count += 1;
    tab.id = `micropip-lock-panel-${this.#count}`;
    tab.title.label = this.#trans.__("Packages of %1", notebook.context.path.split("/").at(-1));
    tab.title.closable = true;
    this.#shell.add(tab, "main", { mode: "split-right", ref: notebook.id });
    const made = { tab, area, isAlive: false };
    this.#open.set(notebook, made);
    if (isFirst) {
      notebook.disposed.connect(() => {
        this.#open.get(notebook)?.tab.dispose();
        this.#open.delete(notebook);
      });
      notebook.sessionContext.statusChanged.connect((_, now) => {
        const one = this.#open.get(notebook);
        if (one !== undefined && (now === "restarting" || now === "autorestarting" || now === "starting" || now === "dead")) {
          one.isAlive = false;
        } else if (one !== undefined && now === "idle" && !one.isAlive && !one.tab.isDisposed) {
          // What it shows is of a kernel that is gone; where the new one goes as well, whoever asks is told.
          this.#look(one, notebook).catch(() => undefined);
        }
      });
    }
    return made;
  }
}
