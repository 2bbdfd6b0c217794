// What only some pages need, in a script of its own that the others are written without: a series, and what is heard.
import { SeriesPanel } from "./series.js";
import { playButton } from "./sound.js";

Object.assign(window, { isthmusMore: { SeriesPanel, playButton } });
