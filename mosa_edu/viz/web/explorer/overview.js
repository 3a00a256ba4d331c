// Everyone: one row a head, one column a token, and how many heads keep each token.

import { bold, button, div, html, mono, paragraph, press, span } from "../lib/dom.js";
import { prepareCanvas } from "../lib/drawing.js";
import { followPointer } from "../lib/figure.js";
import { count, fraction, headName } from "../lib/format.js";
import { cividis, SANS } from "../lib/palette.js";

/** Bars, rings and position ticks together. */
const HISTOGRAM_HEIGHT = 88;
const BARS = 40;
const RING_ROOM = 6;
const MOST_HUBS = 3;
const MOST_ORPHANS = 8;

/** @typedef {import("./view.js").Routing} Routing */
/** @typedef {import("./view.js").View} View */
/** @typedef {{order: number[], y: number[], size: number, height: number}} Rows From the top down; the top of each row, its height, that of all. */

/**
 * Heads so ordered that neighbours keep the same tokens: a chain from the head that shares least with
 * all others, then always to the one that shares most with the last, the earlier one among equals.
 * @param {Routing} routing @returns {number[]} Rows.
 */
export function bySimilarity({ rows, T, picks, kept }) {
  const shared = new Uint16Array(rows * rows); // tokens that two heads share
  for (let a = 0; a < rows; a++) {
    for (let b = 0; b < rows; b++) {
      for (let i = 0; i < picks[b].length; i++) shared[a * rows + b] += kept[a * T + picks[b][i]];
    }
  }
  const free = new Set(picks.keys());
  /** @param {(row: number) => number} value */
  const removeBest = (value) => {
    const best = [...free].reduce((found, row) => (value(row) > value(found) ? row : found));
    free.delete(best);
    return best;
  };
  const totals = Array.from(
    free,
    (row) => shared.subarray(row * rows, (row + 1) * rows).reduce((sum, n) => sum + n, 0),
  );
  const chain = [removeBest((row) => -totals[row])];
  while (free.size) {
    const last = chain[chain.length - 1];
    chain.push(removeBest((row) => shared[last * rows + row]));
  }
  return chain;
}

/** @param {Routing} routing
 * @param {boolean} sorted By similarity; else layer after layer, with gaps. @param {boolean} narrow
 * @returns {Rows} */
export function arrangeRows(routing, sorted, narrow) {
  const { rows, heads } = routing;
  const size = rows <= 24 ? 10 : Math.max(2, Math.min(narrow ? 4 : 5, Math.floor(640 / rows)));
  const gap = sorted ? 0 : narrow ? 10 : 8;
  const order = sorted ? bySimilarity(routing) : Array.from(routing.picks.keys());
  /** @type {number[]} */
  const y = [];
  order.forEach((row, i) => (y[row] = i * size + gap * Math.floor(i / heads)));
  return { order, y, size, height: Math.max(...y) + size };
}

/**
 * The marks of a row, as a path that canvas and SVG both draw.
 * @param {View} view @param {Rows} rows @param {number} row
 * @param {number} left Where token 0 stands. @returns {string}
 */
export function marksOf({ routing, axis }, rows, row, left) {
  const width = Math.max(1, axis.column - Math.min(1.2, axis.column / 4));
  const inset = Math.min(0.6, (axis.column - width) / 2);
  const mark = `v${rows.size - 1}h${-width}z`;
  return Array.from(routing.picks[row], (t) => {
    const x = left + t * axis.column + inset;
    return `M${x.toFixed(2)} ${rows.y[row] + 0.5}h${width}${mark}`;
  }).join("");
}

/** The highest score of any head: the top of the colour scale. @param {Routing} routing */
const highestScore = ({ picks, source }) =>
  picks.reduce((most, _, row) => Math.max(most, source.score(row, source.order(row)[0])), 0);

