"use strict";
/* The plane of two-number codes: carry the puck about, and the decoder draws what it makes of the place. */

(() => {
  const { plane, picture, difference, number, decode, COLOURS, key } = isthmus;
  const SIDE = 380, NEIGHBOURS = 5;
  const PLANES = new Map();

  const planeOf = ({ extent: [low, high] }) => {
    const frame = `${low} ${high}`;
    if (!PLANES.has(frame)) PLANES.set(frame, plane({ x: [low[0], high[0]], y: [low[1], high[1]], width: SIDE, height: SIDE, margin: 8 }));
    return PLANES.get(frame);
  };

  /** Distances are in units of the codes' spread along each axis. */
  function compute({ code, codes, spread, decoder, limit }) {
    const distances = codes.map((other) => Math.hypot(...other.map((z, axis) => (z - code[axis]) / spread[axis])));
    const order = distances.map((_, at) => at).sort((a, b) => distances[a] - distances[b]).slice(0, NEIGHBOURS);
    const distance = order.reduce((sum, at) => sum + distances[at], 0) / NEIGHBOURS;
    return { reconstructed: decode(decoder, code), nearest: order[0], distance, beyond: distance > limit };
  }

  function view(state, { reconstructed, nearest, distance, beyond }) {
    const { code, codes, labels, pictures, limit } = state, on = planeOf(state);
    const dots = codes.map((place, at) => `<circle cx="${on.x(place[0])}" cy="${on.y(place[1])}" r="3" fill="${COLOURS[labels[at]]}"/>`);
    const real = Array.from(pictures[nearest], (letter) => parseInt(letter, 17) / 16);
    return `<div class="beside"><svg viewBox="0 0 ${SIDE} ${SIDE + 24}" role="group" aria-label="The plane of codes, a dot for each digit, and the puck">
      <rect class="frame" x="1" y="1" width="${SIDE - 2}" height="${SIDE - 2}"/>${dots.join("")}
      <g data-handle="puck" aria-label="The puck, moved by dragging or by the arrow keys">
      <circle class="grip" cx="${on.x(code[0])}" cy="${on.y(code[1])}" r="22"/>
      <circle class="puck" cx="${on.x(code[0])}" cy="${on.y(code[1])}" r="9"/></g>${key({ x: 18, y: SIDE + 14, apart: 36 })}</svg>
      <div class="sum"><svg viewBox="0 0 264 100" style="max-width:330px">
      ${picture(real, { width: 8, cell: 9.5, label: `the digit with the nearest code, a ${labels[nearest]}` })}
      ${picture(reconstructed, { width: 8, cell: 9.5, x: 92, label: "what the decoder draws at the puck" })}
      ${difference(real, reconstructed, { x: 184, cell: 9.5 })}
      <text x="0" y="93">nearest: a ${labels[nearest]}</text><text x="92" y="93">drawn here</text><text x="184" y="93">difference</text></svg>
      <p>code: <b>(${number(code[0], 2)}, ${number(code[1], 2)})</b></p>
      <p>nearest digits are at distance <b>${number(distance, 2)}</b></p>
      <p>${beyond
        ? `<b class="removed">Beyond ${number(limit, 2)}: no digit lives here. The decoder is guessing.</b>`
        : `within ${number(limit, 2)}: digits live here`}</p>
      <p class="controls"><button type="button" data-set>back to the start</button></p></div></div>`;
  }

  isthmus.widget("map", {
    compute,
    view,
    handles: {
      puck: {
        plane: planeOf,
        at: ({ code }) => code,
        move: (_, place) => ({ code: place }),
        said: ({ code, labels }, { nearest, beyond }) =>
          `the puck is at ${number(code[0], 2)}, ${number(code[1], 2)}; the nearest digit is a ${labels[nearest]}` +
          (beyond ? "; no digit lives here" : ""),
      },
    },
  });
})();
