"""The explorer page measured in headless Chromium: size, first paint, decodes per second, frames while moving.

    python benchmarks/explorer.py              # needs chromium; writes the table of docs/explorer.md
    python benchmarks/explorer.py --pictures   # writes docs/images/explorer-light.png, -dark.png and the moving
    explorer.webp

*First paint* is the first contentful paint of the page opened from disk, *ready* is when the first decode is shown
beside its original; both are the minimum of five loads. *Decodes* are counted over half a second, one item after
another. A *move* is all the work for one move of the pointer: decode, pictures, handle, sliders; a *map* is one drawing
of it with every dot, as when two fingers move it: the median and the slowest of 60. The *mosaic* draws 16 by 16
decodes. Other work on the machine slows all of these.
"""

from __future__ import annotations

import itertools
import json
import platform
import re
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

import isthmus
from isthmus.explorer import write_explorer
from isthmus.tables import DataError, load_bundled, split_table

ROOT = Path(__file__).parent.parent
RESULTS, PAGE, IMAGES = ROOT / "benchmarks/results/explorer.json", ROOT / "docs/explorer.md", ROOT / "docs/images"
MARKS = ("<!-- measured -->", "<!-- /measured -->")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
WATCH = """new MutationObserver(() => { window.readyAt ??= performance.now(); })
  .observe(document, { subtree: true, attributes: true, attributeFilter: ["data-ready"] })"""
MEASURE = """() => {
  const { app } = window.isthmus, { model, data, map } = app;
  const rate = work => {
    const begin = performance.now();
    let count = 0;
    while (performance.now() - begin < 500) work(count++);
    return (1000 * count) / (performance.now() - begin);
  };
  const frames = work => {
    const times = Array.from({ length: 60 }, (_, k) => {
      const begin = performance.now();
      work(k);
      return performance.now() - begin;
    });
    times.sort((a, b) => a - b);
    return [times[30], times[59]];
  };
  const decodes = rate(k => model.decode(model.code(k % data.n)));
  const codes = [0, 1].map(item => model.code(item % data.n));
  const move = frames(k => app.moveTo(codes[0].map((value, i) => value + (codes[1][i] - value) * k / 60)));
  const pan = frames(k => map.draw(true));
  let mosaic = null;
  if (data.pictures && model.size > 1) {
    app.set({ decodes: false });
    app.set({ points: false, uncertainty: false });
    const bare = frames(() => map.draw())[0];
    app.set({ decodes: true });
    mosaic = Math.max(0, frames(() => map.draw())[0] - bare);
  }
  return { decodes, move, pan, mosaic, items: data.n };
}"""  # fmt: skip


def digits(size: int, **settings):
    table = load_bundled("digits")
    train, test = split_table(table, 0.2, 42)
    model = isthmus.Autoencoder(size, random_state=0, **settings).fit(table.values[train])
    return (
        model,
        table.values[test],
        table.labels[test],
        table.values[train],
        {"image_shape": (8, 8), "title": "digits"},
    )


def fashion():
    table = load_bundled("fashion-mnist")
    train, test = split_table(table, 0.2, 42)
    model = isthmus.Autoencoder(32, max_iter=3, random_state=0).fit(table.values[train])
    said = {"image_shape": (28, 28), "title": "Fashion-MNIST"}
    return model, table.values[test], table.labels[test], table.values[train], said


def thirty_columns():
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    X, y = found.data, found.target_names[found.target]
    model = isthmus.Autoencoder(4, scale="standard", random_state=0).fit(X[:400])
    return model, X[400:], y[400:], X[:400], {"columns": found.feature_names, "title": "breast cancer"}


def fifty_thousand():
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((52_000, 2))
    X = np.tanh(hidden @ rng.standard_normal((2, 8))) + 0.05 * rng.standard_normal((52_000, 8))
    model = isthmus.Autoencoder(2, max_iter=2, random_state=0).fit(X[:2_000])
    return (
        model,
        X[2_000:],
        np.where(hidden[2_000:, 0] > 0, "upper", "lower"),
        X[:2_000],
        {"title": "fifty thousand rows"},
    )


WORKS = {
    "digits to 2": lambda: digits(2),
    "digits to 1": lambda: digits(1),
    "digits to 64": lambda: digits(64, max_iter=5),
    "Fashion-MNIST to 32": fashion,
    "30 columns to 4": thirty_columns,
    "50,000 rows to 2": fifty_thousand,
}


def load(browser, path, **context):
    page = browser.new_context(viewport={"width": 1280, "height": 1000}, **context).new_page()
    page.add_init_script(WATCH)
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready=yes]", state="attached")
    return page


def measured(browser, path: Path) -> dict[str, object]:
    paints, ready = [], []
    for _ in range(5):
        page = load(browser, path)
        ready.append(page.evaluate("window.readyAt"))
        page.wait_for_timeout(100)
        paints.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        page.context.close()
    page = load(browser, path)
    figures = page.evaluate(MEASURE)
    page.context.close()
    return {"bytes": path.stat().st_size, "paint": min(paints), "ready": min(ready), **figures}


