"""The page for everyone: no violation that axe finds, in any light and width, and what axe cannot see."""

from __future__ import annotations

import pytest

from .browsing import axe_violations, opened

VIEWS = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "forced colours": {"forced_colors": "active"},
    "forced colours in the dark": {"forced_colors": "active", "color_scheme": "dark"},
    "320 pixels": {"viewport": {"width": 320, "height": 640}},
    "zoomed to 200%": {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2},
}
OPEN_ALL = """() => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  window.isthmus.app.set({ a: 0, b: 1, decodes: true, training: true });
  const help = document.getElementById("help");
  if (help.getAttribute("aria-expanded") === "false") help.click();
}"""
SMALL_TARGETS = """() => {
  const kinds = "a[href], button, input, select, summary, textarea, [role=button], [role=tab]";
  const shown = [...document.querySelectorAll(kinds)].filter(e => e.checkVisibility({ visibilityProperty: true }));
  return shown.map(e => {
    const target = e.matches("[type=checkbox], [type=radio], .unseen") ? e.labels[0] : e; // what is pressed for it
    const box = target.getBoundingClientRect();
    return [e.tagName, e.id || e.textContent, box.width, box.height];
  }).filter(([, , width, height]) => width < 24 || height < 24);
}"""


@pytest.fixture(scope="module", params=["digits", "table"])
def file(request):
    return request.getfixturevalue(f"{request.param}_file")


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing(browser, file, view):
    page = opened(browser, file, **VIEWS[view])
    found = axe_violations(page) if view == "light" else []  # all that is shown before is shown when all is open
    page.evaluate(OPEN_ALL)
    page.wait_for_timeout(50)
    found += axe_violations(page)
    small = page.evaluate(SMALL_TARGETS)
    wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    page.context.close()
    assert found == []
    assert small == []
    assert wide[0] <= wide[1]


def test_the_pictures_kept_in_sight_never_hide_the_focus(browser, file):
    page = opened(browser, file, viewport={"width": 390, "height": 844})
    page.focus("#paste")
    hidden = []
    for _ in range(120):
        page.keyboard.press("Shift+Tab")
        hidden += page.evaluate("""() => {
          const e = document.activeElement, trio = document.getElementById("trio").getBoundingClientRect();
          const box = e.getBoundingClientRect();
          return e.closest(".two") && e.id !== "plane" && box.bottom <= trio.bottom ? [e.outerHTML.slice(0, 80)] : [];
        }""")
    page.context.close()
    assert hidden == []


def test_the_table_of_items_breaks_no_word_where_it_is_narrow(browser, table_file):
    page = opened(browser, table_file, viewport={"width": 320, "height": 640})
    page.evaluate(OPEN_ALL)
    page.wait_for_selector("#table-rows tr >> nth=19")
    widths = page.evaluate("[...document.querySelectorAll('#table-rows button')].map(e => e.offsetWidth)")
    header = page.evaluate("document.querySelector('[data-sort=name]').offsetHeight")
    page.context.close()
    assert min(widths) > 60
    assert header < 60


PRESSED = [
    "#nearest button >> nth=1", "#strip button >> nth=3", "#table-rows button >> nth=2", "#set-a", "#set-b",
    "#legend button >> nth=1", "#layer-training", "#lasso", "#choose-view",
    "#tabs button >> nth=1", "#beside-0", "#more-rows",
]  # fmt: skip


def test_what_is_pressed_keeps_the_focus_though_its_list_is_drawn_anew(browser, digits_file):
    page = opened(browser, digits_file)
    page.evaluate("document.getElementById('table').closest('details').open = true")
    lost = []
    for selector in PRESSED:
        page.locator(selector).focus()
        section = page.evaluate("document.activeElement.closest('section, nav').outerHTML.slice(0, 60)")
        page.keyboard.press("Space")
        page.wait_for_timeout(30)
        lost += [selector] * (
            not page.evaluate(
                "start => !!document.activeElement.closest('section, nav')?.outerHTML.startsWith(start)", section
            )
        )
    assert page.evaluate("document.getElementById('table').closest('details').open")
    page.context.close()
    assert lost == []
