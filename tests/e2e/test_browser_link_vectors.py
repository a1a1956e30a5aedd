"""Lock links in a page of Chromium: its own inflater and hash, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.contract.plain_wheels import bundled
from tests.core.link_vectors import PATH
from tests.e2e.chromium import Web

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_links_in_a_page(web: Web, tmp_path: Path) -> None:
    """The vectors hold there, for reading and for writing, and no link makes the page ask for anything."""
    vectors = json.loads(PATH.read_bytes())
    module = bundled("link.test-judge.ts", tmp_path).name
    address = web.index.mount("/link-judge/", tmp_path) + module
    questions = []
    for vector in vectors:
        runtime = {"runtimeLock": json.dumps({"packages": vector["runtime"]})} if "runtime" in vector else {}
        questions.append({"link": vector["link"], **runtime})
    page = await web.browser.new_page()
    try:
        await page.goto(f"{web.pages['page']}index.html?in=nowhere")
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        told = await page.evaluate(
            """async ([address, questions]) => {
                const { answer } = await import(address);
                const told = [];
                for (const one of questions) {
                    const says = await answer(one);
                    const link = says.lock === undefined ? one.link : await answer({ lock: says.lock });
                    told.push([says, says.lock === undefined || (await answer({ link })).id === says.id]);
                }
                return told;
            }""",
            [address, questions],
        )
    finally:
        await page.close()
    read = [{**one, "lock": json.loads(one["lock"])} if "lock" in one else one for one, _ in told]

    assert [one["says"] for one in vectors] == read
    assert [True] * len(vectors) == [again for _, again in told]
    assert [address] == requests