/** One cell a head and token, coloured by its score. @param {CanvasRenderingContext2D} context @param {View} view @param {Rows} rows */
function drawField(context, { routing, axis }, rows) {
  const { T, rows: height } = routing;
  const scale = highestScore(routing) || 1;
  const table = Array.from({ length: 256 }, (_, i) => cividis(i / 255));
  const strip = Object.assign(html("canvas"), { width: T, height });
  const pixels = /** @type {CanvasRenderingContext2D} */ (strip.getContext("2d"));
  const image = pixels.createImageData(T, height);
  for (let row = 0, at = 0; row < height; row++) {
    for (let t = 0; t < T; t++, at += 4) {
      image.data.set(table[Math.round((255 * routing.score(row, t)) / scale)], at);
      image.data[at + 3] = 255;
    }
  }
  pixels.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  for (const row of rows.order) {
    context.drawImage(strip, 0, row, T, 1, 0, rows.y[row], T * axis.column, rows.size);
  }
}

/**
 * What no hover changes, drawn once: all rows over all tokens.
 * @param {View} view @param {Rows} rows
 * @returns {HTMLCanvasElement} Its first column is the first token of the text.
 */
function drawBitmap(view, rows) {
  const canvas = html("canvas");
  const { routing, axis, palette, state } = view;
  const context = prepareCanvas(canvas, routing.T * axis.column, rows.height);
  if (state.map === "scores") drawField(context, view, rows);
  else {
    context.fillStyle = palette.quiet;
    context.fill(new Path2D(rows.order.map((row) => marksOf(view, rows, row, 0)).join("")));
  }
  return canvas;
}

/** Names of the layers, or a tick in the column of its layer for every row. @param {CanvasRenderingContext2D} context @param {View} view @param {Rows} rows */
function drawGutter(context, { routing, axis, palette, state, row }, { y, size }) {
  const { layers, heads } = routing;
  context.fillStyle = palette.ink2;
  context.font = `${axis.narrow ? 11 : 12}px ${SANS}`;
  for (let layer = 0; layer < layers; layer++) {
    if (state.sort === "similar") {
      const x = (layer + 0.5) * Math.min(10, (axis.left - 14) / layers);
      for (let head = 0; head < heads; head++) {
        context.fillRect(x - 2, y[layer * heads + head] + 1, 4, size - 2);
      }
    } else context.fillText(axis.narrow ? `L${layer}` : `Layer ${layer}`, 0, y[layer * heads] + 9);
  }
  context.fillStyle = palette.pick;
  context.fill(new Path2D(`M${axis.left - 9} ${y[row] + size / 2 - 4}l6 4l-6 4z`));
}

/**
 * The chosen row and the column under study over the bitmap.
 * @param {CanvasRenderingContext2D} context @param {View} view @param {Rows} rows
 * @param {HTMLCanvasElement} bitmap
 */
function drawRows(context, view, rows, bitmap) {
  const { routing, axis, palette, row, token, state } = view;
  const { size, height } = rows;
  const scores = state.map === "scores";
  const [left, y, width, band] = [axis.left, rows.y[row], axis.end - axis.left, axis.band(token)];
  if (!scores) {
    context.fillStyle = palette.pick_wash;
    context.fillRect(left, y - 1, width, size + 2);
    context.fillStyle = palette.cursor_wash;
    context.fillRect(band.x, 0, band.width, height);
  }
  const ratio = bitmap.width / (routing.T * axis.column);
  const from = [axis.first * axis.column * ratio, 0, width * ratio, bitmap.height];
  context.drawImage(bitmap, from[0], from[1], from[2], from[3], left, 0, width, height);
  context.save();
  context.beginPath();
  context.rect(left, 0, width, height);
  context.clip();
  if (scores) {
    context.lineWidth = 1.5;
    context.strokeStyle = palette.ground;
    context.strokeRect(left, y - 0.75, width, size + 1.5);
    context.strokeRect(band.x - 0.75, 0, band.width + 1.5, height);
    context.strokeStyle = palette.cursor;
    context.strokeRect(band.x - 1.5, 0, band.width + 3, height);
  } else {
    context.fillStyle = palette.pick;
    context.fill(new Path2D(marksOf(view, rows, row, axis.x(0))));
    context.fillStyle = palette.cursor;
    const cell = Math.max(axis.column - 0.4, 2);
    for (const other of routing.rowsOf(token)) {
      context.fillRect(axis.x(token) + 0.2, rows.y[other] + 0.5, cell, size - 1);
    }
    context.strokeStyle = palette.ink2;
    for (const off of view.off) context.strokeRect(left, rows.y[off] + size / 2, width, 0.5);
  }
  context.restore();
  if (axis.narrow) return;
  context.fillStyle = palette.pick;
  context.font = `bold 11px ${SANS}`;
  context.fillText(headName(view.layer, view.head), axis.end + 5, y + size / 2 + 4);
}

