"use strict";
/* How anomalous is a picture? Reconstruct it, measure what is lost and how far its code is from codes in use; draw your own. */

(() => {
  const { plane, picture, difference, number, encode, decode } = isthmus;
  const CELL = 30, NEIGHBOURS = 5, SHOWN = 5, LETTERS = "0123456789abcdefg";
  const BOARD = plane({ x: [0, 8], y: [-8, 0], width: 8 * CELL, height: 8 * CELL, margin: 0 });
  const MEASURES = {
    pca: ["PCA's error", "pca", "error"],
    error: ["the autoencoder's error", "model", "error"],
    far: ["the distance of codes", "model", "distance"],
  };
  const numbers = (letters) => Array.from(letters, (letter) => LETTERS.indexOf(letter) / 16);

  /** 64 numbers from a text, those above 1 taken to be of 0 to 16; null if it holds others. */
  function parsed(text) {
    const found = (text.match(/[\d.]+/g) ?? []).map(Number);
    if (found.length !== 64 || found.some((value) => !(value >= 0 && value <= 16))) return null;
    const scale = found.some((value) => value > 1) ? 1 : 16;
    return found.map((value) => LETTERS[Math.round(value * scale)]).join("");
  }

  function scored({ encoder, decoder, codes, spread, errors, distances }, row) {
    const code = encode(encoder, row), reconstructed = decode(decoder, code);
    const error = row.reduce((sum, x, at) => sum + (x - reconstructed[at]) ** 2, 0);
    const near = codes.map((other) => Math.hypot(...other.map((z, j) => (z - code[j]) / spread[j]))).sort((a, b) => a - b);
    const distance = near.slice(0, NEIGHBOURS).reduce((sum, one) => sum + one, 0) / NEIGHBOURS;
    return { reconstructed, error, distance, above: { error: share(errors, error), distance: share(distances, distance) } };
  }

  /** Share of the unseen digits that score lower, from their hundredths. */
  const share = (hundredths, value) => hundredths.filter((mark) => mark < value).length / hundredths.length;

  const kept = new WeakMap();

  /** The pool scored by both models; it stays the same, so it is worked out once. */
  function scoredPool({ pool, pca, model }) {
    if (!kept.has(pool)) {
      kept.set(pool, pool.map(([name, letters]) => {
        const row = numbers(letters);
        return { name, letters, row, pca: scored(pca, row), model: scored(model, row) };
      }));
    }
    return kept.get(pool);
  }

  function compute(state) {
    const { pca, model, pasted, by } = state, [, which, measure] = MEASURES[by];
    const letters = parsed(pasted) ?? state.row, row = numbers(letters);
    const ranked = [...scoredPool(state)].sort((a, b) => b[which][measure] - a[which][measure]);
    return { letters, row, pca: scored(pca, row), model: scored(model, row), ranked: ranked.map((one) => one.name), order: ranked };
  }

  function view(state, shown) {
    return `<div class="beside">${board(state, shown)}<div class="sum">${result(state, shown)}</div></div>${ranking(state, shown)}`;
  }

  function board({ cursor }, { row }) {
    const lines = [1, 2, 3, 4, 5, 6, 7].map((k) => `M${k * CELL},0V${8 * CELL}M0,${k * CELL}H${8 * CELL}`).join("");
    const [column, line] = cursor.map((place) => Math.floor(Math.abs(place)));
    return `<svg viewBox="-4 -4 ${8 * CELL + 8} ${8 * CELL + 8}" style="max-width:280px" role="group" aria-label="The desk, a picture to draw on">
      <g data-handle="pen" aria-label="The pen, moved by dragging or by the arrow keys">${picture(row, { width: 8, cell: CELL, label: "the picture on the desk" })}
      <path d="${lines}" style="stroke:var(--faint);opacity:.35;fill:none"/>
      <rect width="${8 * CELL}" height="${8 * CELL}" style="fill:none;stroke:var(--faint)"/>
      <rect class="grip" x="${column * CELL}" y="${line * CELL}" width="${CELL}" height="${CELL}" style="fill:none;opacity:1;stroke:var(--lost);stroke-width:3"/></g></svg>`;
  }

  function result(state, { row, pca, model }) {
    const { ink, pen, pasted, row: drawn } = state;
    const bar = (name, value, above) => `<p style="margin-top:.5rem">${name}: <b>${number(value, 2)}</b>, above ${Math.round(100 * above)} in 100 unseen digits</p>
      <svg viewBox="0 0 240 10" style="max-width:240px" aria-hidden="true"><rect width="240" height="8" style="fill:var(--faint);opacity:.25"/>
      <rect width="${240 * above}" height="8" style="fill:${above > 0.95 ? "var(--lost)" : "var(--model)"}"/></svg>`;
    return `<svg viewBox="0 0 240 94" style="max-width:300px">${picture(model.reconstructed, { width: 8, cell: 9, label: "what the autoencoder reconstructs" })}
      ${difference(row, model.reconstructed, { x: 84, cell: 9 })}${picture(pca.reconstructed, { width: 8, cell: 9, x: 168, label: "what PCA reconstructs" })}
      <text x="0" y="88">reconstructed</text><text x="84" y="88">difference</text><text x="168" y="88">by PCA</text></svg>
      ${bar("PCA's error", pca.error, pca.above.error)}
      ${bar("the autoencoder's error", model.error, model.above.error)}
      ${bar("distance of codes", model.distance, model.above.distance)}
      <p class="controls"><label><input type="checkbox" data-state="pen" ${pen ? "checked" : ""}> the pen draws</label>
      <label style="flex:1 1 9rem">ink <input type="range" data-state="ink" min="0" max="1" step="0.25" value="${ink}" aria-valuetext="${Math.round(100 * ink)} in 100"></label></p>
      <p class="controls"><label style="flex:1 1 100%">or 64 numbers, 0 to 16, row by row
      <textarea data-state="pasted" rows="2" style="width:100%;box-sizing:border-box;font:inherit;color:inherit;background:var(--color-background-secondary);border:1px solid var(--color-background-border)">${pasted.replace(/[&<]/g, "")}</textarea></label>
      ${pasted && !parsed(pasted) ? `<b class="removed">These are not 64 numbers from 0 to 16.</b>` : ""}
      <button type="button" data-set='{"row": "${"0".repeat(64)}", "pasted": ""}'>clear</button>
      <button type="button" data-set>back to the start</button></p>`;
  }

  function ranking(state, { order }) {
    const { by } = state, [, which, measure] = MEASURES[by];
    const choose = Object.entries(MEASURES).map(([key, [name]]) =>
      `<button type="button" data-set='{"by": "${key}"}' aria-pressed="${key === by}" style="${key === by ? "border-color:var(--model);box-shadow:inset 0 0 0 1px var(--model)" : ""}">${name}</button>`);
    const one = ({ name, letters, row, [which]: found }) => `<button type="button" data-set='{"row": "${letters}", "pasted": ""}' style="padding:.3em;text-align:center" aria-label="${name}, ${number(found[measure], 2)}: to the desk">
      <svg viewBox="0 0 48 152" style="width:48px;flex:none;display:block">${picture(row, { width: 8, cell: 6, label: name })}
      ${picture(found.reconstructed, { width: 8, cell: 6, y: 52, label: "reconstructed" })}${difference(row, found.reconstructed, { y: 104, cell: 6 })}</svg>
      <span style="font-size:.75em;display:block;line-height:1.3">${name}<br>${number(found[measure], 2)}</span></button>`;
    const place = order.findIndex(({ name }) => name === "the mean") + 1;
    const row = (some) => `<div style="display:flex;flex-wrap:wrap;gap:.35rem;margin:.3rem 0">${some.map(one).join("")}</div>`;
    return `<p style="margin:1rem 0 .2rem">Ranked by</p><p style="display:flex;flex-wrap:wrap;gap:.4rem;margin:0">${choose.join("")}</p>
      <div class="beside" style="margin-top:.6rem;gap:.6rem 1.2rem"><div>the strangest ${SHOWN} of ${order.length}${row(order.slice(0, SHOWN))}</div>
      <div>the least anomalous${row(order.slice(-SHOWN))}</div></div>
      ${place ? `<p style="margin:.6rem 0 0">The mean picture is at place <b class="removed">${place}</b> of ${order.length}.</p>` : ""}`;
  }

  const replaced = (letters, at, letter) => letters.slice(0, at) + letter + letters.slice(at + 1);

  isthmus.widget("desk", {
    compute,
    view,
    handles: {
      pen: {
        plane: BOARD,
        step: 1,
        jumps: true,
        at: ({ cursor: [x, y] }) => [x, -Math.abs(y)],
        move: (state, [x, y]) => {
          const column = Math.min(7, Math.floor(x)), line = Math.min(7, Math.floor(-y));
          const letters = parsed(state.pasted) ?? state.row, cursor = [column + 0.5, line + 0.5];
          if (!state.pen) return { cursor };
          return { cursor, pasted: "", row: replaced(letters, 8 * line + column, LETTERS[Math.round(16 * state.ink)]) };
        },
        said: ({ cursor: [x, y] }, { letters, model }) => {
          const column = Math.floor(x), line = Math.floor(Math.abs(y));
          return `row ${line + 1}, column ${column + 1}, grey ${LETTERS.indexOf(letters[8 * line + column])} of 16; ` +
            `the error is ${number(model.error, 2)}, the distance of codes ${number(model.distance, 2)}`;
        },
      },
    },
  });
})();