def rows_of(results: dict[str, dict]) -> str:
    lines = [
        "| page | size, KB | items | first paint, ms | ready, ms | decodes a second | a move, ms (slowest) "
        "| map with all dots, ms (slowest) | mosaic, ms |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, found in results.items():
        mosaic = "" if found["mosaic"] is None else f"{found['mosaic']:.0f}"
        (move, slow_move), (pan, slow_pan) = found["move"], found["pan"]
        lines.append(
            f"| {name} | {found['bytes'] / 1000:,.0f} | {found['items']:,} "
            f"| {found['paint']:.0f} | {found['ready']:.0f} | {found['decodes']:,.0f} "
            f"| {move:.1f} ({slow_move:.1f}) | {pan:.1f} ({slow_pan:.1f}) | {mosaic} |"
        )
    return "\n".join(lines)


def write_pictures(browser, path: Path) -> None:
    """The page as it opens, in light and in dark, small enough for a README."""
    from PIL import Image

    for scheme in ("light", "dark"):
        page = load(browser, path, color_scheme=scheme)
        page.wait_for_timeout(300)
        picture = IMAGES / f"explorer-{scheme}.png"
        end = page.locator("#legend").bounding_box()
        height = end["y"] + end["height"] + 16
        page.screenshot(path=picture, clip={"x": 0, "y": 0, "width": 1280, "height": height})
        Image.open(picture).convert("RGB").save(picture, optimize=True)
        page.context.close()


POINTER = """() => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  made.setAttribute("viewBox", "0 0 16 22");
  window.pointer = made;
  made.innerHTML = '<path d="M1 1v17l4-4 3 7 3-1-3-7h6z" fill="#fff" stroke="#000" stroke-width="1.2"/>';
  Object.assign(made.style, { position: "fixed", width: "16px", height: "22px", zIndex: 9, pointerEvents: "none" });
  document.body.append(made);
}"""
STOPS = (9, 0, 6, 4, 1, 7, 2, 3, 9)  # digits whose middle the pointer passes, in this order
FRAMES, WIDE, MILLISECONDS = 4, 800, 140


def write_animation(browser, path: Path) -> None:
    """The pointer on its way over the map of the digits, and what it shows, for the top of the README."""
    from io import BytesIO

    from PIL import Image

    page = load(browser, path)
    page.evaluate(POINTER)
    page.evaluate("window.isthmus.app.set({ a: -1, b: -1 })")
    middles = page.evaluate(
        """stops => { const { map, data } = window.isthmus.app;
      const edge = map.above.getBoundingClientRect();
      return stops.map((digit) => {
        const spots = map.spots.filter((_, item) => data.label(item) === String(digit));
        const median = (i) => spots.map((s) => s[i]).sort((a, b) => a - b)[spots.length >> 1];
        return [edge.left + median(0), edge.top + median(1)];
      }) }""",
        list(STOPS),
    )
    end = page.locator("#legend").bounding_box()
    clip = {"x": 0, "y": 0, "width": 1280, "height": end["y"] + end["height"] + 12}
    frames = []
    for (x, y), (to_x, to_y) in itertools.pairwise(middles):
        for step in range(FRAMES):
            share = step / FRAMES
            at = [x + share * (to_x - x), y + share * (to_y - y)]
            page.mouse.move(*at)
            page.evaluate(
                "([x, y]) => Object.assign(window.pointer.style, { left: `${x}px`, top: `${y}px` })",
                at,
            )
            page.wait_for_timeout(200)
            frame = Image.open(BytesIO(page.screenshot(clip=clip))).convert("RGB")
            frames.append(frame.resize((WIDE, round(WIDE * frame.height / frame.width)), Image.Resampling.LANCZOS))
    first, *rest = frames
    first.save(
        IMAGES / "explorer.webp", save_all=True, append_images=rest, duration=MILLISECONDS, loop=0, quality=50, method=6
    )
    page.context.close()


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("benchmarks/explorer.py: no chromium; install it with: sudo apt install chromium")
    warnings.simplefilter("ignore")
    only_pictures = "--pictures" in sys.argv
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=FLAGS)
        results = {}
        for name, work in WORKS.items():
            path = Path(folder) / f"{name}.html"
            try:
                model, X, y, X_train, said = work()
            except DataError as error:
                print(f"{name}: left out: {error}")
                continue
            write_explorer(model, path, X, y, X_train=X_train, **said)
            if only_pictures:
                write_pictures(browser, path)
                write_animation(browser, path)
                return
            results[name] = measured(browser, path)
            print(name, results[name], flush=True)
        version = browser.version
        browser.close()
    RESULTS.write_text(
        json.dumps({"chromium": version, "machine": platform.machine(), "pages": results}, indent=1) + "\n"
    )
    table = rows_of(results) + f"\n\nHeadless Chromium {version}, no GPU, one window."
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(
        re.sub(f"{MARKS[0]}.*{MARKS[1]}", lambda _: f"{MARKS[0]}\n{table}\n{MARKS[1]}", text, flags=re.DOTALL)
    )


if __name__ == "__main__":
    main()
