// Time on an axis in its own units: round dates and times of day, or round numbers.
import { ticks } from "./chart.js";
import { formatNumber } from "./dom.js";

const MINUTE = 60, HOUR = 3600, DAY = 86400;
const STEPS = [1, 2, 5, 10, 15, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY];
const MONTHS = [1, 2, 3, 6, 12, 24, 60, 120, 600];

/** Seconds since 1970 as a date in UTC, as fine as a step is. @param {number} seconds @param {number} step */
export function moment(seconds, step) {
  const time = new Date(Math.round(seconds * 1000));
  if (Number.isNaN(time.getTime())) return formatNumber(seconds);
  const text = time.toISOString();
  if (step >= DAY && seconds % DAY === 0) return text.slice(0, 10);
  return text.slice(0, step < 1 ? 23 : step < MINUTE || seconds % MINUTE ? 19 : 16).replace("T", " ");
}

/** Round places of an axis and what is written there; a date stands where the day or the year changes. @param {number} from @param {number} to @param {number} count @param {boolean} dated @returns {{at: number, text: string}[]} */
export function timeTicks(from, to, count, dated) {
  const found = roundTicks(from, to, count, dated);
  return found.length > 2 || count > 32 ? found : timeTicks(from, to, 2 * count, dated); // one or two are no scale
}

/** @param {number} from @param {number} to @param {number} count @param {boolean} dated @returns {{at: number, text: string}[]} */
function roundTicks(from, to, count, dated) {
  if (!dated || to - from < 2) return ticks(from, to, count).map((at) => ({ at, text: dated ? moment(at, 0.001).slice(11) : formatNumber(at, 6) }));
  const rough = (to - from) / count, step = STEPS.find((one) => one >= rough);
  /** @type {{at: number, text: string}[]} */ const found = [];
  if (step) {
    for (let at = Math.ceil(from / step) * step, before = ""; at <= to; at += step) {
      const text = moment(at, Math.min(step, MINUTE)), day = text.slice(0, 10), clock = text.slice(11);
      found.push({ at, text: step >= DAY ? day : day === before ? clock : `${day.slice(5)} ${clock}` });
      before = day;
    }
    return found;
  }
  const months = MONTHS.find((one) => one * 30.4 * DAY >= rough) || 1200, first = new Date(from * 1000);
  for (let month = Math.ceil((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months; ; month += months) {
    const at = Date.UTC(Math.floor(month / 12), month % 12, 1) / 1000;
    if (at > to || Number.isNaN(at)) return found;
    const text = moment(at, DAY);
    if (at >= from) found.push({ at, text: months >= 12 ? text.slice(0, 4) : text.slice(0, 7) });
  }
}
