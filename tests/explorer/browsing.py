"""A page opened in Debian's Chromium without windows, or in the one with them, and what it says of itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")  # a page takes half the time in it
AXE = Path(__file__).resolve().parents[2] / "explorer" / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def opened(browser, path: Path, fragment: str = "", **context):
    """The page in a window of its own, with what it asked for and what went wrong in it."""
    page = browser.new_context(**context).new_page()
    page.requests, page.faults = [], []
    page.on("request", lambda request: page.requests.append(request.url))
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda said: page.faults.append(said.text) if said.type in ("error", "warning") else None)
    page.goto(path.as_uri() + fragment)
    try:
        page.wait_for_selector("html[data-ready=yes]", state="attached", timeout=60_000)
    except Exception:
        pytest.fail(f"the page did not start: {page.faults}")
    return page


def state(page):
    return page.evaluate("({...window.isthmus.app.state})")


def go_to(page, fragment: str) -> None:
    """The state that an address holds, as if it had been typed."""
    page.evaluate(
        "hash => new Promise(done => { addEventListener('hashchange', () => setTimeout(done), { once: true });"
        "location.hash = `${hash}&visit=${performance.now()}` })",
        fragment,
    )


def axe_violations(page) -> list[str]:
    """What axe-core finds wrong, one line an element."""
    if not AXE.is_file():
        pytest.skip("axe-core is missing; make front puts it there where npm is")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}" for rule in found for node in rule["nodes"]]
