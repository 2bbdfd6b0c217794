// The page's facts (JSON) and numbers (one compressed block); `tensor` finds an array in the block.

/** @typedef {{kind: string, shape: number[], at: number, divisor?: number, planes?: number, scales?: Place}} Place */

/** @returns {Promise<{facts: any, block: ArrayBuffer}>} */
export async function readPayload() {
  const facts = JSON.parse(/** @type {any} */ (document.getElementById("facts")).textContent);
  const text = atob(/** @type {any} */ (document.getElementById("numbers")).textContent.trim());
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return { facts, block: await new Response(stream).arrayBuffer() };
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
