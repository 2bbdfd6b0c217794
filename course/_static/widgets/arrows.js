"use strict";
/* Denoising in the plane: where a trained network moves a point, and where the score of the known density says to. */

(() => {
  const { plane, axes, number, encode, decode } = isthmus;
  const REACH = 4, STEPS = 12, GRID = 13, SHORT = 0.45, FAINT = 0.004;
  const PLANE = plane({ x: [-REACH, REACH], y: [-REACH, REACH], width: 400, height: 400, margin: 32 });

  const reconstructed = ({ encoder, decoder }, x) => decode(decoder, encode(encoder, x));
  const minus = (a, b) => a.map((value, at) => value - b[at]);

  /** σ²∇log p(x) of noisy points, by the heaps' shares in x; and how dense they are there, 1 at a lone heap's top. */
  function uphill({ heaps, width }, level, x) {
    const variance = width ** 2 + level ** 2;
    const shares = heaps.map((heap) => Math.exp(-((heap[0] - x[0]) ** 2 + (heap[1] - x[1]) ** 2) / (2 * variance)));
    const density = shares.reduce((sum, share) => sum + share, 0);
    const pull = [0, 1].map((axis) =>
      heaps.reduce((sum, heap, at) => sum + shares[at] * (heap[axis] - x[axis]), 0) / Math.max(density, 1e-300));
    return { arrow: pull.map((value) => (level ** 2 / variance) * value), density };
  }

  function compute(state) {
    const { models, k, x } = state, model = models[k];
    const answer = reconstructed(model, x), move = minus(answer, x), { arrow, density } = uphill(state, model.level, x);
    const walk = [x];
    for (let step = 0; step < STEPS; step++) walk.push(reconstructed(model, walk.at(-1)));
    const [a, b] = [Math.hypot(...move), Math.hypot(...arrow)];
    return { answer, move, arrow, density, walk, cosine: (move[0] * arrow[0] + move[1] * arrow[1]) / (a * b || 1), lengths: [a, b] };
  }

  function view(state, numbers) {
    return `<div class="beside">${field(state, numbers)}${words(state, numbers)}</div>`;
  }

  /** An arrow from one place to another; its head no longer than the arrow. */
  function arrow(from, to, style, head = 6) {
    const [x1, y1, x2, y2] = [PLANE.x(from[0]), PLANE.y(from[1]), PLANE.x(to[0]), PLANE.y(to[1])];
    const long = Math.hypot(x2 - x1, y2 - y1);
    if (long < 1.5) return "";
    const tip = Math.min(head, long * 0.6), [ux, uy] = [(x2 - x1) / long, (y2 - y1) / long];
    const wing = (side) => `${(x2 - tip * ux + side * tip * 0.5 * uy).toFixed(1)},${(y2 - tip * uy - side * tip * 0.5 * ux).toFixed(1)}`;
    return `<path d="M${x1},${y1}L${x2},${y2}M${wing(1)}L${x2},${y2}L${wing(-1)}" style="fill:none;${style}"/>`;
  }

  function field(state, { answer, arrow: up, walk }) {
    const { models, k, x, points, truth } = state, model = models[k], frame = 2 * REACH, arrows = [];
    for (let row = 0; row < GRID; row++) for (let column = 0; column < GRID; column++) {
      const place = [column, row].map((at) => -REACH + (frame * (at + 0.5)) / GRID);
      const { density, arrow: ideal } = uphill(state, model.level, place), strong = density > FAINT;
      const shown = (to, style) => arrow(place, PLANE.inside(place.map((value, at) => value + SHORT * (to[at] - value))), `${style};opacity:${strong ? 0.85 : 0.2}`, 5);
      if (truth) arrows.push(shown(place.map((value, at) => value + ideal[at]), "stroke:var(--pca);stroke-width:3.5"));
      arrows.push(shown(reconstructed(model, place), "stroke:var(--model);stroke-width:1.5"));
    }
    const dots = points.map((point) => `<circle cx="${PLANE.x(point[0])}" cy="${PLANE.y(point[1])}" r="1.8" style="fill:var(--faint)" opacity=".55"/>`);
    const trail = walk.slice(1).map((place) => PLANE.inside(place)).map((place) =>
      `<circle cx="${PLANE.x(place[0])}" cy="${PLANE.y(place[1])}" r="2.6" style="fill:var(--color-foreground-primary)"/>`);
    return `<svg viewBox="0 0 ${PLANE.width} ${PLANE.height}" role="group" aria-label="The plane: points in twelve heaps on a ring, and arrows from noisy places towards them">
      ${axes(PLANE, { x: "x₁", y: "x₂", ticks: [-4, -2, 0, 2, 4] })}${dots.join("")}${arrows.join("")}
      ${truth ? arrow(x, PLANE.inside(x.map((value, at) => value + up[at])), "stroke:var(--pca);stroke-width:6", 12) : ""}
      ${arrow(x, PLANE.inside(answer), "stroke:var(--model);stroke-width:3", 10)}${trail.join("")}
      <g data-handle="point" aria-label="The noisy point, moved by dragging or by the arrow keys">
      <circle class="grip" cx="${PLANE.x(x[0])}" cy="${PLANE.y(x[1])}" r="20"/><circle class="point" cx="${PLANE.x(x[0])}" cy="${PLANE.y(x[1])}" r="6"/></g></svg>`;
  }

  function words({ models, k, x, truth }, { answer, move, arrow: up, density, cosine, walk }) {
    const pair = (values) => `(${values.map((value) => number(value, 2)).join(", ")})`, { level } = models[k];
    return `<div class="sum"><h3>The network</h3>
      <p>noisy point x̃ = ${pair(x)}</p><p>reconstructed r(x̃) = ${pair(answer)}</p>
      <p>r(x̃) − x̃ = <b style="color:var(--model)">${pair(move)}</b></p>
      <h3>The score, with σ = ${number(level, 2)}</h3>
      <p>σ² ∇ log p = <b style="color:var(--pca)">${pair(up)}</b></p>
      <p>cosine of the two: <b>${number(cosine, 3)}</b></p>
      <p>${density < FAINT ? '<b class="removed">Hardly any noisy point lies here; the network is guessing.</b>' : `asked ${STEPS} times: ${pair(walk.at(-1))}`}</p>
      <div class="controls"><label style="flex:1 1 100%">strength of the noise, σ = ${number(level, 2)}
      <input type="range" data-state="k" min="0" max="${models.length - 1}" step="1" value="${k}" aria-label="strength of the noise" aria-valuetext="${number(level, 2)}"></label>
      <label><input type="checkbox" data-state="truth" ${truth ? "checked" : ""}> show the score</label>
      <button type="button" data-play="k">play</button><button type="button" data-set>back to the start</button></div></div>`;
  }

  const hundredth = (value) => Math.round(value * 100) / 100;

  isthmus.widget("arrows", {
    compute,
    view,
    handles: {
      point: {
        plane: PLANE,
        step: 0.1,
        at: ({ x }) => x,
        move: (_, place) => ({ x: place.map(hundredth) }),
        said: ({ x }, { move, cosine }) =>
          `the noisy point is at ${number(x[0], 2)}, ${number(x[1], 2)}; the network moves it by ${number(move[0], 2)}, ${number(move[1], 2)}; the cosine with the score is ${number(cosine, 3)}`,
      },
    },
  });
})();
