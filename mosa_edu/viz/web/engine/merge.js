/**
 * The merging of byte-pair encoding, in n log n steps: a pasted page without a space stays quick.
 * @module
 */

const PLACES = 2 ** 32;

/**
 * Put a number into a heap whose smallest stands first.
 * @param {number[]} heap
 * @param {number} value
 */
function pushHeap(heap, value) {
  let at = heap.push(value) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (heap[parent] <= value) break;
    heap[at] = heap[parent];
    at = parent;
  }
  heap[at] = value;
}

/**
 * Take the smallest number out of a heap.
 * @param {number[]} heap Not empty.
 * @returns {number}
 */
function popHeap(heap) {
  const smallest = heap[0];
  const value = /** @type {number} */ (heap.pop());
  if (heap.length === 0) return smallest;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child + 1 < heap.length && heap[child + 1] < heap[child]) child++;
    if (child >= heap.length || heap[child] >= value) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = value;
  return smallest;
}

/**
 * Merges by pair.
 * @typedef {Object} Merges
 * @property {(left: number, right: number) => number | undefined} rank Rank of a pair's merge.
 * @property {number[]} results The id that each rank's merge makes.
 */

/**
 * Merge the pair of the lowest rank, the first one first, until no pair is left.
 * @param {ArrayLike<number>} bytes Ids, one a byte.
 * @param {Merges} merges
 * @returns {number[]} Ids.
 */
export function mergePairs(bytes, merges) {
  const ids = Array.from(bytes);
  const after = ids.map((_, i) => i + 1);
  const before = ids.map((_, i) => i - 1);
  /** @type {number[]} rank and place in one number, so that equal ranks go from left to right */
  const heap = [];
  /** @param {number} place */
  const consider = (place) => {
    if (place < 0 || after[place] >= ids.length) return;
    const rank = merges.rank(ids[place], ids[after[place]]);
    if (rank !== undefined) pushHeap(heap, rank * PLACES + place);
  };
  ids.forEach((_, place) => consider(place));
  while (heap.length) {
    const key = popHeap(heap);
    const place = key % PLACES;
    const result = merges.results[Math.floor(key / PLACES)];
    const right = after[place];
    if (ids[place] < 0 || right >= ids.length) continue; // merged meanwhile
    const rank = merges.rank(ids[place], ids[right]);
    if (rank === undefined || merges.results[rank] !== result) continue;
    ids[place] = result;
    ids[right] = -1;
    after[place] = after[right];
    if (after[place] < ids.length) before[after[place]] = place;
    consider(before[place]);
    consider(place);
  }
  return ids.filter((id) => id >= 0);
}
