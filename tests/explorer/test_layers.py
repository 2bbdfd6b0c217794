"""What the map can show: uncertainty by either measure, colour by any column with its scale, one class standing out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isthmus.plots import plot_latent_plane

from .browsing import go_to, opened, state


@pytest.fixture(scope="module")
def pages(browser, digits_file, table_file):
    opened_pages = {"digits": opened(browser, digits_file), "table": opened(browser, table_file)}
    yield opened_pages
    for page in opened_pages.values():
        assert page.faults == []
        page.context.close()


def test_the_round_trip_is_measured_as_torch_measures_it(pages, small_model):
    page = pages["digits"]
    go_to(page, "#tab=0&item=5&colour=class&rank=error&layers=points,uncertainty")
    codes = np.array([[0.0, 0.0], [3.0, -2.0], [40.0, 40.0]])
    unit = small_model.fitted_.code_unit
    with torch.inference_mode():  # by the encoder alone, without polishing
        model = small_model.model_
        again = model.encode(model.decode(torch.from_numpy(codes / unit).float())).mean.numpy() * unit
    deviation = page.evaluate("window.isthmus.app.model.facts.deviation")
    trips = page.evaluate("window.isthmus.app.model.facts.trips")
    distances = np.sqrt((((again - codes) / deviation) ** 2).sum(1))
    wanted = np.interp(distances, trips, np.linspace(0, 1, len(trips)), right=1.0)
    found = page.evaluate("codes => codes.map(z => window.isthmus.app.model.trip(z))", codes.tolist())
    assert found == pytest.approx(wanted, abs=0.02)
    page.select_option("#measure", "trip")
    assert state(page)["trip"]
    assert page.evaluate("(m => m.uncertainty([40, 40]) === m.trip([40, 40]))(window.isthmus.app.model)")
    assert "encoded again" in page.inner_text("#caption")
    page.select_option("#measure", "near")
    assert page.evaluate("(m => m.uncertainty([3, -2]) === m.near([3, -2]))(window.isthmus.app.model)")


def test_training_codes_themselves_spread_over_the_quantiles(pages):
    page = pages["digits"]
    shares = page.evaluate("""() => {
      const { model } = window.isthmus.app, n = model.nKnown;
      return Array.from({ length: 200 }, (_, k) => model.trip([0, 1].map((i) => model.known[i * n + k])));
    }""")
    assert 0.35 < np.mean(shares) < 0.65


def test_any_column_of_a_table_colours_the_dots_and_has_a_scale(pages):
    page = pages["table"]
    page.select_option("#colour", label="column 7")
    assert state(page)["colour"] == "7"
    name, *shown = page.locator("#legend .small > :not(.scale)").all_inner_texts()
    assert name == "column 7"
    low, high = page.evaluate("(d => [d.reach.low[7], d.reach.high[7]])(window.isthmus.app.data)")
    assert [float(text.replace("−", "-")) for text in shown] == pytest.approx([low, high], rel=1e-3)
    page.select_option("#colour", "class")


def test_a_class_stands_out_while_its_entry_is_pointed_at(pages):
    page = pages["digits"]
    go_to(page, "#tab=0&item=5&colour=class&rank=error&layers=points,uncertainty")
    before = page.evaluate("document.getElementById('still').toDataURL()")
    page.hover("#class-4")
    assert page.evaluate("window.isthmus.app.isolated") == 4
    assert page.evaluate("document.getElementById('still').toDataURL()") != before
    page.hover("#sentence")
    assert page.evaluate("window.isthmus.app.isolated") == -1
    assert page.evaluate("document.getElementById('still').toDataURL()") == before
    page.focus("#class-4")
    assert page.evaluate("window.isthmus.app.isolated") == 4


def test_both_axes_of_the_map_have_the_same_scale(pages):
    for page in pages.values():
        x, y = page.evaluate("""() => {
          const { map } = window.isthmus.app, from = map.toScreen(0, 0), to = map.toScreen(1, 1);
          return [to[0] - from[0], from[1] - to[1]];
        }""")
        assert x == pytest.approx(y, rel=1e-9)


STROKES = """draw => {
  const { app } = window.isthmus, pen = app.map.still.getContext("2d"), cells = [];
  const { moveTo } = pen;
  pen.moveTo = (x, y) => { cells.push([x, y]); moveTo.call(pen, x, y); };
  app.set(draw);
  delete pen.moveTo;
  return cells.length;
}"""


def test_cells_without_data_are_hatched_where_uncertainty_is_off(pages):
    page = pages["digits"]
    assert page.evaluate(STROKES, {"decodes": False, "uncertainty": False, "points": False, "training": False}) == 0
    assert page.evaluate(STROKES, {"decodes": True, "uncertainty": False, "points": False, "training": False}) > 0


def test_the_ends_of_a_path_are_named_on_the_map(pages):
    named = pages["digits"].evaluate("""() => {
      const { app } = window.isthmus, pen = app.map.above.getContext("2d"), words = [];
      const { fillText } = pen;
      pen.fillText = (text, x, y) => { words.push(text); fillText.call(pen, text, x, y); };
      app.set({ a: 3, b: 5 });
      words.splice(0);
      app.map.drawHandle();
      delete pen.fillText;
      return words;
    }""")
    assert named == ["A", "B"]


def test_what_lies_beyond_the_view_is_not_drawn_over_its_margin(pages):
    outside = pages["digits"].evaluate("""() => {
      const { app } = window.isthmus, { map } = app, out = [];
      const far = (x, y, by) => Math.hypot(map.framed([x, y]).at[0] - x, map.framed([x, y]).at[1] - y) > by;
      const [still, above] = [map.still.getContext("2d"), map.above.getContext("2d")];
      app.set({ a: 3, b: 5, colour: "class", points: true });
      map.turn(6, [map.side - 40, 40], [map.side - 40, 40]);
      still.strokeText = (name, x, y) => { if (still.font.includes("15px") && far(x, y, 1)) out.push(name); };
      above.strokeText = (name, x, y) => { if (far(x, y, 20)) out.push(name); };
      above.arc = (x, y, radius) => { if (far(x, y, 1)) out.push(radius); };
      map.draw();
      for (const pen of [still, above]) { delete pen.strokeText; delete pen.arc; }
      map.reset();
      app.rest();
      return out;
    }""")
    assert outside == []


def test_a_place_beyond_the_axes_is_a_hollow_ring_at_the_edge(pages):
    rings = pages["digits"].evaluate("""() => {
      const { app } = window.isthmus, { map } = app, pen = map.above.getContext("2d"), drawn = [];
      app.set({ a: -1, b: -1 });
      app.moveTo(map.code(1e4, 0));
      pen.arc = (x, y, radius) => drawn.push([map.framed([x, y]).inside, radius]);
      map.drawHandle();
      delete pen.arc;
      return drawn;
    }""")
    assert rings == [[True, 9], [True, 9]]


def test_a_class_has_the_colour_that_the_figure_gives_it(pages, small_model, digits):
    _, X, _, y = digits
    figure = plot_latent_plane(small_model.transform(X), y)
    drawn = [collection.get_facecolor()[0][:3] for collection in figure.axes[0].collections]
    page = pages["digits"]
    page.select_option("#colour", "class")
    shown = page.evaluate("window.isthmus.app.group.colours")
    assert shown == ["#" + "".join(f"{round(255 * share):02x}" for share in colour) for colour in drawn]
