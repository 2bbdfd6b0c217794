"use strict";
/* A small circle carried about a ring, and what a contractive encoder makes of it: slow across the ring, free along it. */

(() => {
  const { plane, axes, number, encode } = isthmus;
  const REACH = 3, RADIUS = 0.4, CORNERS = 48, TINY = 1e-2;
  const PLANE = plane({ x: [-REACH, REACH], y: [-REACH, REACH], width: 300, height: 300, margin: 28 });

  /** The code of a place, turned and scaled so the codes of all points lie on the points as well as they can. */
  function code({ encoder, center, turn }, x) {
    const z = encode(encoder, x).map((value, at) => value - center[at]);
    return turn.map((row) => row[0] * z[0] + row[1] * z[1]);
  }

  /** How far the code goes for a short step from x, in steps. */
  function slope(model, x, way) {
    const end = (side) => code(model, x.map((value, at) => value + side * TINY * way[at]));
    const [a, b] = [end(1), end(-1)];
    return Math.hypot(a[0] - b[0], a[1] - b[1]) / (2 * TINY);
  }

  function compute({ models, strength, x }) {
    const model = models[strength], far = Math.hypot(...x) || 1;
    const across = far === 1 && x.every((value) => value === 0) ? [1, 0] : x.map((value) => value / far);
    const along = [-across[1], across[0]];
    return { across: slope(model, x, across), along: slope(model, x, along), ways: [across, along], code: code(model, x) };
  }

  function view(state, numbers) {
    return `<div class="beside"><div class="beside">${side(state, numbers, false)}${side(state, numbers, true)}</div>${words(state, numbers)}</div>`;
  }

  /** The plane of the points, or that of the codes. */
  function side({ models, strength, x, points }, { ways }, coded) {
    const model = models[strength], place = (at) => PLANE.inside(coded ? code(model, at) : at);
    const away = (way, by) => x.map((value, at) => value + by * way[at]);
    const line = (places, style) => `<polyline points="${places.map((at) => PLANE.at(place(at))).join(" ")}" style="fill:none;${style}"/>`;
    const stroke = (way) => Array.from({ length: 9 }, (_, at) => away(way, RADIUS * (at / 4 - 1)));
    const circle = Array.from({ length: CORNERS + 1 }, (_, at) => {
      const angle = (2 * Math.PI * at) / CORNERS;
      return [x[0] + RADIUS * Math.cos(angle), x[1] + RADIUS * Math.sin(angle)];
    });
    const dots = points.map(place).map((at) => `<circle cx="${PLANE.x(at[0])}" cy="${PLANE.y(at[1])}" r="1.8" style="fill:var(--faint)" opacity=".55"/>`);
    const [cx, cy] = [PLANE.x(place(x)[0]), PLANE.y(place(x)[1])];
    const middle = coded
      ? `<circle class="point" cx="${cx}" cy="${cy}" r="4"/>`
      : `<g data-handle="middle" aria-label="The middle of the small circle, moved by dragging or by the arrow keys">
      <circle class="grip" cx="${cx}" cy="${cy}" r="20"/><circle class="point" cx="${cx}" cy="${cy}" r="5"/></g>`;
    const said = coded ? "The codes of the points, and what has become of the circle" : "Points on a ring, and a small circle about one place";
    return `<svg viewBox="0 0 ${PLANE.width} ${PLANE.height}" role="group" aria-label="${said}">
      ${axes(PLANE, { x: coded ? "z₁" : "x₁", y: coded ? "z₂" : "x₂", ticks: [-2, 0, 2] })}${dots.join("")}
      ${line(circle, "stroke:var(--color-foreground-primary);stroke-width:1.2")}
      ${line(stroke(ways[0]), "stroke:var(--pca);stroke-width:3")}${line(stroke(ways[1]), "stroke:var(--model);stroke-width:3")}${middle}</svg>`;
  }

  function words({ models, strength }, { across, along }) {
    const said = number(models[strength].strength, 1);
    return `<div class="sum"><p>a short step <b style="color:var(--model)">along</b> the ring moves the code by <b>${number(along, 2)}</b> of it</p>
      <p>a short step <b style="color:var(--pca)">across</b> it, by <b>${number(across, 2)}</b></p>
      <div class="controls"><label style="flex:1 1 100%">price of the slopes, λ = ${said}
      <input type="range" data-state="strength" min="0" max="${models.length - 1}" step="1" value="${strength}" aria-label="price of the slopes" aria-valuetext="${said}"></label>
      <button type="button" data-play="strength">play</button><button type="button" data-set>back to the start</button></div></div>`;
  }

  isthmus.widget("stretch", {
    compute,
    view,
    handles: {
      middle: {
        plane: PLANE,
        step: 0.1,
        at: ({ x }) => x,
        move: (_, place) => ({ x: place.map((value) => Math.round(value * 100) / 100) }),
        said: ({ x }, { across, along }) =>
          `the circle is at ${number(x[0], 2)}, ${number(x[1], 2)}; the code moves by ${number(along, 2)} along the ring and by ${number(across, 2)} across it`,
      },
    },
  });
})();
