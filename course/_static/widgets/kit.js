"use strict";
/* Pictures that move. A widget is what differs, in plain functions:

     isthmus.widget("line", {
       compute(state),                    the numbers of a state; tests hold them to Python's
       view(state, numbers),              the picture as HTML, a pure function: drawn once when the site is built, so
                                          the page teaches untouched and without scripts, and again after every move
       handles: {                         what can be dragged, or moved by the arrow keys (Shift: further, Home: back)
         point: { plane (or a function of the state), at(state) -> [x, y], move(state, [x, y]) -> changes,
                  said(state, numbers) -> text for a screen reader, step (else a hundredth of the plane),
                  jumps: true where a press alone already moves it, as a pen does }
       },
     });

   In the view's HTML: data-handle="point" is a handle, <input> or <textarea data-state="k"> sets state.k, <button data-set='{"k": 1}'>
   sets several, <button data-play="k"> runs the range input of that name from end to end, and a button with an empty
   data-set goes back to the start. No framework, no network; the file runs in a browser and in node alike. */

globalThis.isthmus = (() => {
  const kinds = {};
  const BIG_STEP = 10, PLAY_SECONDS = 4;

  function widget(kind, parts) {
    kinds[kind] = parts;
    if (typeof document === "undefined") return;
    for (const figure of document.querySelectorAll(`figure[data-widget="${kind}"]`)) mount(figure, parts);
  }

  /** The numbers and the picture of a state, as the site is built with them. */
  function render(kind, state) {
    if (!kinds[kind]) throw new Error(`there is no widget ${kind}`);
    const numbers = kinds[kind].compute(state);
    return { numbers, html: kinds[kind].view(state, numbers) };
  }

  // ---- in the page --------------------------------------------------------------------------------------

  function mount(figure, parts) {
    const start = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
    const stage = figure.querySelector("div");
    let state = structuredClone(start);
    const change = (changes) => { state = { ...state, ...changes }; draw(); };
    const reset = () => { state = structuredClone(start); draw(); };

    function draw() {
      const numbers = parts.compute(state);
      const next = document.createElement("div");
      next.innerHTML = parts.view(state, numbers);
      const focused = stage.contains(document.activeElement) && keyOf(document.activeElement);
      morphChildren(stage, next);
      for (const element of stage.querySelectorAll("[data-handle]")) {
        const handle = parts.handles[element.dataset.handle];
        const attributes = { tabindex: 0, role: "slider", "aria-valuenow": handle.at(state)[0] };
        attributes["aria-valuetext"] = handle.said(state, numbers);
        for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      }
      if (focused && !stage.contains(document.activeElement)) stage.querySelector(focused)?.focus({ preventScroll: true });
    }

    const planeOf = ({ plane: on }) => (typeof on === "function" ? on(state) : on);

    function moveTo(name, event) {
      const handle = parts.handles[name], svg = stage.querySelector(`[data-handle="${name}"]`).closest("svg");
      const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      change(handle.move(state, planeOf(handle).value(place.x, place.y)));
    }

    let dragged = null;
    stage.addEventListener("pointerdown", (event) => {
      const element = event.target.closest("[data-handle]");
      if (!element) return;
      dragged = element.dataset.handle;
      stage.setPointerCapture(event.pointerId);
      element.focus({ preventScroll: true });
      event.preventDefault();
      if (parts.handles[dragged].jumps) moveTo(dragged, event);
    });
    // Inside an SVG, touch-action does not keep a finger that drags from scrolling the page; this does.
    const held = (event) => event.target.closest("[data-handle]") && event.preventDefault();
    stage.addEventListener("touchstart", held, { passive: false });
    stage.addEventListener("pointermove", (event) => dragged && moveTo(dragged, event));
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => { dragged = null; });

    stage.addEventListener("keydown", (event) => {
      const element = event.target.closest("[data-handle]");
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!element || !(way || event.key === "Home")) return;
      event.preventDefault();
      if (!way) return reset();
      const handle = parts.handles[element.dataset.handle], [x, y] = handle.at(state);
      const on = planeOf(handle), { left, right } = on.bounds;
      const step = (handle.step ?? (right - left) / 100) * (event.shiftKey ? BIG_STEP : 1);
      change(handle.move(state, on.inside([x + way[0] * step, y + way[1] * step])));
    });
    stage.addEventListener("input", (event) => {
      const { type, checked, value, dataset } = event.target;
      if (dataset.state) change({ [dataset.state]: { checkbox: checked, textarea: value }[type] ?? Number(value) });
    });
    stage.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button?.dataset.set !== undefined) button.dataset.set ? change(JSON.parse(button.dataset.set)) : reset();
      if (button?.dataset.play) play(stage.querySelector(`input[data-state="${button.dataset.play}"]`), change);
    });
    draw();
    figure.dataset.alive = "";
  }

  /** Run a range input from its low end to its high one; whoever asked for less motion gets the end at once. */
  function play(input, change) {
    const low = Number(input.min), high = Number(input.max), step = Number(input.step) || 1, name = input.dataset.state;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return change({ [name]: high });
    const began = performance.now();
    requestAnimationFrame(function frame(now) {
      const share = Math.min(1, (now - began) / 1000 / PLAY_SECONDS);
      change({ [name]: low + Math.round((share * (high - low)) / step) * step });
      if (share < 1) requestAnimationFrame(frame);
    });
  }

  /** By what a handle or an input is found again after the picture has been redrawn. */
  function keyOf({ dataset: { handle, state, play } }) {
    return handle ? `[data-handle="${handle}"]` : state ? `[data-state="${state}"]` : play && `[data-play="${play}"]`;
  }

  /** Make one tree like another in place, so focus and capture stay where they are. */
  function morph(old, next) {
    for (const { name } of [...(old.attributes ?? [])]) {
      if (!next.hasAttribute(name) && !(old.dataset.handle && /^(tabindex|role|aria-)/.test(name))) old.removeAttribute(name);
    }
    for (const { name, value } of next.attributes ?? []) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    if (old.tagName === "INPUT") { old.value = next.getAttribute("value"); old.checked = next.hasAttribute("checked"); }
    morphChildren(old, next);
    if (old.tagName === "TEXTAREA" && old.value !== next.value) old.value = next.value;
  }

  function morphChildren(old, next) {
    const mine = [...old.childNodes], theirs = [...next.childNodes];
    theirs.forEach((child, at) => {
      if (!mine[at]) old.append(child);
      else if (mine[at].nodeName !== child.nodeName) mine[at].replaceWith(child);
      else if (child.nodeType === 1) morph(mine[at], child);
      else if (mine[at].data !== child.data) mine[at].data = child.data;
    });
    mine.slice(theirs.length).forEach((child) => child.remove());
  }

  // ---- networks -----------------------------------------------------------------------------------------

  const read = new Map();

  /** Float32 numbers from base64; each text is read once. */
  function floats(text) {
    if (!read.has(text)) {
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      read.set(text, new Float32Array(bytes.buffer));
    }
    return read.get(text);
  }

  function linear(layer, input) {
    const weight = floats(layer.weight), bias = floats(layer.bias);
    return Array.from(bias, (sum, row) => {
      for (let at = 0; at < input.length; at++) sum += weight[row * input.length + at] * input[at];
      return sum;
    });
  }

  const silu = (value) => value / (1 + Math.exp(-value));

  /** The linear skip and the residual network, added. */
  function passed(half, u) {
    const skip = linear(half.skip, u);
    const bend = (input, layer, at) => linear(layer, at ? input.map(silu) : input);
    const residual = half.residual.length ? half.residual.reduce(bend, u) : skip.map(() => 0);
    return skip.map((value, at) => value + residual[at]);
  }

  /** A row reconstructed from its code, by the decoder that isthmus_course.moving.decoder_state wrote. */
  function decode(decoder, code) {
    const scale = floats(decoder.scale), center = floats(decoder.center), spread = floats(decoder.spread);
    return passed(decoder, code.map((z, at) => z / scale[at])).map((value, at) => center[at] + spread[at] * value);
  }

  /** The code of a row, by the encoder that isthmus_course.moving.encoder_state wrote. */
  function encode(encoder, row) {
    const scale = floats(encoder.scale), center = floats(encoder.center), spread = floats(encoder.spread);
    return passed(encoder, row.map((x, at) => (x - center[at]) / spread[at])).map((value, at) => scale[at] * value);
  }

  // ---- for views ----------------------------------------------------------------------------------------

  /** A rectangle of numbers drawn on a rectangle of pixels. */
  function plane({ x: [left, right], y: [bottom, top], width, height, margin = 28 }) {
    const across = (width - 2 * margin) / (right - left), up = (height - 2 * margin) / (top - bottom);
    const inside = ([x, y]) => [Math.min(right, Math.max(left, x)), Math.min(top, Math.max(bottom, y))];
    return {
      width, height, inside, bounds: { left, right, bottom, top },
      x: (value) => round(margin + (value - left) * across),
      y: (value) => round(height - margin - (value - bottom) * up),
      at([x, y]) { return `${this.x(x)},${this.y(y)}`; },
      value: (px, py) => inside([left + (px - margin) / across, bottom + (height - margin - py) / up]),
    };
  }

  /** The two axes of a plane, with a tick at each whole number, or at the values given. */
  function axes(on, { x: xName = "", y: yName = "", ticks } = {}) {
    const { left, right, bottom, top } = on.bounds;
    const whole = (low, high) => Array.from({ length: Math.floor(high) - Math.ceil(low) + 1 }, (_, k) => Math.ceil(low) + k);
    const marks = [
      ...(ticks ?? whole(left, right)).map((value) =>
        `<text x="${on.x(value)}" y="${on.y(bottom) + 14}" text-anchor="middle">${number(value)}</text>`),
      ...(ticks ?? whole(bottom, top)).map((value) =>
        `<text x="${on.x(left) - 6}" y="${on.y(value) + 4}" text-anchor="end">${number(value)}</text>`),
    ];
    return `<g class="axes" aria-hidden="true">
      <path d="M${on.at([left, top])}V${on.y(bottom)}H${on.x(right)}"/>${marks.join("")}
      <text x="${on.x(right)}" y="${on.y(bottom) + 26}" text-anchor="end" class="name">${xName}</text>
      <text x="${on.x(left) - 20}" y="${on.y(top) - 10}" class="name">${yName}</text></g>`;
  }

  /** A grey picture of values from 0 (paper) to 1 (ink), its corner at (x, y). */
  function picture(values, { width, x = 0, y = 0, cell = 12, label }) {
    const squares = Array.from(values, (value, at) => {
      const grey = Math.round(255 * (1 - Math.min(1, Math.max(0, value))));
      return `<rect x="${x + (at % width) * cell}" y="${y + Math.floor(at / width) * cell}" width="${cell}" height="${cell}" fill="rgb(${grey},${grey},${grey})"/>`;
    });
    return `<g class="picture" role="img" aria-label="${label}" shape-rendering="crispEdges">${squares.join("")}</g>`;
  }

  /** Reconstructed minus original, its corner at (x, y): blue is too little ink, orange too much. */
  function difference(row, reconstructed, { width = 8, x = 0, y = 0, cell = 12 }) {
    const squares = Array.from(row, (value, at) => {
      const off = reconstructed[at] - value, colour = off < 0 ? "31,95,168" : "217,115,13";
      return `<rect x="${x + (at % width) * cell}" y="${y + Math.floor(at / width) * cell}" width="${cell}" height="${cell}" fill="rgba(${colour},${Math.min(1, 1.4 * Math.abs(off)).toFixed(2)})"/>`;
    });
    const high = (row.length / width) * cell;
    return `<g role="img" aria-label="the difference" shape-rendering="crispEdges"><rect x="${x}" y="${y}" width="${width * cell}" height="${high}" fill="#fff"/>${squares.join("")}</g>`;
  }

  /** A number as it is printed: a true minus sign, no minus zero, and as many decimals as asked for. */
  function number(value, decimals = 0) {
    const text = value.toFixed(decimals);
    return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
  }

  /** The colours of the ten kinds of digits, apart for colour-blind eyes too, and a line that says which is which. */
  const COLOURS = ["#2f69e3", "#3fdc9a", "#11a6ad", "#cb7304", "#c07eff", "#555c5a", "#b91701", "#954aa3", "#f0b528", "#b6c2f0"];
  const key = ({ x, y, apart }) => COLOURS.map((colour, kind) =>
    `<circle cx="${x + apart * kind}" cy="${y}" r="4" fill="${colour}"/><text x="${x + 7 + apart * kind}" y="${y + 4}">${kind}</text>`).join("");

  const round = (value) => Math.round(value * 100) / 100;
  const dot = (a, b) => a.reduce((sum, value, at) => sum + value * b[at], 0);

  return { widget, render, decode, encode, plane, axes, picture, difference, number, dot, COLOURS, key };
})();
