"use strict";
/* A picture's cloud of codes in a variational autoencoder: its draws decoded, its price, and seven models to have it in. */

(() => {
  const { plane, axes, picture, number, decode, COLOURS, key } = isthmus;
  const REACH = 4.5, TAIL = 0.55, NARROW = 0.02, WIDE = 3;
  const PLANE = plane({ x: [-REACH, REACH], y: [-REACH, REACH], width: 380, height: 380 });
  const TRADE = plane({ x: [0, 10], y: [0.02, 0.08], width: 250, height: 160, margin: 30 });

  function compute({ models, k, mean, width, noise, picture: x }) {
    const model = models[k], code = mean ?? model.mean, spread = width ?? model.width;
    const draws = noise.map((drawn) => drawn.map((e, j) => code[j] + spread[j] * e));
    const drawings = draws.map((z) => decode(model.decoder, z));
    const errors = drawings.map((row) => row.reduce((sum, value, at) => sum + (value - x[at]) ** 2, 0));
    const error = errors.reduce((sum, value) => sum + value, 0) / errors.length;
    const prices = code.map((m, j) => (m * m + spread[j] ** 2 - 1 - Math.log(spread[j] ** 2)) / 2);
    const divergence = prices.reduce((sum, price) => sum + price, 0);
    const unlikely = error / (2 * model.variance);
    return { code, spread, draws, drawings, error, prices, divergence, unlikely, total: unlikely + divergence };
  }

  function view(state, numbers) {
    return `<div class="beside">${cloud(state, numbers)}<div class="sum">${drawings(state, numbers)}${price(state, numbers)}</div></div>
      ${slider(state)}${models(state)}`;
  }

  function cloud({ models, k, labels }, { code, spread, draws }) {
    const unit = PLANE.x(1) - PLANE.x(0), [x, y] = [PLANE.x(code[0]), PLANE.y(code[1])];
    const corner = tail({ code, spread });
    const dots = models[k].codes.map((place, at) => Math.max(...place.map(Math.abs)) > REACH ? "" :
      `<circle cx="${PLANE.x(place[0])}" cy="${PLANE.y(place[1])}" r="2.5" fill="${COLOURS[labels[at]]}" opacity=".75"/>`);
    const ring = (width) => `<circle cx="${PLANE.x(0)}" cy="${PLANE.y(0)}" r="${width * unit}" fill="none" stroke="var(--faint)" stroke-dasharray="4 4"/>`;
    return `<svg viewBox="0 0 ${PLANE.width} ${PLANE.height + 24}" role="group" aria-label="The plane of codes: digits, the prior's rings, and the cloud of one three">
      ${axes(PLANE, { x: "z₁", y: "z₂" })}
      <clipPath id="cloud-frame"><rect x="${PLANE.x(-REACH)}" y="${PLANE.y(REACH)}" width="${2 * REACH * unit}" height="${2 * REACH * unit}"/></clipPath>
      <g clip-path="url(#cloud-frame)">${ring(1)}${ring(2)}${dots.join("")}
      <ellipse cx="${x}" cy="${y}" rx="${spread[0] * unit}" ry="${spread[1] * unit}" style="fill:var(--model);fill-opacity:.22;stroke:var(--model);stroke-width:2"/></g>
      <path d="M${x},${y}L${PLANE.at(corner)}" style="stroke:var(--model);stroke-width:1.5"/>
      ${draws.map((z) => `<circle cx="${PLANE.x(z[0])}" cy="${PLANE.y(z[1])}" r="2" style="fill:var(--color-foreground-primary)"/>`).join("")}
      <g data-handle="middle" aria-label="The cloud's middle, moved by dragging or by the arrow keys">
      <circle class="grip" cx="${x}" cy="${y}" r="18"/><circle class="puck" cx="${x}" cy="${y}" r="13" style="stroke-width:2"/></g>
      <g data-handle="corner" aria-label="The cloud's width, changed by dragging its corner or by the arrow keys">
      <circle class="grip" cx="${PLANE.x(corner[0])}" cy="${PLANE.y(corner[1])}" r="15"/>
      <rect x="${PLANE.x(corner[0]) - 5}" y="${PLANE.y(corner[1]) - 5}" width="10" height="10" style="fill:var(--model)"/></g>${key({ x: 44, y: PLANE.height + 14, apart: 32 })}</svg>`;
  }

  function drawings({ picture: x }, { drawings: rows }) {
    const shown = rows.map((row, at) =>
      picture(row, { width: 8, cell: 5.5, x: 62 + (at % 4) * 50, y: Math.floor(at / 4) * 50, label: `what draw ${at + 1} decodes to` }));
    return `<svg viewBox="0 0 258 116">${picture(x, { width: 8, cell: 5.5, label: "the three" })}${shown.join("")}
      <text x="0" y="60">the three</text><text x="62" y="110">eight draws, decoded</text></svg>`;
  }

  function price({ models, k }, { code, spread, error, prices, divergence, unlikely, total }) {
    const { variance } = models[k];
    return `<p>μ = (${number(code[0], 2)}, ${number(code[1], 2)}), σ = (${number(spread[0], 2)}, ${number(spread[1], 2)})</p>
      <h3>The price, in nats</h3>
      <p>KL = ${number(prices[0], 2)} + ${number(prices[1], 2)} = <b>${number(divergence, 2)}</b></p>
      <h3>The error it leaves</h3>
      <p>${number(error, 2)} / (2 · ${number(variance, variance < 0.1 ? 3 : 1)}) = <b>${number(unlikely, 2)}</b></p>
      <h3>The loss of this cloud</h3>
      <p>${number(unlikely, 2)} + ${number(divergence, 2)} = <b class="removed">${number(total, 2)}</b></p>`;
  }

  function slider({ models, k, learned }) {
    const last = models.length - 1, said = `σₓ² = ${shortly(models[k].variance)}, β = ${shortly(2 * models[k].variance)}`;
    const name = k === learned ? ", as learned" : k === last ? ", that is mse + kl" : models[k].variance === 0.5 ? ", summed error + KL" : "";
    return `<p style="margin:.8rem 0 0"><b>${said}</b>${name}</p>
      <p class="controls" style="margin-top:.2rem"><label style="flex:1 1 100%">from exact to hopeless
      <input type="range" data-state="k" min="0" max="${last}" step="1" value="${k}" aria-label="the decoder's variance" aria-valuetext="${said}${name}"></label>
      <button type="button" data-set='{"k": ${last}, "mean": null, "width": null}'>collapse: mse + kl</button>
      <button type="button" data-set='{"mean": null, "width": null}'>the encoder's own cloud</button>
      <button type="button" data-set>back to the start</button></p>`;
  }

  /** Nats paid against the error left, model by model, and what each number of the code carries. */
  function models({ models: all, k, pca }) {
    const places = all.map(({ nats, error }) => [nats, error]), here = all[k];
    const dot = ([nats, error], at) => `<circle cx="${TRADE.x(nats)}" cy="${TRADE.y(error)}" r="${at === k ? 7 : 4}" style="fill:${at === k ? "var(--lost)" : "var(--model)"}"/>`;
    const bar = (nats, j) => `<text x="0" y="${30 + 34 * j}">z${"₁₂"[j]}</text>
      <rect x="24" y="${17 + 34 * j}" width="${Math.max(1, 26 * nats)}" height="18" style="fill:var(--model)"/>
      <text x="${32 + 26 * nats}" y="${30 + 34 * j}">${number(nats, 2)}</text>`;
    return `<div class="beside" style="margin-top:.6rem">
      <svg viewBox="0 0 ${TRADE.width} ${TRADE.height + 14}" style="max-width:330px" role="img" aria-label="The seven models: this one pays ${number(here.nats, 2)} nats and leaves an error of ${number(here.error, 4)}">
      ${axes(TRADE, { x: "nats paid for a code", y: "error of a grey value", ticks: [] })}
      ${[0, 5, 10].map((n) => `<text x="${TRADE.x(n)}" y="${TRADE.y(0.02) + 13}" text-anchor="middle" style="font-size:11px">${n}</text>`).join("")}
      ${[0.02, 0.05, 0.08].map((e) => `<text x="${TRADE.x(0) - 4}" y="${TRADE.y(e) + 4}" text-anchor="end" style="font-size:10px">${number(e, 2)}</text>`).join("")}
      <path d="M${TRADE.at([0, pca])}H${TRADE.x(10)}" style="stroke:var(--pca);stroke-dasharray:2 3;stroke-width:1.5"/>
      <text x="${TRADE.x(10)}" y="${TRADE.y(pca) - 4}" text-anchor="end" style="fill:var(--pca);font-size:11px">PCA, 2 numbers</text>
      <path d="M${places.map((place) => TRADE.at(place)).join("L")}" style="fill:none;stroke:var(--model);stroke-width:1.5"/>
      ${places.map(dot).join("")}</svg>
      <div class="sum"><p>nats that each number of the code carries</p>
      <svg viewBox="0 0 258 84" role="img" aria-label="nats of the first number ${number(here.kl[0], 2)}, of the second ${number(here.kl[1], 2)}">${here.kl.map(bar).join("")}</svg>
      <p>in all <b>${number(here.nats, 2)}</b> nats a picture, and an error of <b>${number(here.error, 4)}</b> a grey value</p>
      ${here.nats < 0.05 ? `<p><b class="removed">Collapsed: every picture has the prior for its cloud, and the mean picture for its drawing.</b></p>` : ""}</div></div>`;
  }

  const shortly = (value) => number(value, value < 0.1 ? 3 : value < 10 ? 1 : 0);
  const tail = ({ code, spread }) => code.map((m, j) => Math.min(REACH, m + spread[j] + TAIL));
  const hundredth = (value) => Math.round(value * 100) / 100;
  const own = ({ models, k, mean, width }) => ({ code: mean ?? models[k].mean, spread: width ?? models[k].width });

  isthmus.widget("cloud", {
    compute,
    view,
    handles: {
      middle: {
        plane: PLANE,
        step: 0.1,
        at: (state) => own(state).code,
        move: (state, place) => ({ mean: place.map(hundredth), width: own(state).spread }),
        said: (_, { code, divergence, total }) =>
          `the middle is at ${number(code[0], 2)}, ${number(code[1], 2)}; the divergence is ${number(divergence, 2)}; the loss is ${number(total, 2)}`,
      },
      corner: {
        plane: PLANE,
        step: 0.05,
        at: (state) => tail(own(state)),
        move: (state, place) => {
          const { code } = own(state);
          return { mean: code, width: place.map((z, j) => hundredth(Math.min(WIDE, Math.max(NARROW, z - code[j] - TAIL)))) };
        },
        said: (_, { spread, divergence, total }) =>
          `the widths are ${number(spread[0], 2)}, ${number(spread[1], 2)}; the divergence is ${number(divergence, 2)}; the loss is ${number(total, 2)}`,
      },
    },
  });
})();
