// One HTML file of the sources, with the policy that allows this style and this script and nothing else.
//   node build.mjs          writes ../src/isthmus/explorer/page.html
//   node build.mjs --check  fails where that file is not what the sources give
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { buildSync } from "esbuild";

const target = new URL("../src/isthmus/explorer/page.html", import.meta.url);
const read = (name) => readFileSync(new URL(`src/${name}`, import.meta.url), "utf8");
const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const bundled = (name) => buildSync({ entryPoints: [new URL(`src/${name}`, import.meta.url).pathname], bundle: true, minify: true, format: "iife", target: "es2022", charset: "ascii", write: false }).outputFiles[0].text.trim();
const [script, more] = ["main.js", "more.js"].map(bundled); // the second is left out of pages that do without it
const style = ["page.css", "own.css", "curves.css", "series.css"].map(read).join("").replaceAll("\n", "");
const policy = `default-src 'none'; script-src ${hash(script)} ${hash(more)}; style-src ${hash(style)}; media-src data:; base-uri 'none'; form-action 'none'`;
const page = read("page.html").replace("@policy@", () => policy).replace("@style@", () => style).replace("@more@", () => more).replace("@script@", () => script);
if (!process.argv.includes("--check")) writeFileSync(target, page);
else if (readFileSync(target, "utf8") !== page) {
  console.error("src/isthmus/explorer/page.html is not what explorer/src gives; run: make page");
  process.exit(1);
}
