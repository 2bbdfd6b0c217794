"use strict";
/* What a code of p numbers loses: PCA and networks against size, a digit at the size chosen, and the smallest that will do. */

(() => {
  const { plane, picture, difference, number } = isthmus;
  const LEAST = 0.01, WIDEST = 40, CELL = 9;
  const PLANE = plane({ x: [0, Math.log2(WIDEST)], y: [Math.log10(LEAST), 0], width: 380, height: 340, margin: 40 });
  const at = (size, share) => PLANE.at([Math.log2(size), Math.log10(Math.max(LEAST, share))]);

  function compute({ pages, pca, originals, k, digit, allowed }) {
    const page = pages[k], { size, mean } = page, whole = pca[0], limit = (allowed / 100) * whole;
    const off = (reconstructed) => originals[digit].map((value, pixel) => value - reconstructed[pixel]);
    const error = (rest) => rest.reduce((sum, value) => sum + value * value, 0) / rest.length;
    const residual = off(page.reconstructed[digit]);
    return {
      size,
      lost: mean / whole,
      lost_by_pca: pca[size] / whole,
      residual,
      error: error(residual),
      error_by_pca: error(off(page.pca[digit])),
      equal: pca.findIndex((value) => value <= mean), // −1: more than the curve shows
      needed: pages.find((one) => one.mean <= limit)?.size ?? null,
      needed_by_pca: pca.findIndex((value) => value <= limit),
    };
  }

  function view(state, numbers) {
    return `<div class="beside">${curves(state, numbers)}<div class="sum">${digit(state, numbers)}</div></div>${controls(state, numbers)}`;
  }

  function curves({ pages, pca, k, allowed }, { lost, needed, needed_by_pca: byPca }) {
    const whole = pca[0], [left, right] = [PLANE.x(0), PLANE.x(Math.log2(WIDEST))], bottom = PLANE.y(Math.log10(LEAST));
    const across = pages.map(({ size }) => [12, 24].includes(size) ? "" : `<text x="${PLANE.x(Math.log2(size))}" y="${bottom + 15}" text-anchor="middle">${size}</text>`);
    const up = [1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01].map((share) => `<text x="${left - 5}" y="${PLANE.y(Math.log10(share)) + 4}" text-anchor="end">${number(100 * share)}</text>`);
    const band = [...pages.map((page) => at(page.size, page.low / whole)), ...pages.map((page) => at(page.size, page.high / whole)).reverse()];
    const dots = pages.map((page, place) => `<circle cx="${PLANE.x(Math.log2(page.size))}" cy="${PLANE.y(Math.log10(page.mean / whole))}" r="${page.size === needed ? 6 : 4}"
      style="fill:${page.size === needed ? "var(--lost)" : "var(--model)"}"/>`);
    const limit = PLANE.y(Math.log10(allowed / 100)), [x, y] = [PLANE.x(Math.log2(pages[k].size)), PLANE.y(Math.log10(lost))];
    const mark = byPca < 1 ? "" : `<circle cx="${PLANE.x(Math.log2(byPca))}" cy="${PLANE.y(Math.log10(pca[byPca] / whole))}" r="6" style="fill:none;stroke:var(--lost);stroke-width:2.5"/>`;
    return `<svg viewBox="0 0 ${PLANE.width} ${PLANE.height}" role="group" aria-label="The share of variance lost against the numbers in the code, for PCA and for networks">
      <g class="axes" aria-hidden="true"><path d="M${left},${PLANE.y(0)}V${bottom}H${right}"/>${across.join("")}${up.join("")}
      <text x="${right}" y="${bottom + 31}" text-anchor="end" class="name">p, numbers in the code</text>
      <text x="4" y="${PLANE.y(0) - 16}" class="name">variance lost, %</text></g>
      <path d="M${left},${limit}H${right}" style="stroke:var(--lost);stroke-width:1.5;stroke-dasharray:5 4"/>
      <path d="M${pca.slice(1, WIDEST + 1).map((value, place) => at(place + 1, value / whole)).join("L")}" style="fill:none;stroke:var(--pca);stroke-width:2"/>
      <path d="M${band.join("L")}Z" style="fill:var(--model);opacity:.35"/>
      <path d="M${pages.map((page) => at(page.size, page.mean / whole)).join("L")}" style="fill:none;stroke:var(--model);stroke-width:1.5"/>
      <text x="${PLANE.x(Math.log2(10))}" y="${PLANE.y(Math.log10(pca[10] / whole)) - 10}" style="fill:var(--pca)">PCA</text>
      <text x="${PLANE.x(Math.log2(1.5))}" y="${PLANE.y(Math.log10(0.25))}" style="fill:var(--model)">networks</text>${mark}
      <g data-handle="size" aria-label="The size of the code: click a dot, drag, or use the arrow keys">
      <rect x="${left}" y="${PLANE.y(0)}" width="${right - left}" height="${bottom - PLANE.y(0)}" style="fill:transparent"/>${dots.join("")}
      <circle class="grip" cx="${x}" cy="${y}" r="18"/><circle class="puck" cx="${x}" cy="${y}" r="9" style="stroke-width:2.5"/></g></svg>`;
  }

  function digit({ pages, originals, kinds, k, digit: which, allowed }, numbers) {
    const page = pages[k], step = 8 * CELL + 28, kind = kinds[which];
    const draw = (row, column, line, label) => picture(row, { width: 8, cell: CELL, x: column * step, y: line * (step - 8), label });
    const caption = (text, column, line) => `<text x="${column * step}" y="${line * (step - 8) + 8 * CELL + 14}">${text}</text>`;
    const than = numbers.equal < 0 ? "to do as well, PCA needs more than are drawn" : `to do as well, PCA needs <b>${numbers.equal}</b>`;
    const words = numbers.needed === null ? "no size tried" : `<b class="removed">${numbers.needed}</b> of those tried`;
    return `<svg viewBox="0 0 ${2 * step} ${2 * step - 18}" style="max-width:210px">
      ${draw(originals[which], 0, 0, `the ${kind}`)}${draw(page.pca[which], 1, 0, `reconstructed by PCA from ${page.size}`)}
      ${draw(page.reconstructed[which], 0, 1, `reconstructed by the network from ${page.size}`)}
      ${difference(originals[which], page.reconstructed[which], { cell: CELL, x: step, y: step - 8 })}
      ${caption(`the ${kind}`, 0, 0)}${caption("by PCA", 1, 0)}${caption("network", 0, 1)}${caption("difference", 1, 1)}</svg>
      <p>code of <b>${page.size}</b>: ${bars(page.code[which])}</p>
      <p>lost, all digits: <b>${number(100 * numbers.lost, 1)} %</b>, by PCA ${number(100 * numbers.lost_by_pca, 1)} %</p>
      <p>${than}</p>
      <p>this digit's error: <b>${number(numbers.error, 4)}</b>, by PCA ${number(numbers.error_by_pca, 4)}</p>
      <h3>To lose at most ${allowed}%</h3>
      <p>networks: ${words}; PCA: ${numbers.needed_by_pca < 0 ? "more than are drawn" : `<b>${numbers.needed_by_pca}</b>`}</p>`;
  }

  /** The numbers of a code, each up or down from zero, in units of its spread. */
  function bars(code) {
    const wide = 7, sticks = code.map((value, place) => {
      const high = Math.min(15, Math.abs(value) * 6);
      return `<rect x="${place * wide}" y="${value > 0 ? 16 - high : 16}" width="${wide - 2}" height="${Math.max(1, high).toFixed(1)}"/>`;
    });
    return `<svg viewBox="0 0 ${32 * wide} 32" style="max-width:224px;vertical-align:middle;fill:var(--model)" role="img" aria-label="the ${code.length} numbers of its code"><path d="M0,16H${code.length * wide}" style="stroke:var(--faint);stroke-width:.5"/>${sticks.join("")}</svg>`;
  }

  function controls({ allowed, digit: which, originals, k, pages }) {
    return `<div class="controls"><label style="flex:1 1 100%">allowed to be lost: ${allowed}%<input type="range" data-state="allowed" min="1" max="60" step="1" value="${allowed}" aria-label="allowed to be lost" aria-valuetext="${allowed}%"></label>
      <label style="flex:1 1 100%">size: ${pages[k].size}<input type="range" data-state="k" min="0" max="${pages.length - 1}" step="1" value="${k}" aria-label="size of the code" aria-valuetext="${pages[k].size} numbers"></label>
      <button type="button" data-play="k">play</button>
      <button type="button" data-set='{"digit": ${(which + 1) % originals.length}}'>another digit</button>
      <button type="button" data-set>back to the start</button></div>`;
  }

  const nearest = (pages, x) =>
    pages.reduce((best, page, place) => (Math.abs(Math.log2(page.size) - x) < Math.abs(Math.log2(pages[best].size) - x) ? place : best), 0);

  isthmus.widget("sweep", {
    compute,
    view,
    handles: {
      size: {
        plane: PLANE,
        step: 0.6, // more than half of the way to the next size, wherever the ring is
        jumps: true,
        at: ({ pages, pca, k }) => [Math.log2(pages[k].size), Math.log10(pages[k].mean / pca[0])],
        move: ({ pages }, [x]) => ({ k: nearest(pages, x) }),
        said: (_, { size, lost, lost_by_pca: byPca }) =>
          `${size} numbers lose ${number(100 * lost, 1)}%, by PCA ${number(100 * byPca, 1)}%`,
      },
    },
  });
})();
