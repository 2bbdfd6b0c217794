"use strict";
/* What it costs to draw a grey value x as x̂, by three losses and in every unit: isthmus.evaluation.explain_loss. */

(() => {
  const { plane, number } = isthmus;
  const PLANE = plane({ x: [0, 1], y: [-1, 4], width: 380, height: 360, margin: 34 });
  const LEAST = 0.005, MOST = 0.995, REACH = 0.12;

  const LOSSES = {
    squared: { name: "squared error", colour: "var(--model)" },
    gaussian: { name: "bell, nats", colour: "var(--lost)" },
    entropy: { name: "cross-entropy, nats", colour: "var(--color-foreground-primary)" },
  };

  const log = (share, value) => (share > 0 ? share * Math.log(value) : 0);

  const VALUES = {
    squared: ({ x }, drawn) => (x - drawn) ** 2,
    gaussian: ({ x, sigma }, drawn) => (x - drawn) ** 2 / (2 * sigma ** 2) + 0.5 * Math.log(2 * Math.PI * sigma ** 2),
    entropy: ({ x }, drawn) => -log(x, drawn) - log(1 - x, 1 - drawn),
  };

  const SLOPES = {
    squared: ({ x }, drawn) => 2 * (drawn - x),
    gaussian: ({ x, sigma }, drawn) => (drawn - x) / sigma ** 2,
    entropy: ({ x }, drawn) => (drawn - x) / (drawn * (1 - drawn)),
  };

  function compute(state) {
    const { reconstructed, mean, n } = state, factor = reconstructed * (1 - reconstructed);
    const each = (of) => Object.fromEntries(Object.keys(LOSSES).map((loss) => [loss, of(loss)]));
    const nats = (n / 2) * (1 + Math.log(2 * Math.PI * mean));
    return {
      values: each((loss) => VALUES[loss](state, reconstructed)),
      slopes: each((loss) => SLOPES[loss](state, reconstructed)),
      before_sigmoid: each((loss) => SLOPES[loss](state, reconstructed) * factor),
      floors: each((loss) => VALUES[loss](state, state.x)),
      units: { sum: mean * n, nats, bits: nats / Math.log(2), sigma: Math.sqrt(mean), weight: 1 / n },
    };
  }

  function view(state, numbers) {
    return `<div class="beside">${picture(state, numbers)}${side(state, numbers)}</div>${units(state, numbers)}`;
  }

  function picture(state, { values, slopes }) {
    const { x, reconstructed } = state, { bottom, top } = PLANE.bounds;
    const places = Array.from({ length: 100 }, (_, at) => LEAST + (at * (MOST - LEAST)) / 99);
    const curves = Object.entries(LOSSES).map(([loss, { colour }]) => {
      const path = places.map((drawn) => PLANE.at([drawn, Math.min(99, VALUES[loss](state, drawn))])).join("L");
      const [left, right] = [reconstructed - REACH, reconstructed + REACH].map((place) => [place, values[loss] + slopes[loss] * (place - reconstructed)]);
      return `<path stroke="${colour}" stroke-width="2" fill="none" d="M${path}"/>
        <path stroke="${colour}" stroke-width="1.5" stroke-dasharray="4 3" d="M${PLANE.at(left)}L${PLANE.at(right)}"/>
        <circle cx="${PLANE.x(reconstructed)}" cy="${PLANE.y(values[loss])}" r="4.5" fill="${colour}"/>`;
    });
    const across = [0, 0.25, 0.5, 0.75, 1].map((tick) => `<text x="${PLANE.x(tick)}" y="${PLANE.y(bottom) + 15}" text-anchor="middle">${tick}</text>`);
    const up = [-1, 0, 1, 2, 3, 4].map((tick) => `<text x="${PLANE.x(0) - 5}" y="${PLANE.y(tick) + 4}" text-anchor="end">${number(tick)}</text>`);
    return `<svg viewBox="0 0 ${PLANE.width} ${PLANE.height}" role="group" aria-label="Three losses over the value drawn, each least where it is the value asked for">
      <g class="axes" aria-hidden="true"><path d="M${PLANE.at([0, top])}V${PLANE.y(bottom)}H${PLANE.x(1)}"/>${across.join("")}${up.join("")}
      <text x="${PLANE.x(1)}" y="${PLANE.y(bottom) + 29}" text-anchor="end" class="name">x̂, what is drawn</text>
      <text x="6" y="${PLANE.y(top) - 12}" class="name">loss</text></g>
      <clipPath id="losses-frame"><path d="M${PLANE.at([0, top])}H${PLANE.x(1)}V${PLANE.y(bottom)}H${PLANE.x(0)}z"/></clipPath>
      <path class="noise" d="M${PLANE.at([0, 0])}H${PLANE.x(1)}"/>
      <path class="noise" d="M${PLANE.at([x, top])}V${PLANE.y(bottom)}"/><text x="${PLANE.x(x) + 5}" y="${PLANE.y(top) + 4}">x</text>
      <g clip-path="url(#losses-frame)"><path stroke="var(--faint)" d="M${PLANE.at([reconstructed, top])}V${PLANE.y(bottom)}"/>${curves.join("")}</g>
      <g data-handle="drawn" aria-label="x̂, what is drawn, moved by dragging or by the arrow keys">
      <circle class="grip" cx="${PLANE.x(reconstructed)}" cy="${PLANE.y(bottom)}" r="20"/><circle class="point" cx="${PLANE.x(reconstructed)}" cy="${PLANE.y(bottom)}" r="8"/></g></svg>`;
  }

  function side(state, { values, slopes, before_sigmoid: before, floors }) {
    const { x, reconstructed, sigma } = state;
    const cell = (value) => `<td style="text-align: right">${number(value, 3)}</td>`;
    const rows = Object.entries(LOSSES).map(([loss, { name, colour }]) =>
      `<tr><th scope="row" style="text-align: left; font-weight: 500; color: ${colour}">${name}</th>${[values, floors, slopes, before].map((of) => cell(of[loss])).join("")}</tr>`);
    const grey = (value, left, words) => {
      const level = Math.round(255 * (1 - value));
      return `<rect x="${left}" y="1" width="44" height="30" fill="rgb(${level},${level},${level})" stroke="var(--faint)"/><text x="${left + 52}" y="20">${words}</text>`;
    };
    return `<div class="sum"><svg viewBox="0 0 260 34" role="img" aria-label="The grey value asked for and the one drawn">
      ${grey(x, 1, `x = ${number(x, 2)}`)}${grey(reconstructed, 131, `x̂ = ${number(reconstructed, 2)}`)}</svg>
      <table style="width: 100%; font-size: .85em; border-spacing: .2em"><thead><tr style="text-align: right"><td></td><th>value</th><th>least</th><th>slope</th><th>slope before the sigmoid</th></tr></thead><tbody>${rows.join("")}</tbody></table>
      <p style="font-size: .85em">factor of the sigmoid, x̂(1 − x̂): ${number(reconstructed * (1 - reconstructed), 3)}</p>
      <div class="controls">
      <label style="flex: 1 1 100%">what is asked for, x = ${number(x, 2)}<input type="range" data-state="x" min="0" max="1" step="0.05" value="${x}"></label>
      <label style="flex: 1 1 100%">width of the bell, σ = ${number(sigma, 2)}<input type="range" data-state="sigma" min="0.1" max="1" step="0.05" value="${sigma}"></label>
      <button type="button" data-set='{"x": 1, "reconstructed": 0.005}'>surely wrong</button>
      <button type="button" data-set='${JSON.stringify({ reconstructed: Math.min(MOST, Math.max(LEAST, x)) })}'>x̂ = x</button>
      <button type="button" data-set>back to the start</button></div></div>`;
  }

  function units({ mean, n }, { units: { sum, nats, bits, sigma, weight } }) {
    const sizes = [2, 64, 784].map((size) => `<button type="button" data-set='{"n": ${size}}'>${size}</button>`);
    return `<div class="sum" style="margin-top: 1rem"><h3>One error in every unit, for rows of ${n} numbers</h3>
      <p>mean ${number(mean, 4)} · ${n} = <b>${number(sum, 3)}</b>, the sum a row</p>
      <p>with the best bell, σ² = ${number(mean, 4)}, so σ = ${number(sigma, 3)}: <b>${number(nats, 2)}</b> nats = <b>${number(bits, 2)}</b> bits a row</p>
      <p>a weight of 1 beside the sum is <b>${number(weight, 5)}</b> beside the mean</p>
      <div class="controls"><label style="flex: 1 1 100%">mean squared error: ${number(mean, 3)}<input type="range" data-state="mean" min="0.002" max="0.1" step="0.001" value="${mean}"></label>
      numbers in a row: ${sizes.join(" ")}</div></div>`;
  }

  isthmus.widget("losses", {
    compute,
    view,
    handles: {
      drawn: {
        plane: PLANE,
        step: 0.01,
        at: ({ reconstructed }) => [reconstructed, PLANE.bounds.bottom],
        move: (_, [drawn]) => ({ reconstructed: Math.min(MOST, Math.max(LEAST, Math.round(drawn * 100) / 100)) }),
        said: ({ reconstructed }, { values }) =>
          `drawn is ${number(reconstructed, 2)}; squared error ${number(values.squared, 3)}, bell ${number(values.gaussian, 3)}, cross-entropy ${number(values.entropy, 3)}`,
      },
    },
  });
})();
