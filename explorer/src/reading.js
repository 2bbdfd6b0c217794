// Rows out of what people have at hand: numbers in a line, a table with its header, a picture in any size.
import { wordsOf } from "./columns.js";

/**
 * A row from text, and what is to be said of it; `row` is null where there is none.
 * @param {string} text @param {import("./columns.js").Field[]} fields @returns {{row: Float64Array | null, note: string}}
 */
export function rowOfText(text, fields) {
  const lines = text.replaceAll("−", "-").split(/\r?\n/).map((line) => line.trim().replace(/^[[(](.*)[\])]$/, "$1")).filter(Boolean); // as the page and Python print them
  const none = (/** @type {string} */ note) => ({ row: null, note }), plain = fields.every((field) => field.kind === "number"), what = plain ? "numbers" : "cells";
  if (!lines.length) return none(`Paste a row of ${fields.length.toLocaleString("en")} ${what} first.`);
  const cut = [/\t/, /;/, /,/].find((mark) => mark.test(lines[0])) || /\s+/;
  const cells = (/** @type {string} */ line) => line.trim().split(cut).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
  const head = cells(lines[0]), named = plain ? head.some((cell) => !isNumber(cell)) : fields.some((field) => head.includes(field.name));
  const body = named ? lines.slice(1) : lines;
  if (!body.length) return none("That is a header with no row below it, or a row that contains words.");
  const values = cells(body[0]), more = body.length > 1 ? `The first of ${body.length} rows.` : "";
  const places = fields.map(({ name }, i) => (named ? head.indexOf(name) : i));
  const lost = fields.filter((_, i) => places[i] < 0);
  if (lost.length) return none(`The header has no column ${lost[0].name}${lost.length > 1 ? `, and ${lost.length - 1} more are missing` : ""}.`);
  if (!named && values.length !== fields.length) return none(`A row has ${fields.length.toLocaleString("en")} ${what}, got ${values.length.toLocaleString("en")}.`);
  const row = new Float64Array(fields[fields.length - 1].end);
  for (const [i, field] of fields.entries()) {
    const wanted = readCell(row, field, values[places[i]] ?? "");
    if (wanted) return none(`${field.name} must be ${wanted}, got "${(values[places[i]] ?? "").slice(0, 40)}".`);
  }
  return { row, note: more };
}

/** A number or a date as Germans write it, in the page's own form: 1.597,62 and 21.07.2022. @param {string} cell */
const plainly = (cell) => cell.replace(/^([+-]?)(\d{1,3}(?:\.\d{3})*|\d+),(\d+)$/, (_, sign, whole, part) => `${sign}${whole.replaceAll(".", "")}.${part}`).replace(/^(\d{1,2})\.(\d{1,2})\.(\d{4})(?=$|\s)/, (_, day, month, year) => `${year}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`);

/** @param {string} cell */
const isNumber = (cell) => cell !== "" && Number.isFinite(Number(cell));

/** A cell's numbers written into the row; what it should have been where it is something else. @param {Float64Array} row @param {import("./columns.js").Field} field @param {string} cell */
function readCell(row, field, cell) {
  const { kind, begin, end, categories = [] } = field;
  if (kind === "category") {
    const at = categories.indexOf(cell);
    if (at < 0) return `one of ${categories.slice(0, 6).join(", ")}${categories.length > 6 ? ", …" : ""}`;
    row.fill(0, begin, end);
    row[begin + at] = 1;
    return "";
  }
  if (kind === "boolean") {
    const words = wordsOf(field), yes = cell === words[1] || (cell !== words[0] && /^(1|true|yes|t|y)$/i.test(cell));
    if (!yes && cell !== words[0] && !/^(0|false|no|f|n)$/i.test(cell)) return `${words[1]} or ${words[0]}`;
    row[begin] = Number(yes);
    return "";
  }
  const plain = plainly(cell), clock = /[Tt:]/.test(plain) ? "" : "T00:00Z";
  const days = kind === "date" && !isNumber(plain) ? Date.parse(plain + clock) / 864e5 : NaN;
  if (!isNumber(plain) && Number.isNaN(days)) return kind === "date" ? "a date such as 2024-05-31" : "a number";
  row[begin] = isNumber(plain) ? Number(plain) : days;
  return "";
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
  while (side[0] > 2 * width && side[1] > 2 * height) { // by halves, so every pixel counts
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