/** Orphans in view, those too close together counted as one. @param {View} view */
function ringPlaces({ routing, axis }) {
  /** @type {{x: number, size: number}[]} */
  const places = [];
  for (const t of routing.orphans().filter((own) => axis.shows(own))) {
    const last = places[places.length - 1];
    const room = last && last.size > 1 ? RING_ROOM + 9 : RING_ROOM;
    if (last && axis.middle(t) - last.x < room) last.size++;
    else places.push({ x: axis.middle(t), size: 1 });
  }
  return places;
}

/** How many heads keep each token. @param {CanvasRenderingContext2D} context Its origin is the top left corner. @param {View} view */
function drawHistogram(context, view) {
  const { routing, axis, palette, token } = view;
  const { perToken, mean, T } = routing;
  const [left, width] = [axis.left, axis.end - axis.left];
  const most = Math.max(1, ...perToken);
  const gap = Math.min(1, axis.column / 5);
  const base = BARS + 2;
  const band = axis.band(token);
  context.fillStyle = palette.cursor_wash;
  if (axis.shows(token)) context.fillRect(band.x, -8, band.width, base + 8);
  for (const t of axis.tokens) {
    const high = (BARS * perToken[t]) / most;
    const usual = perToken[t] >= 2 * mean ? palette.ink : palette.quiet;
    context.fillStyle = t === token ? palette.cursor : usual;
    context.fillRect(axis.x(t) + gap / 2, base - high, axis.column - gap, high);
  }
  const middle = base - (BARS * mean) / most;
  context.setLineDash([2, 2]);
  context.strokeStyle = palette.ink;
  context.lineWidth = 1;
  context.stroke(new Path2D(`M${left} ${middle}H${axis.end}`));
  context.setLineDash([]);
  context.stroke(new Path2D(`M${left} ${base + 0.5}H${axis.end}`));
  context.fillStyle = palette.ink2;
  context.font = `11px ${SANS}`;
  if (!axis.narrow) {
    context.fillText("Heads", 0, base - 14);
    context.fillText("per token", 0, base);
  }
  context.textAlign = axis.narrow ? "right" : "left";
  const place = axis.narrow ? left - 5 : axis.end + 6;
  context.fillText(`${most}`, place, base - BARS + 8);
  context.fillText("0", place, base + 3);
  context.lineWidth = 1.5;
  context.textAlign = "left";
  for (const { x, size } of ringPlaces(view)) {
    context.beginPath();
    context.arc(x, base + 9, 2.75, 0, 2 * Math.PI);
    context.stroke();
    if (size > 1) context.fillText(`${size}`, x + 5, base + 13);
  }
  context.textAlign = "center";
  for (const t of axis.ticks()) context.fillText(`${t}`, axis.middle(t), base + 28);
  context.textAlign = "left";
  if (axis.visible === T) return;
  context.fillStyle = palette.rule;
  context.fillRect(left, base + 33, width, 3);
  context.fillStyle = palette.ink2;
  const first = left + (width * axis.first) / T;
  context.fillRect(first, base + 33, (width * axis.visible) / T, 3);
}

/**
 * Tokens that many heads keep, and tokens that none does, by name.
 * @param {View} view @param {(target: {token: number}) => void} select
 * @returns {{hubs: (Node | string)[], orphans: (Node | string)[]}}
 */
