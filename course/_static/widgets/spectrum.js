"use strict";
/* How much of a table k directions keep: the curve of kept variance, and one row reconstructed from its first k numbers. */

(() => {
  const { plane, picture, number, decode } = isthmus;
  const COLUMNS = 64, ENOUGH = 0.9;
  const PLANE = plane({ x: [0, COLUMNS], y: [0, 1], width: 380, height: 320, margin: 36 });

  const greys = (text) => Array.from(text, (letter) => parseInt(letter, 17) / 16);

  function compute({ k, shuffled, row, worlds }) {
    const { rows, codes, kept, decoder } = worlds[Number(shuffled)];
    const original = greys(rows[row]);
    const reconstructed = decode(decoder, codes[row].map((z, at) => (at < k ? z : 0)));
    const errors = original.map((x, at) => (x - reconstructed[at]) ** 2);
    return {
      reconstructed,
      kept: kept[k],
      other: worlds[1 - Number(shuffled)].kept[k],
      mean_squared_error: errors.reduce((sum, error) => sum + error, 0) / errors.length,
      needed: kept.findIndex((share) => share >= ENOUGH),
    };
  }

  function view(state, numbers) {
    return `<div class="beside">${curves(state, numbers)}${row(state, numbers)}</div>`;
  }

  function curves({ k, shuffled, worlds }, { kept }) {
    const path = (world, kind) =>
      `<path class="${kind}" fill="none" d="M${world.kept.map((share, at) => PLANE.at([at, share])).join("L")}"/>`;
    const across = [0, 16, 32, 48, 64].map((value) =>
      `<text x="${PLANE.x(value)}" y="${PLANE.y(0) + 15}" text-anchor="middle">${value}</text>`);
    const up = [0, 0.25, 0.5, 0.75, 1].map((value) =>
      `<text x="${PLANE.x(0) - 5}" y="${PLANE.y(value) + 4}" text-anchor="end">${100 * value}</text>`);
    return `<svg viewBox="0 0 ${PLANE.width} ${PLANE.height}" role="group" aria-label="The share of variance kept by k directions, for the digits and for the shuffled table">
      <g class="axes" aria-hidden="true"><path d="M${PLANE.at([0, 1])}V${PLANE.y(0)}H${PLANE.x(COLUMNS)}"/>${across.join("")}${up.join("")}
      <text x="${PLANE.x(COLUMNS)}" y="${PLANE.y(0) + 31}" text-anchor="end" class="name">k, numbers kept</text>
      <text x="6" y="${PLANE.y(1) - 14}" class="name">variance kept, %</text></g>
      ${path(worlds[0], shuffled ? "noise" : "line")}${path(worlds[1], shuffled ? "line" : "noise")}
      <text x="${PLANE.x(15)}" y="${PLANE.y(worlds[0].kept[15]) - 10}" text-anchor="end">digits</text>
      <text x="${PLANE.x(17)}" y="${PLANE.y(worlds[1].kept[17]) + 18}">shuffled</text>
      <path class="residual" d="M${PLANE.at([k, 0])}V${PLANE.y(kept)}" opacity=".5"/>
      <g data-handle="mark" aria-label="k, moved by dragging or by the arrow keys">
      <circle class="grip" cx="${PLANE.x(k)}" cy="${PLANE.y(kept)}" r="20"/><circle class="reconstructed" cx="${PLANE.x(k)}" cy="${PLANE.y(kept)}" r="7"/></g></svg>`;
  }

  function row({ k, shuffled, row, worlds }, { reconstructed, kept, other, mean_squared_error: error, needed }) {
    const { rows } = worlds[Number(shuffled)], original = greys(rows[row]);
    const lost = original.map((x, at) => Math.abs(x - reconstructed[at]));
    const draw = (values, x, label) => picture(values, { width: 8, x, cell: 10, label });
    return `<div class="sum"><svg viewBox="0 0 272 104" style="max-width: 320px">
      ${draw(original, 0, "the row")}${draw(reconstructed, 96, `the row reconstructed from ${k} numbers`)}${draw(lost, 192, "what is lost")}
      <text x="0" y="98">the row</text><text x="96" y="98">from ${k}</text><text x="192" y="98">lost</text></svg>
      <p>of the table's variance <b>${number(100 * kept, 1)} %</b> is kept</p>
      <p>${shuffled ? "unshuffled" : "shuffled"}, these many keep ${number(100 * other, 1)} %</p>
      <p>this row's mean squared error: <b>${number(error, 4)}</b></p>
      <p>for nine tenths it takes k = <b>${needed}</b></p>
      <div class="controls"><label style="flex: 1 1 100%">k = ${k}<input type="range" data-state="k" min="0" max="${COLUMNS}" step="1" value="${k}" aria-label="k, how many numbers are kept"></label>
      <label><input type="checkbox" data-state="shuffled" ${shuffled ? "checked" : ""}> shuffle each column</label>
      <button type="button" data-play="k">play</button>
      <button type="button" data-set='{"row": ${(row + 1) % rows.length}}'>another row</button>
      <button type="button" data-set>back to the start</button></div></div>`;
  }

  isthmus.widget("spectrum", {
    compute,
    view,
    handles: {
      mark: {
        plane: PLANE,
        step: 1,
        at: ({ k, shuffled, worlds }) => [k, worlds[Number(shuffled)].kept[k]],
        move: (_, [x]) => ({ k: Math.round(x) }),
        said: ({ k }, { kept }) => `${k} numbers keep ${number(100 * kept, 1)}% of the variance`,
      },
    },
  });
})();
