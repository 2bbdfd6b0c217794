"use strict";
/* A point of the plane encoded in its place along a line and reconstructed: isthmus.closed_form.project, term by term. */

(() => {
  const { plane, axes, number, dot } = isthmus;
  const PLANE = plane({ x: [-1, 4], y: [-1, 4], width: 380, height: 380 });

  function compute({ point, direction, truth }) {
    const length = dot(direction, direction);
    const weights = direction.map((v) => v / length);
    const code = dot(weights, point);
    const reconstructed = direction.map((v) => code * v);
    const residual = point.map((x, i) => x - reconstructed[i]);
    const errors = residual.map((r) => r * r);
    const noise = point.map((x, i) => x - truth[i]);
    const along = dot(noise, weights);
    const kept = direction.map((v) => along * v);
    const removed = noise.map((e, i) => e - kept[i]);
    return {
      length, weights, code, reconstruction: reconstructed, residual, errors,
      squared_error: errors[0] + errors[1],
      mean_squared_error: (errors[0] + errors[1]) / 2,
      tangent: Math.hypot(...kept), normal: Math.hypot(...removed),
    };
  }

  function view(state, numbers) {
    return `<div class="beside">${picture(state, numbers)}${sum(state, numbers)}</div>`;
  }

  function picture({ point, direction, truth, noise }, { reconstruction: reconstructed, residual, code }) {
    const far = direction.map((v) => 4.2 * v), back = direction.map((v) => -1 * v);
    const long = Math.hypot(...residual) > 0.25;
    const unit = direction.map((v) => v / Math.hypot(...direction));
    const away = residual.map((r) => r / (Math.hypot(...residual) || 1));
    const corner = [[1, 0], [1, 1], [0, 1]].map(([a, b]) => reconstructed.map((m, i) => m - 0.12 * a * unit[i] + 0.12 * b * away[i]));
    const clean = noise ? `<line class="noise" x1="${PLANE.x(truth[0])}" y1="${PLANE.y(truth[1])}" x2="${PLANE.x(point[0])}" y2="${PLANE.y(point[1])}"/>
      <line class="kept" x1="${PLANE.x(truth[0])}" y1="${PLANE.y(truth[1])}" x2="${PLANE.x(reconstructed[0])}" y2="${PLANE.y(reconstructed[1])}"/>
      <circle class="truth" cx="${PLANE.x(truth[0])}" cy="${PLANE.y(truth[1])}" r="5"/>
      <text x="${PLANE.x(truth[0]) + 8}" y="${PLANE.y(truth[1]) + 16}">clean</text>` : "";
    return `<svg viewBox="0 0 ${PLANE.width} ${PLANE.height}" role="group" aria-label="The plane: a line, a point beside it and the point reconstructed on it">
      ${axes(PLANE, { x: "x₁", y: "x₂" })}
      <clipPath id="line-frame"><path d="M${PLANE.at([-1, 4])}H${PLANE.x(4)}V${PLANE.y(-1)}H${PLANE.x(-1)}z"/></clipPath>
      <g clip-path="url(#line-frame)"><path class="line" d="M${PLANE.at(back)}L${PLANE.at(far)}"/></g>
      <path class="residual" d="M${PLANE.at(point)}L${PLANE.at(reconstructed)}"/>
      ${long ? `<path class="corner" d="M${corner.map((place) => PLANE.at(place)).join("L")}"/>` : ""}
      ${clean}
      <circle class="reconstructed" cx="${PLANE.x(reconstructed[0])}" cy="${PLANE.y(reconstructed[1])}" r="6"/>
      <text x="${PLANE.x(reconstructed[0]) + 10}" y="${PLANE.y(reconstructed[1]) + 14}" class="reconstructed">x̂, at z = ${number(code, 2)}</text>
      <g data-handle="point" aria-label="The point x, moved by dragging or by the arrow keys"><circle class="grip" cx="${PLANE.x(point[0])}" cy="${PLANE.y(point[1])}" r="20"/>
      <circle class="point" cx="${PLANE.x(point[0])}" cy="${PLANE.y(point[1])}" r="8"/></g>
      <text x="${PLANE.x(point[0]) - 10}" y="${PLANE.y(point[1]) - 12}" text-anchor="end">x</text>
    </svg>`;
  }

  function sum({ point, direction, truth, noise }, numbers) {
    const [x1, x2] = point.map((x) => number(x, 2)), [v1, v2] = direction.map(String);
    const [r1, r2] = numbers.reconstruction.map((r) => number(r, 3)), [e1, e2] = numbers.errors.map((e) => number(e, 3));
    const terms = direction.map((v, i) => number(v * point[i], 2));
    return `<div class="sum">
      <h3>Encode</h3>
      <p>z = (${v1} · <b>${bracket(x1)}</b> + ${v2} · <b>${bracket(x2)}</b>) / (${v1}² + ${v2}²)</p>
      <p>z = (${terms[0]} + ${bracket(terms[1])}) / ${number(numbers.length, 2)}</p>
      <p>z = <b>${number(numbers.code, 3)}</b></p>
      <h3>Decode</h3>
      <p>x̂ = ${number(numbers.code, 3)} · (${v1}, ${v2})</p>
      <p>x̂ = <b>(${r1}, ${r2})</b></p>
      <h3>Error</h3>
      <p>(${x1} − ${bracket(r1)})² + (${x2} − ${bracket(r2)})²</p>
      <p>${e1} + ${e2} = <b>${number(numbers.squared_error, 3)}</b> (the sum)</p>
      <p>half of it, ${number(numbers.mean_squared_error, 3)}, is the mean</p>
      ${noise ? `<h3>If the clean point was (${truth.join(", ")})</h3>
      <p>noise kept, along the line: <b class="kept">${number(numbers.tangent, 3)}</b></p>
      <p>noise removed, across it: <b class="removed">${number(numbers.normal, 3)}</b></p>` : ""}
      <p class="controls"><label><input type="checkbox" data-state="noise" ${noise ? "checked" : ""}> show the clean point</label>
      <button type="button" data-set>back to the start</button></p>
    </div>`;
  }

  const bracket = (text) => (text.startsWith("−") ? `(${text})` : text);
  const twentieth = (value) => Math.round(value * 20) / 20;

  isthmus.widget("line", {
    compute,
    view,
    handles: {
      point: {
        plane: PLANE,
        step: 0.05,
        at: ({ point }) => point,
        move: (_, [x, y]) => ({ point: [twentieth(x), twentieth(y)] }),
        said: ({ point }, { code, squared_error: error }) =>
          `x is ${number(point[0], 2)}, ${number(point[1], 2)}; z is ${number(code, 3)}; the error is ${number(error, 3)}`,
      },
    },
  });
})();
