"use strict";
/* One hidden number measured twice: prior, likelihood and posterior, and the bound at a curve q of one's own choice.
   isthmus.closed_form.two_measurements and elbo_of_two_measurements, term by term. */

(() => {
  const { plane, number } = isthmus;
  const PLANE = plane({ x: [-3, 4], y: [-0.4, 1.5], width: 380, height: 340, margin: 26 });
  const BAR = plane({ x: [-6, 0], y: [0, 1], width: 380, height: 74, margin: 26 });
  const NARROW = 0.27, WIDE = 1.6, RATE = 0.03, ROOT = Math.sqrt(2 * Math.PI);
  const ROWS = [-0.14, -0.3];

  const bell = (z, mean, variance) => Math.exp(-((z - mean) ** 2) / (2 * variance)) / (ROOT * Math.sqrt(variance));
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
  const standard = (mean, variance) => 0.5 * (mean ** 2 + variance - 1 - Math.log(variance));

  function compute({ x, variance: noise, mean: startMean, spread, steps }) {
    const n = x.length, sum = x.reduce((total, value) => total + value, 0);
    let mean = startMean, logSpread = Math.log(spread);
    for (let step = 0; step < steps; step++) {
      const squared = Math.exp(2 * logSpread);
      mean += RATE * ((sum - n * mean) / noise - mean);
      logSpread += RATE * (1 - squared * (n / noise + 1));
    }
    const q = { mean, variance: Math.exp(2 * logSpread) };
    const posterior = { mean: sum / (n + noise), variance: noise / (n + noise) };
    const error = (z) => x.reduce((total, value) => total + (value - z) ** 2, 0);
    const cost = (squares) => squares / (2 * noise) + (n / 2) * Math.log(2 * Math.PI * noise);
    const expected = -cost(error(q.mean) + n * q.variance), divergence = standard(q.mean, q.variance);
    const ratio = q.variance / posterior.variance;
    const gap = 0.5 * (ratio + (q.mean - posterior.mean) ** 2 / posterior.variance - 1 - Math.log(ratio));
    return {
      q, posterior, maximum_likelihood: sum / n, likelihood_variance: noise / n, shrinkage: n / (n + noise),
      error_of_mean: error(sum / n), error_of_posterior_mean: error(posterior.mean),
      expected, divergence, elbo: expected - divergence, gap, log_evidence: expected - divergence + gap,
    };
  }

  function view(state, numbers) {
    return `<div class="beside"><div style="flex: 1 1 280px">${picture(state, numbers)}${bar(numbers)}</div>${side(state, numbers)}</div>`;
  }

  function curve(mean, variance) {
    const reach = 4.5 * Math.sqrt(variance), { left, right } = PLANE.bounds;
    const low = Math.max(left, mean - reach), high = Math.min(right, mean + reach);
    return Array.from({ length: 121 }, (_, at) => low + (at * (high - low)) / 120).map((z) => PLANE.at([z, bell(z, mean, variance)])).join("L");
  }

  function picture({ x }, { q, posterior, maximum_likelihood: middle, likelihood_variance: width }) {
    const { left, right, top } = PLANE.bounds, peak = [q.mean, 1 / (ROOT * Math.sqrt(q.variance))];
    const ticks = [-3, -2, -1, 0, 1, 2, 3, 4].map((z) => `<text x="${PLANE.x(z)}" y="${PLANE.y(-0.4) + 12}" text-anchor="middle">${number(z)}</text>`);
    const readings = x.map((value, at) => `<g data-handle="x${at + 1}" aria-label="reading ${at + 1}, moved by dragging or by the arrow keys">
      <circle class="grip" cx="${PLANE.x(value)}" cy="${PLANE.y(ROWS[at])}" r="17"/><circle cx="${PLANE.x(value)}" cy="${PLANE.y(ROWS[at])}" r="7" fill="var(--lost)"/></g>
      <text x="${PLANE.x(value) + 11}" y="${PLANE.y(ROWS[at]) + 4}">x${"₁₂"[at]}</text>`);
    const filled = curve(posterior.mean, posterior.variance);
    return `<svg viewBox="0 0 ${PLANE.width} ${PLANE.height}" role="group" aria-label="Four curves over the temperature z: prior, likelihood, posterior and q, and two readings below">
      <g class="axes" aria-hidden="true"><path d="M${PLANE.at([left, 0])}H${PLANE.x(right)}"/>${ticks.join("")}
      <text x="${PLANE.x(right)}" y="${PLANE.y(0) - 5}" text-anchor="end" class="name">z</text></g>
      <path class="noise" fill="none" d="M${curve(0, 1)}"/>
      <text x="${PLANE.x(-1.35)}" y="${PLANE.y(bell(-1.35, 0, 1)) - 6}" text-anchor="end">prior</text>
      <path fill="var(--model)" opacity=".18" d="M${filled}z"/><path class="line" d="M${filled}"/>
      <path class="residual" fill="none" d="M${curve(middle, width)}"/>
      <path fill="none" stroke="var(--color-foreground-primary)" stroke-width="1.6" d="M${curve(q.mean, q.variance)}"/>
      ${readings.join("")}
      <g data-handle="q" aria-label="q: sideways its mean, upwards narrower, moved by dragging or by the arrow keys">
      <circle class="grip" cx="${PLANE.x(peak[0])}" cy="${PLANE.y(Math.min(top, peak[1]))}" r="20"/><circle class="point" cx="${PLANE.x(peak[0])}" cy="${PLANE.y(Math.min(top, peak[1]))}" r="7"/></g>
      <text x="${PLANE.x(peak[0]) + 12}" y="${PLANE.y(Math.min(top, peak[1])) - 8}">q</text></svg>`;
  }

  function bar({ elbo, log_evidence: evidence }) {
    const { left, right } = BAR.bounds, low = BAR.x(left), at = (value) => BAR.x(clamp(value, left, right));
    const ticks = [-6, -5, -4, -3, -2, -1, 0].map((value) => `<text x="${BAR.x(value)}" y="62" text-anchor="middle">${number(value)}</text>`);
    return `<svg viewBox="0 0 ${BAR.width} ${BAR.height}" role="img" aria-label="The ELBO, and the gap between it and log p(x)">
      <g class="axes" aria-hidden="true"><path d="M${low},46H${BAR.x(right)}"/>${ticks.join("")}</g>
      <rect x="${low}" y="24" width="${at(elbo) - low}" height="18" fill="var(--model)"/>
      <rect x="${at(elbo)}" y="24" width="${Math.max(0, at(evidence) - at(elbo))}" height="18" fill="var(--lost)"/>
      <path stroke="var(--color-foreground-primary)" stroke-width="2" d="M${at(evidence)},19V47"/>
      <text x="${clamp(at(evidence), 60, 340)}" y="14" text-anchor="middle">log p(x)</text></svg>`;
  }

  function side(state, numbers) {
    const { x, variance, steps } = state, { q, posterior } = numbers, [x1, x2] = x.map((value) => number(value, 2));
    const range = (name, words, value, min, max, step) =>
      `<label style="flex: 1 1 100%">${words}<input type="range" data-state="${name}" min="${min}" max="${max}" step="${step}" value="${value}"></label>`;
    const likely = JSON.stringify({ mean: numbers.maximum_likelihood, spread: clamp(Math.sqrt(numbers.likelihood_variance), NARROW, WIDE), steps: 0 });
    const there = JSON.stringify({ mean: posterior.mean, spread: clamp(Math.sqrt(posterior.variance), NARROW, WIDE), steps: 0 });
    return `<div class="sum"><h3>Likelihood × prior = posterior</h3>
      <p>mean of the readings: (${x1} + ${bracket(x2)}) / 2 = <b class="removed">${number(numbers.maximum_likelihood, 3)}</b></p>
      <p>posterior mean: (${x1} + ${bracket(x2)}) / (2 + ${number(variance, 2)}) = <b>${number(posterior.mean, 3)}</b></p>
      <p>its variance: ${number(variance, 2)} / ${number(2 + variance, 2)} = <b>${number(posterior.variance, 3)}</b></p>
      <p>reconstructing errs by ${number(numbers.error_of_mean, 3)} from the mean, by ${number(numbers.error_of_posterior_mean, 3)} from the posterior's</p>
      <h3>The bound at q = N(${number(q.mean, 2)}, ${number(q.variance, 3)})</h3>
      <p>E<sub>q</sub> log p(x | z) = ${number(numbers.expected, 4)}</p><p>KL(q ‖ prior) = ${number(numbers.divergence, 4)}</p>
      <p>ELBO = <b>${number(numbers.elbo, 4)}</b></p>
      <p>log p(x) = ${number(numbers.log_evidence, 4)}, gap <b class="removed">${number(numbers.gap, 4)}</b></p>
      <div class="controls">${range("steps", `steps up the ELBO: ${steps}`, steps, 0, 60, 1)}
      <button type="button" data-play="steps">let q climb</button>
      <button type="button" data-set='${likely}'>q = likelihood</button>
      <button type="button" data-set='${there}'>q = posterior</button>
      ${range("variance", `noise of a thermometer, σ² = ${number(variance, 2)}`, variance, 0.2, 3, 0.05)}
      <button type="button" data-set>back to the start</button></div></div>`;
  }

  const bracket = (text) => (text.startsWith("−") ? `(${text})` : text);
  const twentieth = (value) => Math.round(value * 20) / 20;

  const reading = (at) => ({
    plane: PLANE,
    step: 0.05,
    at: ({ x }) => [x[at], ROWS[at]],
    move: ({ x }, [value]) => ({ x: x.map((old, which) => (which === at ? twentieth(value) : old)) }),
    said: ({ x }, { posterior }) => `reading ${at + 1} is ${number(x[at], 2)}; the posterior mean is ${number(posterior.mean, 3)}`,
  });

  isthmus.widget("thermometers", {
    compute,
    view,
    handles: {
      x1: reading(0),
      x2: reading(1),
      q: {
        plane: PLANE,
        step: 0.05,
        at: (state) => {
          const { q } = compute(state);
          return [q.mean, 1 / (ROOT * Math.sqrt(q.variance))];
        },
        move: (_, [z, height]) => ({ mean: twentieth(z), spread: clamp(1 / (ROOT * Math.max(0.01, height)), NARROW, WIDE), steps: 0 }),
        said: (_, { q, elbo, gap }) => `q has mean ${number(q.mean, 2)} and variance ${number(q.variance, 3)}; the ELBO is ${number(elbo, 3)}, the gap ${number(gap, 3)}`,
      },
    },
  });
})();
