/**
 * Everyone: one row a head, one column a token, and how many heads keep each token.
 * @module
 */

import { drawHistogram, HISTOGRAM_HEIGHT } from "./histogram.js";
import { namedTokens } from "./hubs.js";
import { HEAD_LEVEL, TEXT_LEVEL } from "./levels.js";
import { arrangeRows, drawBitmap, highestScore, marksOf } from "./overview_bitmap.js";
import { followPointer } from "./pointer.js";
import { bySimilarity } from "./similarity.js";
import { button, html, prepareCanvas } from "../lib/dom.js";
import { count, fraction, headName } from "../lib/format.js";
import { cividis, SANS } from "../lib/palette.js";

/**
 * Names of the layers, or a tick in the column of its layer for every row.
 * @param {CanvasRenderingContext2D} context
 * @param {import("./view.js").View} view
 * @param {import("./overview_bitmap.js").Rows} rows
 */
function drawGutter(context, { routing, axis, palette, state, row }, rows) {
  context.fillStyle = palette.ink2;
  context.font = `${axis.narrow ? 11 : 12}px ${SANS}`;
  for (let layer = 0; layer < routing.layers; layer++) {
    if (state.sort === "similar") {
      const x = (layer + 0.5) * Math.min(10, (axis.left - 14) / routing.layers);
      for (let head = 0; head < routing.heads; head++) {
        context.fillRect(x - 2, rows.y[layer * routing.heads + head] + 1, 4, rows.size - 2);
      }
    } else {
      const name = axis.narrow ? `L${layer}` : `Layer ${layer}`;
      context.fillText(name, 0, rows.y[layer * routing.heads] + 9);
    }
  }
  const middle = rows.y[row] + rows.size / 2;
  context.fillStyle = palette.pick;
  context.fill(new Path2D(`M${axis.left - 9} ${middle - 4}l6 4l-6 4z`));
}

/**
 * Draw the chosen row and the column under study over the cached marks of all heads.
 * @param {CanvasRenderingContext2D} context
 * @param {import("./view.js").View} view
 * @param {import("./overview_bitmap.js").Rows} rows
 * @param {HTMLCanvasElement} bitmap
 */
function drawRows(context, view, rows, bitmap) {
  const { routing, axis, palette, row, token, state } = view;
  const scores = state.map === "scores";
  const ratio = bitmap.width / (routing.T * axis.column);
  const [x, y, width] = [axis.x(token), rows.y[row], axis.end - axis.left];
  const column = Math.max(axis.column, 3);
  const middle = axis.middle(token) - column / 2;
  if (!scores) {
    context.fillStyle = palette.pick_wash;
    context.fillRect(axis.left, y - 1, width, rows.size + 2);
    context.fillStyle = palette.cursor_wash;
    context.fillRect(middle, 0, column, rows.height);
  }
  const from = axis.first * axis.column * ratio;
  context.drawImage(
    bitmap,
    from,
    0,
    width * ratio,
    bitmap.height,
    axis.left,
    0,
    width,
    rows.height,
  );
  context.save();
  context.beginPath();
  context.rect(axis.left, 0, width, rows.height);
  context.clip();
  if (scores) {
    context.lineWidth = 1.5;
    context.strokeStyle = palette.ground;
    context.strokeRect(axis.left, y - 0.75, width, rows.size + 1.5);
    context.strokeRect(middle - 0.75, 0, column + 1.5, rows.height);
    context.strokeStyle = palette.cursor;
    context.strokeRect(middle - 1.5, 0, column + 3, rows.height);
  } else {
    context.fillStyle = palette.pick;
    context.fill(new Path2D(marksOf(view, rows, row, axis.x(0))));
    context.fillStyle = palette.cursor;
    for (const other of routing.rowsOf(token)) {
      context.fillRect(x + 0.2, rows.y[other] + 0.5, Math.max(axis.column - 0.4, 2), rows.size - 1);
    }
    context.strokeStyle = palette.ink2;
    for (const off of view.off)
      context.strokeRect(axis.left, rows.y[off] + rows.size / 2, width, 0.5);
  }
  context.restore();
  if (axis.narrow) return;
  context.fillStyle = palette.pick;
  context.font = `bold 11px ${SANS}`;
  context.fillText(headName(view.layer, view.head), axis.end + 5, y + rows.size / 2 + 4);
}

