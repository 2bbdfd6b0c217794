"use strict";
/* A training watched: codes, errors and eight reconstructed digits, epoch by epoch, beside the best flat sheet. */

(() => {
  const { plane, picture, difference, number, COLOURS, key } = isthmus;
  const LOW = 0.02, HIGH = 0.09, SIDE = 320, CELL = 5.5, ACROSS = 50, LEFT = 78;
  const PLANES = new Map();

  const last = ({ runs, run }) => runs[run].pages.length - 1;

  /** Epochs saved are evenly apart, since most happens in the first of them. */
  function curvePlane({ runs }) {
    const most = Math.max(...runs.map(({ pages }) => pages.length)) - 1;
    if (!PLANES.has(most)) PLANES.set(most, plane({ x: [0, most], y: [LOW, HIGH], width: 340, height: 240, margin: 34 }));
    return PLANES.get(most);
  }

  function compute(state) {
    const { runs, run, originals, pca, mean } = state;
    const k = Math.min(state.k, last(state)), { epoch, train, test, reconstructed } = runs[run].pages[k];
    const residuals = originals.map((x, at) => x.map((value, pixel) => value - reconstructed[at][pixel]));
    const errors = residuals.map((row) => row.reduce((sum, value) => sum + value * value, 0) / row.length);
    return { k, epoch, train, test, residuals, errors, explained: 1 - test / mean, explained_by_pca: 1 - pca.error / mean };
  }

  function view(state, numbers) {
    return `<div class="beside">${codes(state, numbers)}<div class="sum">${curves(state, numbers)}${words(state, numbers)}</div></div>
      ${pictures(state, numbers)}${controls(state, numbers)}`;
  }

  /** One frame for a whole training, so what moves is the codes. */
  function codes({ runs, run, labels }, { k, epoch }) {
    const pages = runs[run].pages, all = pages.flatMap((page) => page.codes);
    const [low, high] = [Math.min, Math.max].map((of) => [0, 1].map((axis) => of(...all.map((code) => code[axis]))));
    const on = plane({ x: [low[0], high[0]], y: [low[1], high[1]], width: SIDE, height: SIDE, margin: 10 });
    const dots = pages[k].codes.map((code, at) =>
      `<circle cx="${on.x(code[0])}" cy="${on.y(code[1])}" r="3.5" fill="${COLOURS[labels[at]]}"/>`);
    return `<svg viewBox="0 0 ${SIDE} ${SIDE + 24}" role="img" aria-label="The plane of codes after epoch ${epoch}, a dot for each digit, coloured by its kind">
      <rect class="frame" x="1" y="1" width="${SIDE - 2}" height="${SIDE - 2}"/>${dots.join("")}${key({ x: 18, y: SIDE + 14, apart: 30 })}</svg>`;
  }

  function curves(state, { k, test, epoch }) {
    const { runs, run, pca, mean } = state, on = curvePlane(state), { right } = on.bounds;
    const path = (pages, name, style) =>
      `<path d="M${pages.map((page, at) => on.at([at, Math.min(page[name], 2 * HIGH)])).join("L")}" style="fill:none;${style}"/>`;
    const level = (value, colour, name) => `<path d="M${on.at([0, value])}H${on.x(right)}" style="stroke:var(${colour});stroke-dasharray:2 3;stroke-width:1.5"/>
      <text x="${on.x(0) + 4}" y="${on.y(value) - 4}" style="fill:var(${colour});font-size:11px">${name}</text>`;
    const longest = runs.reduce((a, b) => (a.pages.length > b.pages.length ? a : b)).pages;
    const across = longest.map((page, at) => at % 3 && at < right ? "" :
      `<text x="${on.x(at)}" y="${on.y(LOW) + 14}" text-anchor="middle">${page.epoch}</text>`);
    const up = [0.02, 0.04, 0.06, 0.08].map((value) =>
      `<text x="${on.x(0) - 5}" y="${on.y(value) + 4}" text-anchor="end">${number(value, 2)}</text>`);
    const place = on.inside([k, test]);
    return `<svg viewBox="0 0 ${on.width} ${on.height}" style="max-width:360px" role="group" aria-label="The error against epochs">
      <g class="axes" aria-hidden="true"><path d="M${on.at([0, HIGH])}V${on.y(LOW)}H${on.x(right)}"/>${across.join("")}${up.join("")}
      <text x="${on.x(right)}" y="${on.y(LOW) + 28}" text-anchor="end" class="name">epoch</text>
      <text x="2" y="${on.y(HIGH) - 12}" class="name">error of a grey value</text></g>
      <clipPath id="bend-frame"><rect x="${on.x(0)}" y="${on.y(HIGH)}" width="${on.x(right) - on.x(0)}" height="${on.y(LOW) - on.y(HIGH)}"/></clipPath>
      <g clip-path="url(#bend-frame)">${runs.map(({ pages }, at) => at === run ? "" : path(pages, "test", "stroke:var(--faint);stroke-width:1.5")).join("")}
      ${path(runs[run].pages, "train", "stroke:var(--model);stroke-width:1")}${path(runs[run].pages, "test", "stroke:var(--model);stroke-width:2.5")}</g>
      ${level(mean, "--faint", "the mean picture")}${level(pca.error, "--pca", "PCA")}
      <g data-handle="ring" aria-label="The epoch, moved by dragging or by the arrow keys">
      <circle class="grip" cx="${on.x(place[0])}" cy="${on.y(place[1])}" r="18"/>
      <circle class="puck" cx="${on.x(place[0])}" cy="${on.y(place[1])}" r="7"/></g></svg>`;
  }

  function words({ runs, run, pca }, { epoch, test, explained, explained_by_pca: byPca }) {
    const than = test < pca.error ? "under PCA's" : "<b class=\"removed\">over PCA's</b>";
    const beside = Math.abs(test - pca.error) < 1e-6 ? "PCA's own" : than;
    return `<p><b>${runs[run].name}</b>, after epoch <b>${epoch}</b></p>
      <p>error <b>${number(test, 4)}</b>, ${beside} ${number(pca.error, 4)}</p>
      <p>R² = <b>${number(explained, 3)}</b>, PCA's is ${number(byPca, 3)}</p>`;
  }

  function pictures({ runs, run, originals, kinds, pca }, { k, errors }) {
    const reconstructed = runs[run].pages[k].reconstructed, line = (at) => at * ACROSS;
    const row = (name, at, draw) => `<text x="0" y="${line(at) + 27}" style="font-size:16px">${name}</text>${kinds.map((kind, column) => draw(column, LEFT + column * ACROSS, line(at), kind)).join("")}`;
    const greys = (rows, what) => (column, x, y, kind) =>
      picture(rows[column], { width: 8, cell: CELL, x, y, label: `${what} ${kind}` });
    const off = (column, x, y) => difference(originals[column], reconstructed[column], { cell: CELL, x, y });
    const sums = errors.map((value, column) =>
      `<text x="${LEFT + column * ACROSS + 4 * CELL}" y="${line(4) + 12}" text-anchor="middle" style="font-size:15px">${number(value, 3)}</text>`);
    return `<svg viewBox="0 0 ${LEFT + 8 * ACROSS} ${line(4) + 18}" style="max-width:560px;margin-top:1rem" role="group" aria-label="Eight unseen digits, reconstructed">
      ${row("the digit", 0, greys(originals, "the"))}${row("by PCA", 1, greys(pca.reconstructed, "PCA's"))}
      ${row("network", 2, greys(reconstructed, "the network's"))}${row("difference", 3, off)}<text x="0" y="${line(4) + 12}" style="font-size:16px">error</text>${sums.join("")}</svg>`;
  }

  function controls(state, { k, epoch }) {
    const { runs, run } = state;
    const buttons = runs.map(({ name }, at) =>
      `<button type="button" data-set='{"run": ${at}}' aria-pressed="${at === run}" ${at === run ? 'style="border-color:var(--model)"' : ""}>${name}</button>`);
    return `<div class="controls"><label style="flex:1 1 100%">epoch ${epoch}<input type="range" data-state="k" min="0" max="${last(state)}" step="1" value="${k}" aria-label="epoch" aria-valuetext="epoch ${epoch}"></label>
      <button type="button" data-play="k">play</button>${buttons.join("")}<button type="button" data-set>back to the start</button></div>`;
  }

  isthmus.widget("bend", {
    compute,
    view,
    handles: {
      ring: {
        plane: curvePlane,
        step: 1,
        at: (state) => { const k = Math.min(state.k, last(state)); return [k, state.runs[state.run].pages[k].test]; },
        move: (state, [x]) => ({ k: Math.min(last(state), Math.round(x)) }),
        said: (_, { epoch, test, explained }) => `epoch ${epoch}; the error is ${number(test, 4)}; R squared is ${number(explained, 3)}`,
      },
    },
  });
})();