function namedTokens({ routing, word }, select) {
  const name = (/** @type {number} */ t) => {
    const { before, piece, after } = word(t);
    const parts = [before, bold(piece), after].filter(Boolean);
    return button(mono(...parts), () => select({ token: t }), { class: "word" });
  };
  const between = (/** @type {(Node | string)[][]} */ items) =>
    items.flatMap((item, i) => (i ? [", ", ...item] : item));
  const [hubs, orphans] = [routing.hubs(), routing.orphans()];
  const mean = `the mean is ${routing.mean.toFixed(routing.mean < 2 ? 1 : 0)}`;
  const named = between(hubs.slice(0, MOST_HUBS).map((t) => [name(t), ` ${routing.perToken[t]}`]));
  const more = orphans.length - MOST_ORPHANS;
  return {
    hubs: hubs.length
      ? ["Hubs: ", ...named, ` of ${routing.rows} heads; ${mean}.`]
      : [`No hubs: ${mean}.`],
    orphans: orphans.length
      ? [
        html("i", { class: "ring" }),
        " Orphans, picked by no head: ",
        ...between(orphans.slice(0, MOST_ORPHANS).map((t) => [name(t)])),
        more > 0 ? ` and ${more} more.` : ".",
      ]
      : ["No orphans: every token is picked by some head."],
  };
}

/** @param {import("../explorer.js").Explorer} explorer */
export function overviewPanel(explorer) {
  const title = span("h");
  const note = span("note");
  const stops = Array.from({ length: 9 }, (_, i) => `rgb(${cividis(i / 8).join()})`).join();
  const scale = html("i", { style: `background:linear-gradient(90deg,${stops})` });
  const highest = html("span");
  const legend = html("span", { class: "note legend", hidden: true }, "0", scale, highest);
  const picks = button("Picks", () => explorer.change({ map: "picks" }));
  const scores = button("Scores", () => explorer.change({ map: "scores" }));
  const turn = () => explorer.change({ sort: view.state.sort === "similar" ? "model" : "similar" });
  const sort = button("By similarity", turn, { class: "small" });
  const group = { class: "segments", role: "group", "aria-label": "Show" };
  const tools = span("tools", html("span", group, picks, scores), sort);
  const canvas = html("canvas", { role: "img", tabindex: 0, class: "overview" });
  const [hubs, orphans] = [paragraph("note"), paragraph("note")];
  /** @type {View} */
  let view;
  /** @type {Rows} */
  let rows;
  /** @type {HTMLCanvasElement} */
  let bitmap;
  followPointer(canvas, explorer, (x, y) => {
    const token = view.axis.tokenAt(x);
    if (y > rows.height + 4) return { token };
    const distance = (/** @type {number} */ row) => Math.abs(rows.y[row] + rows.size / 2 - y);
    const row = rows.order.reduce((best, own) => (distance(own) < distance(best) ? own : best));
    return { token, row };
  });

  const relabel = () => {
    const { routing, state } = view;
    const sorted = state.sort === "similar";
    title.textContent = `All ${routing.rows} heads`;
    const plain = state.map === "scores"
      ? "one row a head, coloured by router score"
      : "one row a head, a mark where it picks the token";
    note.textContent = sorted ? "neighbours share picks; a tick marks the layer" : plain;
    legend.hidden = state.map !== "scores";
    highest.textContent = fraction(highestScore(routing), 2);
    press(picks, state.map === "picks");
    press(scores, state.map === "scores");
    press(sort, sorted);
    const words = namedTokens(view, (target) => explorer.select(target));
    hubs.replaceChildren(...words.hubs);
    orphans.replaceChildren(...words.orphans);
    const total = count(routing.picks.reduce((sum, own) => sum + own.length, 0));
    const what = `${total} picks of ${routing.rows} heads over ${routing.T} tokens`;
    canvas.setAttribute("aria-label", `${what}; arrow keys move head and token`);
  };

  return {
    node: html(
      "section",
      { class: "pad everyone", "aria-label": "All heads" },
      div("line", title, note, legend, tools),
      canvas,
      hubs,
      orphans,
    ),
    canvas,
    /** Rows from the top down, for the arrow keys. */
    order: () => rows.order,
    /** @param {View} next */
    update(next) {
      view = next;
      const { routing, axis, state } = view;
      if (view.dirty.all) {
        rows = arrangeRows(routing, state.sort === "similar", axis.narrow);
        bitmap = drawBitmap(view, rows);
        relabel();
      }
      const context = prepareCanvas(canvas, axis.width, rows.height + HISTOGRAM_HEIGHT);
      drawRows(context, view, rows, bitmap);
      drawGutter(context, view, rows);
      context.translate(0, rows.height + 8);
      drawHistogram(context, view);
    },
  };
}
