"use strict";
/* Two maps of the same digits: a digit and its neighbours found on both, and one map slid upon the other by Procrustes. */

(() => {
  const { plane, picture, number, decode, COLOURS, key } = isthmus;
  const SIDE = 330, NEIGHBOURS = 5, REACH = 2;
  const SQUARE = plane({ x: [-REACH, REACH], y: [-REACH, REACH], width: SIDE, height: SIDE, margin: 6 });

  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

  /** Centred, and of mean squared length 1; with how to bring any place along. */
  function standard(codes) {
    const middle = [0, 1].map((axis) => mean(codes.map((code) => code[axis])));
    const size = Math.sqrt(mean(codes.map((code) => (code[0] - middle[0]) ** 2 + (code[1] - middle[1]) ** 2)));
    const bring = (place) => place.map((value, axis) => (value - middle[axis]) / size);
    const back = (place) => place.map((value, axis) => value * size + middle[axis]);
    return { codes: codes.map(bring), bring, back };
  }

  /** The s R that lays B on A best, in two dimensions: a turn, or a turn of the mirror image, whichever serves better. */
  function fitted(A, B) {
    const sums = [0, 1].map((i) => [0, 1].map((j) => mean(A.map((a, at) => B[at][i] * a[j]))));
    const turned = [sums[0][0] + sums[1][1], sums[0][1] - sums[1][0]];
    const mirrored = [sums[0][0] - sums[1][1], sums[0][1] + sums[1][0]];
    const [plain, flipped] = [Math.hypot(...turned), Math.hypot(...mirrored)];
    const matrix = plain >= flipped
      ? [[turned[0], turned[1]], [-turned[1], turned[0]]]
      : [[mirrored[0], mirrored[1]], [mirrored[1], -mirrored[0]]];
    return { matrix, misfit: 1 - Math.max(plain, flipped) ** 2 };
  }

  const nearest = (codes, place, skip) => codes
    .map((code, at) => [Math.hypot(code[0] - place[0], code[1] - place[1]), at])
    .sort((a, b) => a[0] - b[0]).slice(skip, skip + NEIGHBOURS).map(([, at]) => at);

  function compute({ place, morph, other, codes, others, beyond, extent, decoder }) {
    const left = standard(codes), right = standard(others[other].codes);
    const { matrix, misfit } = fitted(left.codes, right.codes), share = morph / 100;
    const way = [0, 1].map((i) => [0, 1].map((j) => (1 - share) * Number(i === j) + share * matrix[i][j]));
    const moved = right.codes.map((z) => [0, 1].map((j) => z[0] * way[0][j] + z[1] * way[1][j]));
    const here = left.bring(place), chosen = nearest(left.codes, here, 0)[0];
    const near = nearest(left.codes, left.codes[chosen], 1), there = nearest(right.codes, right.codes[chosen], 1);
    const steps = Math.sqrt(beyond.length), [low, high] = extent;
    const cell = [0, 1].map((axis) => Math.min(steps - 1, Math.max(0, Math.floor((steps * (place[axis] - low[axis])) / (high[axis] - low[axis])))));
    return {
      left: left.codes, moved, here, chosen, near, misfit,
      both: near.filter((at) => there.includes(at)).length,
      empty: [0, 1].some((axis) => place[axis] < low[axis] || place[axis] > high[axis]) || beyond[cell[1] * steps + cell[0]] === "1",
      drawn: decode(decoder, place),
    };
  }

  function view(state, numbers) {
    return `<div class="beside">${map(state, numbers, true)}${map(state, numbers, false)}</div>${words(state, numbers)}`;
  }

  function map(state, { left, moved, here, chosen, near }, isLeft) {
    const places = (isLeft ? left : moved).map((place) => SQUARE.inside(place)), { labels, others, other, morph } = state;
    const dots = places.map((z, at) => `<circle cx="${SQUARE.x(z[0])}" cy="${SQUARE.y(z[1])}" r="3" fill="${COLOURS[labels[at]]}"/>`);
    const ring = (at, radius, style) => `<circle cx="${SQUARE.x(places[at][0])}" cy="${SQUARE.y(places[at][1])}" r="${radius}" style="fill:none;stroke:var(--color-foreground-primary);${style}"/>`;
    const ends = isLeft || morph < 100 ? "" : left.map((z, at) => {
      const from = SQUARE.inside(z);
      return `<path d="M${SQUARE.at(from)}L${SQUARE.at(places[at])}" style="stroke:var(--faint);stroke-width:.7"/>`;
    }).join("");
    const handle = !isLeft ? "" : `<g data-handle="ring" aria-label="A place on the left map, moved by dragging or by the arrow keys">
      <circle class="grip" cx="${SQUARE.x(here[0])}" cy="${SQUARE.y(here[1])}" r="22"/><circle class="puck" cx="${SQUARE.x(here[0])}" cy="${SQUARE.y(here[1])}" r="11" style="stroke-width:2"/></g>`;
    return `<svg viewBox="0 0 ${SIDE} ${SIDE + 22}" style="max-width:${SIDE}px" role="${isLeft ? "group" : "img"}" aria-label="${isLeft ? "The map of seed 0" : `The map of ${others[other].name}`}">
      <rect class="frame" x="1" y="1" width="${SIDE - 2}" height="${SIDE - 2}"/>${isLeft && state.shaded ? shade(state) : ""}${ends}${dots.join("")}
      ${near.map((at) => ring(at, 6, "stroke-width:1.4")).join("")}${ring(chosen, 8, "stroke-width:2.6")}${handle}
      ${isLeft ? key({ x: 76, y: SIDE + 12, apart: 26 }) : ""}<text x="2" y="${SIDE + 16}">${isLeft ? "seed 0" : `${others[other].name}${morph === 0 ? ", as it came" : morph === 100 ? ", laid on seed 0" : ", on its way"}`}</text></svg>`;
  }

  /** The empty cells, in the units of the map as drawn, and all that lies outside of them. */
  function shade({ beyond, extent: [low, high], codes }) {
    const { bring } = standard(codes), steps = Math.sqrt(beyond.length), [a, b] = [bring(low), bring(high)];
    const around = `M2,2H${SIDE - 2}V${SIDE - 2}H2zM${SQUARE.at(a)}H${SQUARE.x(b[0])}V${SQUARE.y(b[1])}H${SQUARE.x(a[0])}z`;
    return `<g style="fill:var(--faint)" opacity=".22" shape-rendering="crispEdges"><path d="${around}" fill-rule="evenodd"/>${Array.from(beyond, (one, at) => {
      if (one === "0") return "";
      const corner = (i, j) => bring([low[0] + (i * (high[0] - low[0])) / steps, low[1] + (j * (high[1] - low[1])) / steps]);
      const [i, j] = [at % steps, Math.floor(at / steps)], [a, b] = [corner(i, j), corner(i + 1, j + 1)];
      const [x, y] = [SQUARE.x(a[0]), SQUARE.y(b[1])];
      return `<rect x="${x}" y="${y}" width="${(SQUARE.x(b[0]) - x + 0.3).toFixed(2)}" height="${(SQUARE.y(a[1]) - y + 0.3).toFixed(2)}"/>`;
    }).join("")}</g>`;
  }

  function words(state, { chosen, both, misfit, drawn, empty }) {
    const { labels, pictures, others, other, morph, shaded } = state, { name } = others[other];
    const real = Array.from(pictures[chosen], (letter) => parseInt(letter, 17) / 16);
    const choices = others.map((one, at) => `<button type="button" data-set='{"other": ${at}}' aria-pressed="${at === other}" ${at === other ? 'style="border-color:var(--model)"' : ""}>${one.name}</button>`);
    return `<div class="beside" style="margin-top:.6rem"><div class="sum" style="flex:0 1 220px"><svg viewBox="0 0 200 108" style="max-width:220px">
      ${picture(real, { width: 8, cell: 10, label: `the nearest digit, a ${labels[chosen]}` })}${picture(drawn, { width: 8, cell: 10, x: 104, label: "what the decoder draws at the ring" })}
      <text x="0" y="98">nearest digit</text><text x="104" y="98">drawn there</text></svg></div>
      <div class="sum"><p>${empty ? '<b class="removed">No digit lives here. The decoder is guessing.</b>' : "Digits live here."}</p>
      <p>of the five neighbours of this ${labels[chosen]}, <b>${both}</b> are neighbours on the map of ${name} too</p>
      <p>laid upon one another, the maps still differ in <b>${number(100 * misfit, 0)} %</b></p>
      <div class="controls"><label style="flex:1 1 100%">lay the right map on the left one
      <input type="range" data-state="morph" min="0" max="100" step="1" value="${morph}" aria-label="lay the right map on the left one" aria-valuetext="${morph} per cent"></label>
      <button type="button" data-play="morph">play</button>${choices.join("")}
      <label><input type="checkbox" data-state="shaded" ${shaded ? "checked" : ""}> shade what is empty</label>
      <button type="button" data-set>back to the start</button></div></div></div>`;
  }

  isthmus.widget("maps", {
    compute,
    view,
    handles: {
      ring: {
        plane: SQUARE,
        step: 0.05,
        at: ({ place, codes }) => standard(codes).bring(place),
        move: ({ codes }, place) => ({ place: standard(codes).back(place) }),
        said: ({ labels, others, other }, { chosen, both, empty }) =>
          `the nearest digit is a ${labels[chosen]}; ${both} of its five neighbours are neighbours on the map of ${others[other].name}${empty ? "; no digit lives here" : ""}`,
      },
    },
  });
})();
