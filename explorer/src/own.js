// A row of the reader's own: drawn, filled in, pasted or uploaded, encoded by the page and shown on the map.
import { element, fill, place as find } from "./dom.js";
import { makeForm } from "./form.js";
import { makePad } from "./pad.js";
import { picture } from "./pictures.js";
import { rowOfPicture, rowOfText } from "./reading.js";

/** @param {any} app */
export function makeOwn(app) {
  const { model, data } = app, { shape, span } = data.facts;
  if (!model.reads) return fill("own", element("p", { class: "small", text: model.facts.encoderNote }));
  /** @type {Float64Array} */
  const row = (app.draft = app.draft || (data.pictures ? new Float64Array(data.width).fill(span[0]) : Float64Array.from(data.row(Math.max(0, app.state.item)))));
  const note = element("p", { role: "status", id: "own-note" });
  const place = () => {
    const empty = row.findIndex(Number.isNaN);
    if (empty >= 0) return void (note.textContent = `The encoder needs every column; ${data.fields.find((/** @type {any} */ { end }) => empty < end).name} is empty.`);
    app.showOwn(row.slice());
    note.textContent = find("about").textContent;
    if (data.pictures) again.replaceChildren(picture(data, model.decode(app.state.z), { name: "reconstruction of your own" }));
  };
  const drawn = data.lines || (data.pictures && (shape[0] > 1 || data.sound)) ? null : data.pictures ? makePad(app, row, place) : makeForm(app, row, place);
  const again = element("div", { class: "pad-box" }, [element("div", { class: "none", text: drawn ? "reconstructed as you draw" : "its reconstruction" })]);
  const take = (/** @type {ArrayLike<number>} */ values, said = "") => {
    row.set(values);
    drawn?.show();
    place();
    note.textContent = `${said} ${note.textContent}`;
  };
  const read = (/** @type {string} */ text) => {
    const found = rowOfText(text, data.fields);
    if (found.row) take(data.inModelUnits(found.row), found.note);
    else note.textContent = found.note;
  };
  const file = async (/** @type {Blob | undefined} */ given) => {
    if (!given) return;
    const isPicture = given.type.startsWith("image/");
    if (!isPicture) return read(await given.text());
    if (!data.pictures) return void (note.textContent = "The rows of this page are not pictures; give a text file with one row.");
    await rowOfPicture(given, data).then((values) => take(values), () => (note.textContent = "That picture could not be read; give a PNG or a JPEG file."));
  };
  const area = element("textarea", { id: "paste", spellcheck: "false", "aria-label": "a row as text", placeholder: `Paste a row of ${data.fields.length.toLocaleString("en")} ${data.fields.length < data.width ? "cells" : "numbers"}, a header and a row${data.pictures ? ", or a picture" : ""}`,
    onpaste: (/** @type {ClipboardEvent} */ event) => {
      const picture = [...(event.clipboardData?.files || [])].find((one) => one.type.startsWith("image/"));
      if (picture) event.preventDefault();
      file(picture);
    } });
  const upload = element("input", { type: "file", id: "upload", hidden: true, "aria-label": "file with a row", onchange: () => { file(upload.files[0]); upload.value = ""; } });
  const button = (/** @type {string} */ id, /** @type {string} */ text, /** @type {() => void} */ onclick) => element("button", { type: "button", id, text, onclick });
  const selected = () => (app.state.item < 0 ? void (note.textContent = `Select a ${app.what} first.`) : take(data.row(app.state.item)));
  const wipe = data.pictures && drawn ? [button("wipe", "Clear", () => take(row.fill(span[0]))), button("invert", "Invert", () => take(row.map((value) => span[0] + span[1] - value)))] : [];
  fill("own", element("div", { class: data.pictures ? "own-picture" : "own-table" }, [
    ...(drawn ? [drawn.box] : []), ...(data.pictures ? [again] : []),
    element("div", {}, [
      element("div", { class: "row" }, [button("from-item", `Start from the selected ${app.what}`, selected), ...wipe]), area,
      element("div", { class: "row" }, [button("place-own", "Place on the map", () => read(area.value)), button("choose", data.pictures ? "Upload a picture or a row" : "Upload a row", () => upload.click()), upload]), note,
    ]),
  ]));
}
