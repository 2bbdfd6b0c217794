// The page's facts (JSON) and numbers, both compressed and written as text; `tensor` finds an array among the numbers.

/** @typedef {{kind: string, shape: number[], at: number, divisor?: number, planes?: number, scales?: Place}} Place */

/** Thirteen bits in two of 91 characters, lowest first; five or fewer in a last one. @param {string} text */
export function bytesOf(text) {
  const digits = new Uint8Array(128), pairs = text.length >> 1, bytes = new Uint8Array((13 * pairs + 5 * (text.length & 1)) >> 3);
  for (let code = 0x21, digit = 0; code < 0x7f; code++) if (!"<&\\".includes(String.fromCharCode(code))) digits[code] = digit++;
  for (let at = 0, held = 0, count = 0, to = 0; at < text.length; at += 2) {
    held |= (digits[text.charCodeAt(at)] + 91 * (digits[text.charCodeAt(at + 1)] || 0)) << count;
    for (count += 13; count >= 8; count -= 8, held >>>= 8) bytes[to++] = held & 255;
  }
  return bytes;
}

/** @param {string} id @returns {Promise<ArrayBuffer>} */
async function unpacked(id) {
  const text = /** @type {any} */ (document.getElementById(id)).textContent.trim();
  return new Response(new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
}

/** @returns {Promise<{facts: any, block: ArrayBuffer}>} */
export async function readPayload() {
  const [facts, block] = await Promise.all(["facts", "numbers"].map(unpacked));
  return { facts: JSON.parse(new TextDecoder().decode(facts)), block };
}

/** @param {ArrayBuffer} block @param {Place} place @returns {Float32Array | Int32Array} */
export function tensor(block, place) {
  const size = place.shape.reduce((product, side) => product * side, 1);
  if (place.kind === "f32") return new Float32Array(block, place.at, size);
  if (place.kind === "i32") return new Int32Array(block, place.at, size);
  const values = new Float32Array(size);
  if (place.kind === "u8") {
    const bytes = new Uint8Array(block, place.at, size);
    for (let i = 0; i < size; i++) values[i] = bytes[i] / /** @type {number} */ (place.divisor);
    return values;
  }
  // whole numbers times a scale a row: zigzag, in planes of bytes, lowest first
  const planes = /** @type {number} */ (place.planes);
  const bytes = new Uint8Array(block, place.at, size * planes);
  const scales = tensor(block, /** @type {Place} */ (place.scales));
  const width = size / Math.max(1, place.shape[0]);
  for (let i = 0; i < size; i++) {
    let zigzag = 0;
    for (let plane = planes - 1; plane >= 0; plane--) zigzag = zigzag * 256 + bytes[plane * size + i];
    values[i] = (zigzag % 2 ? -(zigzag + 1) / 2 : zigzag / 2) * scales[Math.floor(i / width)];
  }
  return values;
}
