"""What axe-core finds in a page: accessibility, as far as a program can tell."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from playwright.async_api import Page

_AXE: Final = Path(__file__).parents[2] / "js/node_modules/axe-core/axe.min.js"
_RUN: Final = """
async (part) => {
  const { violations, passes } = await axe.run(part);
  if (passes.length < 5) throw new Error("axe looked at nothing");
  return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
}
"""


async def violations(page: Page, part: str = "body") -> list[object]:
    """What is wrong with a part of a page, a CSS selector."""
    if not await page.evaluate("'axe' in globalThis"):
        await page.add_script_tag(path=_AXE)
    found: list[object] = await page.evaluate(_RUN, part)
    return found
