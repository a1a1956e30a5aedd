import { describe, expect, it } from "vitest";
import { type OutputAreas, PanelTabs } from "./lab-panel.ts";
import type { NotebookPanel, Shell, Translation, Widget } from "./lab-types.ts";

class FakeWidget {
  id = "";
  title = { label: "" };
  node = { style: {} } as HTMLElement;
  isDisposed = false;
  readonly options: Record<string, unknown>;
  constructor(options: Record<string, unknown> = {}) {
    this.options = options;
  }
  dispose(): void {
    this.isDisposed = true;
  }
}

class Area extends FakeWidget {
  static readonly ran: unknown[] = [];
  static fails = false;
  static async execute(code: string, output: Widget, session: unknown): Promise<void> {
    if (Area.fails) {
      throw new Error("the kernel is gone");
    }
    Area.ran.push([code.includes("panel()"), output, session]);
  }
}

const trans = { __: (text: string, value: unknown) => text.replace("%1", String(value)) } as unknown as Translation;
const areas = { OutputAreaModel: class {}, SimplifiedOutputArea: Area } as unknown as OutputAreas;
const utils = { MainAreaWidget: FakeWidget as unknown as new (options: { content: Widget }) => Widget };

function notebookOf(id: string): NotebookPanel & { close(): void; say(now: string): void } {
  const slots: (() => void)[] = [];
  const disposed = { connect: (slot: () => void) => slots.push(slot) > 0 };
  const heard: ((sender: unknown, now: string) => void)[] = [];
  const sessionContext = { id, statusChanged: { connect: (slot: (sender: unknown, now: string) => void) => heard.push(slot) > 0 } };
  return { id, content: { rendermime: `outputs of ${id}` }, context: { path: `folder/${id}.ipynb` }, sessionContext, disposed, close: () => slots.forEach((slot) => slot()), say: (now: string) => heard.forEach((slot) => slot(null, now)) } as never;
}

describe("the panel beside a notebook", () => {
  it("is one tab for each notebook, anew each time, and goes with its notebook", async () => {
    Area.ran.length = 0;
    const added: FakeWidget[] = [];
    const active: string[] = [];
    const shell: Shell = { add: (widget, _area, { ref }) => void added.push(Object.assign(widget as unknown as FakeWidget, { ref })), activateById: (id) => void active.push(id) };
    const tabs = new PanelTabs(shell, areas, utils, trans);
    const [one, other] = [notebookOf("one"), notebookOf("other")];
    await tabs.show(one);
    await tabs.show(one);
    await tabs.show(other);
    expect(added.map(({ title, id }) => [title.label, id])).toEqual([
      ["Packages of one.ipynb", "micropip-lock-panel-1"],
      ["Packages of other.ipynb", "micropip-lock-panel-2"],
    ]);
    expect(active).toEqual(["micropip-lock-panel-1", "micropip-lock-panel-1", "micropip-lock-panel-2"]);
    const area = added[0]?.options["content"] as FakeWidget;
    expect(area.options["rendermime"]).toBe("outputs of one");
    expect(Area.ran.map((ran) => (ran as unknown[])[1])).toEqual([area, added[1]?.options["content"]]);
    expect(Area.ran[0]).toEqual([true, area, one.sessionContext]);
    // What a kernel made that is gone is made anew.
    one.say("idle");
    expect(Area.ran.length).toBe(2);
    one.say("restarting");
    one.say("idle");
    one.say("idle");
    expect([Area.ran.length, added.length]).toEqual([3, 2]);
    one.say("dead");
    Area.fails = true;
    one.say("idle");
    await new Promise((resolve) => setTimeout(resolve, 0));
    await expect(tabs.show(one)).rejects.toThrow("the kernel is gone");
    Area.fails = false;
    await tabs.show(one);
    expect([Area.ran.length, added.length]).toEqual([4, 2]);
    // Whoever closed the tab gets a new one.
    added[0]?.dispose();
    await tabs.show(one);
    expect(added.length).toBe(3);
    one.close();
    expect(added.map(({ isDisposed }) => isDisposed)).toEqual([true, false, true]);
  });
});
