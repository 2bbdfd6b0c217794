"use strict";
/* Learning a line: a cloud and a line through it, and the loss as a landscape over the direction of the line. */

(() => {
  const { plane, axes, number, dot } = isthmus;
  const PLANE = plane({ x: [-3, 3], y: [-3, 3], width: 380, height: 380, margin: 30 });
  const LAND = plane({ x: [-90, 270], y: [0, 2.6], width: 380, height: 210, margin: 30 });
  const RATE = 0.06, REACH = 2.7, MARKS = [-2, -1, 0, 1, 2];
  const GAUGES = [1, -1.6, 0.55, 2.4, -0.7];

  const radians = (degrees) => (degrees * Math.PI) / 180;
  const around = (degrees) => ((((degrees + 90) % 360) + 360) % 360) - 90;

  const cloud = ({ draws, noise1, noise2 }) => draws.map(([along, first, second]) => [along + noise1 * first, 0.9 * along + noise2 * second]);

  /** The variances of the cloud, whose draws are centred: their mean products. */
  function covariance(points) {
    const of = (a, b) => points.reduce((sum, point) => sum + point[a] * point[b], 0) / points.length;
    return [of(0, 0), of(0, 1), of(1, 1)];
  }

  /** What a line in this direction loses, a point: all the variance but that along it; and how fast that changes. */
  function loss([c11, c12, c22], angle) {
    const cos = Math.cos(angle), sin = Math.sin(angle);
    return {
      value: c11 + c22 - (c11 * cos * cos + 2 * c12 * cos * sin + c22 * sin * sin),
      slope: (c11 - c22) * 2 * cos * sin - 2 * c12 * (cos * cos - sin * sin),
    };
  }

  function compute(state) {
    const points = cloud(state), c = covariance(points);
    let angle = radians(state.angle);
    for (let step = 0; step < state.steps; step++) angle -= RATE * loss(c, angle).slope;
    const direction = [Math.cos(angle), Math.sin(angle)], gauge = GAUGES[state.gauge];
    const best = 0.5 * Math.atan2(2 * c[1], c[0] - c[2]);
    return {
      angle: (angle * 180) / Math.PI, direction, ...loss(c, angle),
      encoder: direction.map((u) => gauge * u), decoder: direction.map((u) => u / gauge),
      best: (best * 180) / Math.PI, best_slope: Math.tan(best), least: loss(c, best).value,
      regression_slope: c[1] / c[0],
    };
  }

  function view(state, numbers) {
    return `<div class="beside"><div style="flex: 1 1 280px">${picture(state, numbers)}${landscape(state, numbers)}</div>${side(state, numbers)}</div>`;
  }

  function picture(state, { direction, decoder, regression_slope: steep, angle }) {
    const points = cloud(state), end = direction.map((u) => REACH * u);
    const lost = points.map((point) => {
      const z = dot(point, direction);
      return `M${PLANE.at(point)}L${PLANE.at(direction.map((u) => z * u))}`;
    });
    const dots = points.map((point) => `<circle cx="${PLANE.x(point[0])}" cy="${PLANE.y(point[1])}" r="3"/>`);
    const marks = MARKS.map((z) => ({ z, place: decoder.map((v) => z * v) }))
      .filter(({ place }) => place.every((value) => Math.abs(value) <= 2.9))
      .map(({ z, place: [x, y] }) => {
        const [nx, ny] = [-direction[1] * 0.11, direction[0] * 0.11];
        const [tx, ty] = [x - 2.6 * nx, y - 2.6 * ny];
        return `<path class="line" d="M${PLANE.at([x - nx, y - ny])}L${PLANE.at([x + nx, y + ny])}"/>
          <text class="reconstructed" x="${PLANE.x(tx)}" y="${PLANE.y(ty) + 4}" text-anchor="middle">${number(z)}</text>`;
      });
    return `<svg viewBox="0 0 ${PLANE.width} ${PLANE.height}" role="group" aria-label="A cloud of points, a line through it with the codes marked along it, and regression's line">
      ${axes(PLANE, { x: "x₁", y: "x₂" })}
      <clipPath id="valley-frame"><path d="M${PLANE.at([-3, 3])}H${PLANE.x(3)}V${PLANE.y(-3)}H${PLANE.x(-3)}z"/></clipPath>
      <g clip-path="url(#valley-frame)">
      <path class="noise" d="M${PLANE.at([-3, -3 * steep])}L${PLANE.at([3, 3 * steep])}"/>
      <path class="residual" style="stroke-width: 1.2" opacity=".75" d="${lost.join("")}"/>
      <g fill="var(--faint)">${dots.join("")}</g>
      <path class="line" d="M${PLANE.at(end.map((v) => -2 * v))}L${PLANE.at(end.map((v) => 2 * v))}"/></g>
      ${marks.join("")}
      <g data-handle="line" aria-label="The direction of the line, moved by dragging or by the arrow keys">
      <circle class="grip" cx="${PLANE.x(end[0])}" cy="${PLANE.y(end[1])}" r="20"/><circle class="point" cx="${PLANE.x(end[0])}" cy="${PLANE.y(end[1])}" r="7"/></g>
      </svg>`;
  }

  function landscape(state, { angle, value, best, least }) {
    const c = covariance(cloud(state)), on = LAND, top = 2.6;
    const curve = Array.from({ length: 121 }, (_, at) => -90 + 3 * at).map((degrees) => on.at([degrees, Math.min(top, loss(c, radians(degrees)).value)]));
    const ticks = [-90, 0, 90, 180, 270].map((tick) => `<text x="${on.x(tick)}" y="${on.y(0) + 14}" text-anchor="middle">${number(tick)}°</text>`);
    const up = [0, 1, 2].map((tick) => `<text x="${on.x(-90) - 5}" y="${on.y(tick) + 4}" text-anchor="end">${tick}</text>`);
    const valleys = [around(best), around(best + 180)].map((degrees) => `<path class="noise" d="M${on.at([degrees, least])}V${on.y(0)}"/>`);
    return `<svg viewBox="0 0 ${on.width} ${on.height}" role="img" aria-label="The loss for every direction of the line: two valleys and two ridges">
      <g class="axes" aria-hidden="true"><path d="M${on.at([-90, top])}V${on.y(0)}H${on.x(270)}"/>${ticks.join("")}${up.join("")}
      <text x="4" y="${on.y(top) - 10}" class="name">loss, a point</text>
      <text x="${on.x(270)}" y="${on.y(0) + 27}" text-anchor="end" class="name">direction</text></g>
      ${valleys.join("")}<path class="line" d="M${curve.join("L")}"/>
      <circle class="point" cx="${on.x(around(angle))}" cy="${on.y(Math.min(top, value)) - 6}" r="6"/></svg>`;
  }

  function side(state, numbers) {
    const { noise1, noise2, steps, gauge } = state, pair = (vector) => `(${vector.map((value) => number(value, 3)).join(", ")})`;
    const range = (name, words, value, max, step) =>
      `<label style="flex: 1 1 100%">${words}<input type="range" data-state="${name}" min="0" max="${max}" step="${step}" value="${value}"></label>`;
    return `<div class="sum">
      <p>loss <b>${number(numbers.value, 4)}</b>, its slope <b>${number(numbers.slope, 3)}</b></p>
      <p>this line rises by <b>${number(numbers.direction[1] / (numbers.direction[0] || 1e-9), 3)}</b></p>
      <p>the best by ${number(numbers.best_slope, 3)}, regression's by ${number(numbers.regression_slope, 3)}, the true one by 0.9</p>
      <p>encoder w = ${pair(numbers.encoder)}</p><p>decoder v = ${pair(numbers.decoder)}</p>
      <div class="controls">${range("steps", `steps downhill: ${steps}`, steps, 40, 1)}
      <button type="button" data-play="steps">walk downhill</button>
      <button type="button" data-set='${JSON.stringify({ angle: numbers.best + 90, steps: 0 })}'>onto the ridge</button>
      <button type="button" data-set='{"gauge": ${(gauge + 1) % GAUGES.length}}'>multiply by A</button>
      ${range("noise1", `noise in x₁: ${number(noise1, 2)}`, noise1, 0.8, 0.05)}
      ${range("noise2", `noise in x₂: ${number(noise2, 2)}`, noise2, 0.8, 0.05)}
      <button type="button" data-set>back to the start</button></div></div>`;
  }

  isthmus.widget("valley", {
    compute,
    view,
    handles: {
      line: {
        plane: PLANE,
        step: 0.05,
        at: (state) => compute(state).direction.map((u) => REACH * u),
        move: (_, [x, y]) => ({ angle: Math.round((Math.atan2(y, x) * 1800) / Math.PI) / 10, steps: 0 }),
        said: (_, { direction, value }) =>
          `the line rises by ${number(direction[1] / (direction[0] || 1e-9), 2)}; the loss is ${number(value, 3)}`,
      },
    },
  });
})();
