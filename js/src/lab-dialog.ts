/**
 * What a person is asked and told, with the application's own dialogs.
 *
 * Rules this file keeps:
 *
 * 1. The default is no: the first button, Escape and closing the dialog all cancel.
 * 2. Every text of a lock is shown as text, never parsed.
 *
 * Left to others: what is in a preview (`preview.ts`), what follows from an answer (`lab-kernels.ts`).
 */

import { isLockError } from "./errors.ts";
import type { Person, Source } from "./lab-kernels.ts";
import type { AppUtils, Translation, Widget } from "./lab-types.ts";
import type { Question } from "./linked-boot.ts";
import type { Preview } from "./preview.ts";
import { previewElement } from "./preview-element.ts";

/** Makes a widget of an element. */
export type MakeWidget = (node: HTMLElement) => Widget;

export interface DialogOptions {
  readonly utils: AppUtils;
  readonly widget: MakeWidget;
  readonly trans: Translation;
  /** Whether "do not ask again" is ticked when a dialog opens. */
  readonly remembers: () => boolean;
  readonly page?: Document;
}

/** Dialogs and notices. */
export class Dialogs implements Person {
  readonly #options: DialogOptions;
  /** Told how much of a lock has arrived. */
  onProgress: (received: number, total: number | null) => void = () => undefined;

  constructor(options: DialogOptions) {
    this.#options = options;
  }

  async ask(question: Question, source: Source): Promise<{ readonly install: boolean; readonly remember: boolean }> {
    const { utils, trans } = this.#options;
    const isFetch = question.kind === "fetch";
    const answer = await utils.showDialog({
      title: source === "notebook" ? trans.__("This notebook brings its packages along") : trans.__("This link brings packages along"),
      body: this.#body(isFetch ? [this.#text(trans.__("The lock lies at %1. Nothing has been asked for yet.", question.url))] : this.#about(question.preview)),
      buttons: [
        utils.Dialog.cancelButton({ label: trans.__("Cancel") }),
        utils.Dialog.okButton({ label: isFetch ? trans.__("Fetch the lock") : trans.__("Install") }),
      ],
      defaultButton: 0,
      checkbox: isFetch ? null : { label: trans.__("Do not ask again for this lock on this site"), checked: this.#options.remembers() },
    });
    return { install: answer.button.accept, remember: answer.isChecked === true };
  }

  told(error: unknown, source: Source): void {
    const { utils, trans } = this.#options;
    if (isLockError(error) && error.code === "declined") {
      utils.Notification.info(trans.__("Nothing was installed; the kernel has the packages of this site."), { autoClose: 5000 });
      return;
    }
    const what = {
      link: trans.__("The lock of the link is not in place"),
      notebook: trans.__("The lock of the notebook is not in place"),
      path: trans.__("The packages of this notebook are not in place"),
      site: trans.__("The kernel did not start"),
    }[source];
    const why = isLockError(error) ? factsOf(error) : error instanceof Error ? error.message : String(error);
    const then = source === "site" ? "" : ` ${trans.__("The kernel starts with the packages of this site.")}`;
    const whole = `${what}: ${why}.${then}`;
    // A notice is cut after some words.
    const actions = [{ label: trans.__("Show All"), callback: () => void this.lines(what, [`${why}.`, then.trim()].filter((line) => line !== "")) }];
    utils.Notification.error(whole, { autoClose: false, actions });
  }

  progress(received: number, total: number | null): void {
    this.onProgress(received, total);
  }

  /** Show what a lock would do; nothing is asked of the network. */
  async show(preview: Preview | null): Promise<void> {
    const { utils, trans } = this.#options;
    const body = preview === null ? [this.#text(trans.__("The link only names an address; what is in the lock is known once it is fetched."))] : this.#about(preview);
    await utils.showDialog({
      title: trans.__("What the lock would bring"),
      body: this.#body(body),
      buttons: [utils.Dialog.okButton({ label: trans.__("Close") })],
    });
  }

  /** Show lines of text. */
  async lines(title: string, lines: readonly string[]): Promise<void> {
    const { utils, trans, page = document } = this.#options;
    const list = page.createElement("ul");
    list.append(...lines.map((line) => this.#text(line, "li")));
    await utils.showDialog({ title, body: this.#body([list]), buttons: [utils.Dialog.okButton({ label: trans.__("Close") })] });
  }

  #about(preview: Preview): HTMLElement[] {
    const section = previewElement(preview, this.#options.page ?? document);
    section.className = "micropip-lock-preview";
    return [section];
  }

  #body(elements: readonly HTMLElement[]): Widget {
    const { page = document, widget } = this.#options;
    const node = page.createElement("div");
    node.style.maxHeight = "60vh";
    node.style.overflow = "auto";
    node.append(...elements);
    return widget(node);
  }

  #text(text: string, name = "p"): HTMLElement {
    const element = (this.#options.page ?? document).createElement(name);
    element.append(text);
    return element;
  }
}

function factsOf({ code, message, expected, got, hint }: { code: string; message: string; expected?: string; got?: string; hint?: string }): string {
  const sides = [expected && `expected ${expected}`, got && `got ${got}`].filter(Boolean).join(", ");
  return `${message} (${code}${sides === "" ? "" : `: ${sides}`})${hint ? `; ${hint}` : ""}`;
}
