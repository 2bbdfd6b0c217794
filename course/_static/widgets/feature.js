"use strict";
/* The card of one feature of a sparse autoencoder: its small picture, what turns it on, and what it does when turned up. */

(() => {
  const { picture, number, COLOURS } = isthmus;
  const LETTERS = "0123456789abcdefg";
  const greys = (letters) => Array.from(letters, (letter) => LETTERS.indexOf(letter) / 16);

  function compute({ cards, k, times, any }) {
    const card = cards[k], shown = any ? card.any : card.strongest, on = card.kinds.reduce((sum, count) => sum + count, 0);
    const activity = card.strongest.length ? card.strongest[0][2] : 0;
    const turned = card.reconstructed && card.reconstructed.map((x, at) => x + (times - 1) * activity * card.column[at]);
    const right = card.name === null || !on ? null : card.kinds[card.name] / on;
    return { shown, on, activity, turned, right };
  }

  function view(state, numbers) {
    const { cards, k } = state, card = cards[k], last = cards.length - 1;
    const said = card.name !== null ? `named “${card.name}”` : numbers.on ? "without a name" : "dead";
    const step = (to, word) => `<button type="button" data-set='{"k": ${to}, "times": 1}' aria-label="${word} feature">${word}</button>`;
    return `<p style="margin:0"><b>Feature ${card.unit}</b>, ${said} (card ${k + 1} of ${cards.length})</p>
      <p class="controls" style="margin:.2rem 0 .8rem"><label style="flex:1 1 100%"><input type="range" data-state="k" min="0" max="${last}" step="1" value="${k}" aria-label="which feature" aria-valuetext="feature ${card.unit}, ${said}"></label>
      ${step(Math.max(0, k - 1), "previous")}${step(Math.min(last, k + 1), "next")}<button type="button" data-set>back to the start</button></p>
      <div class="beside"><div style="flex:0 1 200px">${column(card)}${kinds(card, numbers)}</div>
      <div class="sum">${examples(state, numbers)}${turning(state, numbers)}</div></div>`;
  }

  /** Signed values: blue takes ink away, orange adds it. */
  function column({ column: values, unit }) {
    const reach = Math.max(...values.map(Math.abs)) || 1;
    const squares = values.map((value, at) =>
      `<rect x="${(at % 8) * 20}" y="${Math.floor(at / 8) * 20}" width="20" height="20" fill="rgba(${value < 0 ? "31,95,168" : "217,115,13"},${(Math.abs(value) / reach).toFixed(2)})"/>`);
    return `<svg viewBox="0 0 162 162" style="max-width:180px" role="img" aria-label="the small picture of feature ${unit}" shape-rendering="crispEdges">
      <rect width="160" height="160" fill="#fff"/>${squares.join("")}<rect width="160" height="160" style="fill:none;stroke:var(--faint)"/></svg>
      <p style="margin:.1rem 0 .6rem">its small picture</p>`;
  }

  function kinds({ kinds: counts, share, name }, { on }) {
    const most = Math.max(...counts, 1);
    const bars = counts.map((count, kind) => `<rect x="${kind * 18 + 2}" y="${60 - (56 * count) / most}" width="13" height="${(56 * count) / most}" fill="${COLOURS[kind]}"/>
      <text x="${kind * 18 + 8.5}" y="75" text-anchor="middle" ${kind === name ? 'font-weight="bold"' : ""}>${kind}</text>`);
    return `<svg viewBox="0 0 184 80" style="max-width:190px" role="img" aria-label="kinds of the pictures that turn it on: ${counts.map((count, kind) => `${count} of ${kind}`).join(", ")}">
      <path d="M0,60.5H182" style="stroke:var(--faint)"/>${bars.join("")}</svg>
      <p style="margin:.1rem 0">on for ${on} unseen pictures, ${number(100 * share, 0)} in 100</p>`;
  }

  function examples({ cards, k, any }, { shown, right }) {
    const { name, strong } = cards[k];
    const row = shown.map(([letters, kind, z], at) => `${picture(greys(letters), { width: 8, cell: 5.5, x: (at % 4) * 62, y: Math.floor(at / 4) * 66, label: `a ${kind}, ${number(z, 2)}` })}
      <text x="${(at % 4) * 62}" y="${Math.floor(at / 4) * 66 + 57}" style="font-size:11px;${name !== null && kind !== name ? "fill:var(--lost);font-weight:bold" : ""}">${kind}: ${number(z, 2)}</text>`);
    const result = name === null ? "" : any
      ? `<p>of all pictures that turn it on, <b class="removed">${number(100 * right, 0)} in 100</b> are a ${name}</p>`
      : `<p>of those that turn it on strongly, <b>${number(100 * strong, 0)} in 100</b> are a ${name}</p>`;
    return `<p>${any ? "pictures at any strength" : "pictures that turn it on most"}: kind and activity</p>
      ${shown.length ? `<svg viewBox="0 0 240 ${shown.length > 4 ? 126 : 60}" style="max-width:330px">${row.join("")}</svg>` : "<p><b class=\"removed\">None. It is on for no picture, and learns nothing more.</b></p>"}
      ${result}<p class="controls" style="margin-top:.2rem"><label><input type="checkbox" data-state="any" ${any ? "checked" : ""}> at any strength</label></p>`;
  }

  function turning({ cards, k, times }, { turned, activity }) {
    const { reconstructed } = cards[k];
    if (!reconstructed) return "";
    const said = times === 0 ? "turned off" : `${number(times, 2)} times as strong`;
    return `<p style="margin-top:.8rem">the first picture, its feature <b>${said}</b> (${number(times * activity, 2)})</p>
      <svg viewBox="0 0 240 88" style="max-width:330px">${picture(greys(cards[k].strongest[0][0]), { width: 8, cell: 8, label: "the picture" })}
      ${picture(reconstructed, { width: 8, cell: 8, x: 84, label: "reconstructed" })}${picture(turned, { width: 8, cell: 8, x: 168, label: `reconstructed with the feature ${said}` })}
      <text x="0" y="80">picture</text><text x="84" y="80">reconstructed</text><text x="168" y="80">turned</text></svg>
      <p class="controls" style="margin-top:.2rem"><label style="flex:1 1 100%">off … three times
      <input type="range" data-state="times" min="0" max="3" step="0.25" value="${times}" aria-label="the feature's strength" aria-valuetext="${said}"></label></p>`;
  }

  isthmus.widget("feature", { compute, view, handles: {} });
})();
