// Three short prompts for a first visit, each gone once it was followed, and not shown again where the browser can remember.
import { element, fill } from "./dom.js";

const KEPT = "isthmus-guide";
const PROMPTS = {
  look: ["Move over the map.", "Drag a finger over the map."],
  pin: ["Click a dot to keep it.", "Tap a dot to keep it."],
  zoom: ["Scroll to zoom, drag to move.", "Pinch to zoom."],
};

/** What was followed on earlier visits; a page opened from a file may have no memory. @returns {Set<string>} */
function remembered() {
  try {
    return new Set((localStorage.getItem(KEPT) || "").split(","));
  } catch {
    return new Set();
  }
}

const done = remembered(), coarse = matchMedia("(pointer: coarse)");

export function drawGuide() {
  fill("guide", ...Object.entries(PROMPTS).filter(([name]) => !done.has(name)).map(([, words]) => element("li", { text: words[Number(coarse.matches)] })));
}

/** @param {string} name */
export function followed(name) {
  if (done.has(name)) return;
  done.add(name);
  drawGuide();
  try {
    localStorage.setItem(KEPT, [...done].filter(Boolean).join(","));
  } catch {
    // nothing to remember with: shown again next time
  }
}