/** @param {import("./view.js").Actions} actions */
export function overviewPanel(actions) {
  const title = html("span", { class: "h" });
  const note = html("span", { class: "note" });
  const legend = html("span", { class: "note legend", hidden: true });
  const picks = button("Picks", () => actions.change({ map: "picks" }));
  const scores = button("Scores", () => actions.change({ map: "scores" }));
  const sort = button(
    "By similarity",
    () => actions.change({ sort: sorted ? "model" : "similar" }),
    { class: "small" },
  );
  const canvas = html("canvas", { role: "img", tabindex: 0, class: "overview" });
  const [hubs, orphans] = [html("p", { class: "note" }), html("p", { class: "note" })];
  const switches = html(
    "span",
    { class: "segments", role: "group", "aria-label": "Show" },
    picks,
    scores,
  );
  const node = html(
    "section",
    { class: "pad everyone", "aria-label": "All heads" },
    html(
      "div",
      { class: "line" },
      title,
      note,
      legend,
      html("span", { class: "tools" }, switches, sort),
    ),
    canvas,
    hubs,
    orphans,
  );
  const highest = html("span");
  legend.append(
    "0",
    html("i", { style: `background:linear-gradient(90deg,${scaleStops()})` }),
    highest,
  );
  let sorted = false;
  /** @type {import("./view.js").View} */
  let view;
  /** @type {import("./overview_bitmap.js").Rows} */
  let rows;
  /** @type {HTMLCanvasElement} */
  let bitmap;
  /** @param {number} x @param {number} y */
  const target = (x, y) => {
    const token = view.axis.tokenAt(x);
    if (y > rows.height + 4) return { token };
    const row = rows.order.reduce((best, own) => {
      const distance = (/** @type {number} */ r) => Math.abs(rows.y[r] + rows.size / 2 - y);
      return distance(own) < distance(best) ? own : best;
    });
    return { token, row };
  };
  followPointer(canvas, actions, target);

  const relabel = () => {
    const { routing, state } = view;
    sorted = state.sort === "similar";
    title.textContent = `All ${routing.rows} heads`;
    note.textContent = sorted
      ? "neighbours share picks; a tick marks the layer"
      : state.map === "scores"
        ? "one row a head, coloured by router score"
        : "one row a head, a mark where it picks the token";
    legend.hidden = state.map !== "scores";
    highest.textContent = fraction(highestScore(routing), 2);
    picks.setAttribute("aria-pressed", `${state.map === "picks"}`);
    scores.setAttribute("aria-pressed", `${state.map === "scores"}`);
    sort.setAttribute("aria-pressed", `${sorted}`);
    const words = namedTokens(view, (own) => actions.lock(own));
    hubs.replaceChildren(...words.hubs);
    orphans.replaceChildren(...words.orphans);
    const total = routing.picks.reduce((sum, own) => sum + own.length, 0);
    canvas.setAttribute(
      "aria-label",
      `${count(total)} picks of ${routing.rows} heads over ${routing.T} tokens; arrow keys move head and token`,
    );
  };

  return {
    node,
    canvas,
    /** Rows from the top down, for the arrow keys. */
    order: () => rows.order,
    /**
     * @param {import("./view.js").View} next
     * @param {number} level
     */
    update(next, level) {
      view = next;
      const { routing, axis, state } = view;
      if (level >= TEXT_LEVEL) {
        rows = arrangeRows(
          routing,
          state.sort === "similar" ? bySimilarity(routing) : null,
          axis.narrow,
        );
        bitmap = drawBitmap(view, rows);
        relabel();
      }
      const context = prepareCanvas(canvas, axis.width, rows.height + HISTOGRAM_HEIGHT);
      drawRows(context, view, rows, bitmap);
      drawGutter(context, view, rows);
      context.translate(0, rows.height + 8);
      drawHistogram(context, view);
      if (level >= HEAD_LEVEL) canvas.dataset.row = `${view.row}`;
    },
  };
}

/** @returns {string} Stops of a CSS gradient. */
function scaleStops() {
  return Array.from({ length: 9 }, (_, i) => `rgb(${cividis(i / 8).join()})`).join();
}
