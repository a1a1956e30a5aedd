"""A JupyterLite site in Chromium: kernels that are started as a notebook starts them, and asked for values.

Rules this file keeps:

1. No name but that of this machine can be resolved: whatever asks an outside host fails.
2. What a page logs as an error, or throws and nobody catches, fails the test that opened it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from tests.e2e.chromium import FLAGS, chromium_path

_FORGIVEN: Final = {"/favicon.ico": "browsers look for one at the root of the server, above the site"}
_MARK: Final = "answer of the kernel: "
_NO_OTHER_HOST: Final = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"

# What a person sees of a cell, and when a kernel is ready.
DRIVER: Final = """
window.lab = {
  connections: [],
  async ready() {
    const app = window.jupyterapp;
    // Which kernels there are is known when every plugin is active.
    await app.restored;
    while (!app.serviceManager.kernelspecs.specs?.kernelspecs.python) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      await app.serviceManager.kernelspecs.refreshSpecs();
    }
  },
  async start(path) {
    const app = window.jupyterapp;
    await lab.ready();
    const connection = await app.serviceManager.sessions.startNew({
      path, name: path, type: "notebook", kernel: { name: "python" },
    });
    window.lab.connections.push(connection);
    return window.lab.connections.length - 1;
  },
  async open(path, metadata, sources) {
    const app = window.jupyterapp;
    await app.restored;
    const told = { kernelspec: { name: "python" }, ...metadata };
    const cells = sources.map((source, at) => (
      { cell_type: "code", id: `cell-${at}`, metadata: {}, source, outputs: [], execution_count: null }
    ));
    const content = { cells, metadata: told, nbformat: 4, nbformat_minor: 5 };
    await app.serviceManager.contents.save(path, { type: "notebook", format: "json", content });
    await app.commands.execute("docmanager:open", { path });
  },
  async current() {
    for (;;) {
      const panel = window.jupyterapp.shell.currentWidget;
      const session = panel?.sessionContext?.session;
      if (session?.kernel) {
        window.lab.connections.push({
          get kernel() {
            return panel.sessionContext.session.kernel;
          },
        });
        return window.lab.connections.length - 1;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  },
  async run(number, code) {
    const outputs = [];
    const future = window.lab.connections[number].kernel.requestExecute({ code });
    future.onIOPub = (message) => outputs.push([message.header.msg_type, message.content]);
    const reply = await future.done;
    return [reply.content.status, outputs];
  },
  async restart(number) {
    await window.lab.connections[number].kernel.restart();
  },
};
"""


@dataclass(kw_only=True, slots=True)
class LabKernel:
    """One running kernel.

    Attributes:
        page: The page that it belongs to.
        number: Among the kernels of that page.
        printed: What the last code printed.
    """

    page: Page
    number: int
    printed: list[str] = field(default_factory=list)

    async def run(self, code: str) -> str | None:
        """Run a cell; its traceback when it fails."""
        status, outputs = await self.page.evaluate("([number, code]) => lab.run(number, code)", [self.number, code])
        self.printed = [content["text"] for kind, content in outputs if kind == "stream"]
        failures = ["\n".join(content["traceback"]) for kind, content in outputs if kind == "error"]
        return None if status == "ok" else "\n".join(failures) or status

    async def ask(self, code: str) -> Any:
        """Run a cell that assigns ``answer``; that value, by way of JSON."""
        failure = await self.run(f"{code}\nimport json\nprint({_MARK!r} + json.dumps(answer))\n")
        assert failure is None, failure
        (line,) = (line for line in "".join(self.printed).splitlines() if line.startswith(_MARK))
        return json.loads(line.removeprefix(_MARK))

    async def restart(self) -> None:
        """Restart it, as the button does."""
        await self.page.evaluate("number => lab.restart(number)", self.number)


@dataclass(kw_only=True, slots=True)
class Lab:
    """One visitor's browser.

    Attributes:
        context: What the visitor keeps between visits.
        errors: What pages logged as errors or threw.
    """

    context: BrowserContext
    errors: list[str] = field(default_factory=list)

    async def open(self, url: str) -> Page:
        """Open an address of the site, until its application is there."""
        page = await self.context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda message: self._heard(message))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        await page.add_init_script(DRIVER)
        await page.goto(url)
        await page.wait_for_function("window.jupyterapp !== undefined")
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url')})")

    async def notebook(self, page: Page, path: str, metadata: Mapping[str, object], cells: Sequence[str] = ()) -> None:
        """Write a notebook and open it, as a double click does."""
        given = [path, dict(metadata), list(cells)]
        await page.evaluate("([path, metadata, cells]) => lab.open(path, metadata, cells)", given)
        await page.wait_for_selector(".jp-NotebookPanel .jp-Toolbar")

    async def opened(self, page: Page) -> LabKernel:
        """The kernel of the notebook that is open, once it is connected."""
        return LabKernel(page=page, number=await page.evaluate("() => lab.current()"))

    async def kernel(self, page: Page, path: str = "notebook.ipynb") -> LabKernel:
        """Start a kernel as a notebook of this path does."""
        return LabKernel(page=page, number=await page.evaluate("path => lab.start(path)", path))


@contextlib.asynccontextmanager
async def secluded_chromium() -> AsyncIterator[Browser]:
    """A running Chromium that can reach this machine only."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=[*FLAGS, _NO_OTHER_HOST])
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def visitor(browser: Browser, *, forgiven: Mapping[str, str] | None = None) -> AsyncIterator[Lab]:
    """A visitor who was never here before.

    Args:
        browser: A running Chromium.
        forgiven: Parts of error messages that the test provokes, and why.
    """
    context = await browser.new_context()
    lab = Lab(context=context)
    try:
        yield lab
        unexpected = [
            error for error in lab.errors if not any(part in error for part in {**_FORGIVEN, **(forgiven or {})})
        ]
        assert not unexpected, unexpected
    finally:
        await context.close()
