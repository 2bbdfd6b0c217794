"use strict";
/* node draw_widget.cjs FOLDER KIND < state.json: the numbers and the untouched picture of a widget, as JSON. */
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { runInThisContext } = require("node:vm");

const [folder, kind] = process.argv.slice(2);
for (const name of ["kit", kind]) runInThisContext(readFileSync(join(folder, `${name}.js`), "utf8"), { filename: `${name}.js` });
process.stdout.write(JSON.stringify(isthmus.render(kind, JSON.parse(readFileSync(0, "utf8")))));
