/**
 * A preview as elements of a page.
 *
 * Rule: every text of a lock is put in as a text node; no markup is ever parsed, no attribute holds data.
 *
 * Left to others: what is in it (`preview.ts`), the dialog around it, its looks.
 */

import { type Preview, UNTOLD } from "./preview.ts";
import { besideLines, facts, packageCells, summary, visible } from "./preview-text.ts";

const COLUMNS = ["package", "version", "size", "from", "here"];

/**
 * A `<section>` that shows a preview: what and how much, who, what to look at twice, and every package in a table.
 *
 * @param page Makes the elements; default: this page.
 */
export function previewElement(preview: Preview, page: Document = document): HTMLElement {
  const element = (name: string, ...inside: readonly (Node | string)[]): HTMLElement => {
    const made = page.createElement(name);
    made.append(...inside);
    return made;
  };
  const cells = (kind: string, texts: readonly string[]): HTMLElement =>
    element("tr", ...texts.map((text) => element(kind, text)));
  const withHere = preview.packages.some(({ change }) => change !== null);
  const columns = (texts: readonly string[]): readonly string[] => (withHere ? texts : texts.slice(0, -1));
  return element(
    "section",
    element("p", element("strong", summary(preview)), `, for ${visible(preview.abi)}`),
    element("ul", ...[...facts(preview), ...besideLines(preview)].map(listed)),
    element(
      "details",
      element("summary", "every package"),
      element(
        "table",
        element("thead", cells("th", columns(COLUMNS))),
        element("tbody", ...preview.packages.map((one) => cells("td", columns(packageCells(one))))),
      ),
    ),
    element("p", element("small", UNTOLD)),
    element("p", element("small", "lock ", element("code", visible(preview.lock)))),
  );

  function listed(text: string): HTMLElement {
    const [head, ...rest] = text.split("warning: ");
    return head === "" ? element("li", element("strong", "warning:"), ` ${rest.join("warning: ")}`) : element("li", text);
  }
}
