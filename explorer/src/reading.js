// Rows out of what people have at hand: numbers in a line, a table with its header, a picture in any size.

/**
 * A row from text, and what is to be said of it; `row` is null where there is none.
 * @param {string} text @param {string[]} columns @returns {{row: Float64Array | null, note: string}}
 */
export function rowOfText(text, columns) {
  const lines = text.replaceAll("−", "-").split(/\r?\n/).map((line) => line.trim().replace(/^[[(](.*)[\])]$/, "$1")).filter(Boolean); // as the page and Python print them
  if (!lines.length) return { row: null, note: `Paste a row of ${columns.length} numbers first.` };
  const cut = [/\t/, /;/, /,/].find((mark) => mark.test(lines[0])) || /\s+/;
  const cells = (/** @type {string} */ line) => line.trim().split(cut).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
  const isNumber = (/** @type {string} */ cell) => cell !== "" && Number.isFinite(Number(cell));
  const head = cells(lines[0]), named = head.some((cell) => !isNumber(cell));
  const body = named ? lines.slice(1) : lines;
  if (!body.length) return { row: null, note: "That is a header without a row under it, or a row in which words stand." };
  const values = cells(body[0]), more = body.length > 1 ? `The first of ${body.length} rows.` : "";
  const places = named ? columns.map((name) => head.indexOf(name)) : columns.map((_, i) => i);
  const lost = columns.filter((_, i) => places[i] < 0);
  if (lost.length) return { row: null, note: `The header names no column ${lost[0]}${lost.length > 1 ? `, and ${lost.length - 1} more are missing` : ""}.` };
  if (!named && values.length !== columns.length) return { row: null, note: `A row has ${columns.length} numbers, got ${values.length}.` };
  const wrong = places.findIndex((at) => !isNumber(values[at] ?? ""));
  if (wrong >= 0) return { row: null, note: `${columns[wrong]} must be a number, got "${(values[places[wrong]] ?? "").slice(0, 40)}".` };
  return { row: Float64Array.from(places, (at) => Number(values[at])), note: more };
}

/**
 * A picture in the size of the rows: what is dark in it is dark on the page.
 * @param {Blob} file @param {import("./model.js").Data} data
 */
export async function rowOfPicture(file, data) {
  const [channels, height, width] = data.facts.shape, [low, high] = data.facts.span;
  const bitmap = await createImageBitmap(file);
  let drawn = document.createElement("canvas"), side = [bitmap.width, bitmap.height];
  const paint = (/** @type {CanvasImageSource} */ source, /** @type {number} */ wide, /** @type {number} */ tall) => {
    const canvas = document.createElement("canvas"), pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    [canvas.width, canvas.height] = [wide, tall];
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, wide, tall);
    pen.imageSmoothingQuality = "high";
    pen.drawImage(source, 0, 0, wide, tall);
    return canvas;
  };
  drawn = paint(bitmap, side[0], side[1]);
  while (side[0] > 2 * width && side[1] > 2 * height) { // by halves, so that every pixel counts
    side = side.map((length) => Math.ceil(length / 2));
    drawn = paint(drawn, side[0], side[1]);
  }
  const pixels = /** @type {CanvasRenderingContext2D} */ (paint(drawn, width, height).getContext("2d")).getImageData(0, 0, width, height).data;
  const row = new Float64Array(data.width), size = height * width;
  for (let i = 0; i < size; i++) {
    const [red, green, blue] = pixels.subarray(4 * i, 4 * i + 3), grey = 1 - (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
    const shares = channels >= 3 ? [red / 255, green / 255, blue / 255] : [grey];
    for (let c = 0; c < channels; c++) row[c * size + i] = low + (high - low) * (shares[c] ?? 1);
  }
  return row;
}
