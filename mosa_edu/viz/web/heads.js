// Head browser without a kernel: a layer's scores, one head's picks, its mask; k moves the cut.

import { decodeArray } from "./lib/arrays.js";
import { div, html, setAttribute, svg } from "./lib/dom.js";
import { describe } from "./lib/finding.js";
import { count, fraction, headName, percent, tokenLabels } from "./lib/format.js";
import { defineElement, drawnBy, openStage } from "./lib/host.js";
import { cividis, LIGHT } from "./lib/palette.js";

/** Height of a head's row, in pixels. */
export const ROW = 16;

// The scale is the same in both themes, and so are the marks on it.
const SCALE = Array.from({ length: 9 }, (_, i) => `rgb(${cividis(i / 8)})`).join();

export const HEADS_CSS = `
:host{display:block}
.mosa{font:14px/20px var(--mosa-sans);color:var(--mosa-ink);background:var(--mosa-ground)}
.mosa{border:1px solid var(--mosa-rule);border-radius:8px;padding:16px}
.mosa{text-align:left;font-variant-numeric:tabular-nums;color-scheme:light}
.mosa[data-theme=dark]{color-scheme:dark}
.mosa *{box-sizing:border-box}
.mosa p{margin:0 0 12px}
.said{font-size:17px;font-weight:600;min-height:20px}
.note{font-size:12px;line-height:16px;color:var(--mosa-ink2);min-height:16px}
.controls{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:4px 16px}
.controls{margin-bottom:12px}
label{font-size:13px;color:var(--mosa-ink2)}
label b{color:var(--mosa-ink)}
select{background:var(--mosa-ground);border:1px solid var(--mosa-rule);border-radius:6px;padding:0 8px}
select,input{display:block;width:100%;height:44px;margin:0;font:inherit;color:var(--mosa-ink)}
input{accent-color:var(--mosa-pick)}
:focus-visible{outline:2px solid var(--mosa-ink);outline-offset:2px}
.words{font-family:var(--mosa-mono);white-space:pre-wrap;overflow-wrap:anywhere;line-height:26px}
.words mark{background:var(--mosa-pick);color:var(--mosa-pick-ink);border-radius:4px;padding:2px}
.map{display:grid;grid-template-columns:52px 1fr}
.map{font-size:11px;line-height:${ROW}px;color:var(--mosa-ink2)}
.map b{color:var(--mosa-ink)}
.cells{position:relative}
canvas,.cells svg{display:block;width:100%;height:100%;image-rendering:pixelated}
.cells svg{position:absolute;inset:0;overflow:visible}
.cells svg *{vector-effect:non-scaling-stroke;paint-order:stroke;stroke-width:2}
.frame{fill:none;stroke:${LIGHT.ground}}
.cells .edge{fill:none;stroke:${LIGHT.ink};stroke-width:5}
.kept{fill:${LIGHT.ground};stroke:${LIGHT.ink}}
.own{fill:${LIGHT.pick};stroke:${LIGHT.ground}}
.scale{display:inline-block;width:64px;height:8px;margin:0 4px}
.scale{background:linear-gradient(90deg,${SCALE})}
.masks{display:flex;flex-wrap:wrap;gap:12px 24px;margin:4px 0 12px}
.masks figure{flex:1 1 130px;max-width:240px;margin:0}
.masks svg{display:block;width:100%;border:1px solid var(--mosa-rule)}
.scroll{max-height:320px;overflow:auto;margin-top:8px}
table{border-collapse:collapse;font-size:12px}
th,td{padding:2px 12px 2px 0;text-align:right}
summary{min-height:44px;line-height:44px;cursor:pointer}
@media print{.controls,details{display:none}.mosa{border:0;print-color-adjust:exact}}
`;

/**
 * @typedef {Object} Text
 * @property {string} title @property {string[]} tokens @property {number} layers
 * @property {number} heads @property {number} k As traced.
 * @property {[number, number]} bounds Of k.
 * @property {import("./lib/arrays.js").Encoded} scores One byte each, 255 for 1.
 * @property {import("./lib/arrays.js").Encoded} order Positions, the best first.
 * @property {number[][] | null} picks Where more than the scores decides.
 * @property {number[]} level Rows in which nothing ranks the picks.
 */

// A slider with its name and value above it.
/** @param {string} name @param {number} [most] The least is 0. */
function slider(name, most = 0) {
  const value = html("b", {});
  const input = html("input", { type: "range", min: 0, max: most, disabled: most === 0 });
  return { input, value, node: html("label", {}, `${name} `, value, input) };
}

/** @param {string} name @param {string} note @param {number} T @param {...SVGElement} shapes In units of a token. */
function maskFigure(name, note, T, ...shapes) {
  const box = { viewBox: `0 0 ${T} ${T}`, role: "img", "aria-label": note };
  const heading = html("div", {}, html("b", {}, name));
  return html("figure", {}, heading, div("note", note), svg("svg", box, ...shapes));
}

class HeadBrowser {
  /** @param {import("./lib/host.js").Model} model @param {HTMLElement} el */
  constructor(model, el) {
    this.texts = /** @type {Text[]} */ (model.get("texts"));
    this.scores = this.order = decodeArray({ dtype: "uint8", data: "" });
    /** @type {string[]} */
    this.labels = [];
    this.stage = openStage(el, HEADS_CSS, () => {});
    const [first] = this.texts;
    const options = this.texts.map(({ title }, i) => html("option", { value: i }, title));
    this.choice = html("select", {}, ...options);
    this.layer = slider("Layer", first.layers - 1);
    this.head = slider("Head", first.heads - 1);
    this.k = slider("Tokens kept, k =");
    this.said = html("p", { class: "said", role: "status" });
    this.whatIf = html("p", { class: "note" });
    this.view = html("div", {});
    const sliders = [this.layer, this.head, this.k];
    const controls = [html("label", {}, "Text", this.choice), ...sliders.map(({ node }) => node)];
    this.stage.root.append(div("controls", ...controls), this.said, this.whatIf, this.view);
    this.choice.value = model.get("text");
    this.read(model.get("k"));
    this.layer.input.value = model.get("layer");
    this.head.input.value = model.get("head");
    this.choice.addEventListener("change", () => {
      this.read(this.text.k);
      this.draw();
    });
    for (const { input } of sliders) input.addEventListener("input", () => this.draw());
    this.draw();
  }

  dispose() {
    this.stage.dispose();
  }

  get text() {
    return this.texts[Number(this.choice.value)];
  }

  /** @param {number} k Take up the chosen text with this k. */
  read(k) {
    const { bounds, scores, order, tokens } = this.text;
    this.scores = decodeArray(scores);
    this.order = decodeArray(order);
    this.labels = tokenLabels(tokens);
    const { input } = this.k;
    Object.assign(input, { min: bounds[0], max: bounds[1], disabled: bounds[0] === bounds[1] });
    input.value = `${k}`;
  }

  /** @param {number} row Head after head, layer after layer. */
  ranked(row) {
    const T = this.labels.length;
    return Array.from(this.order.subarray(row * T, (row + 1) * T));
  }

  /** @param {number} row */
  picks(row) {
    const { picks } = this.text;
    const k = Number(this.k.input.value);
    return picks?.[row] ?? this.ranked(row).slice(0, k).sort((a, b) => a - b);
  }

  draw() {
    const { text, labels } = this;
    const [layer, head, k] = [this.layer, this.head, this.k].map(({ input, value }) => {
      value.textContent = input.value;
      return Number(input.value);
    });
    const row = layer * text.heads + head;
    const own = this.picks(row);
    const T = labels.length;
    setAttribute(this.k.input, "aria-valuetext", `${k} of ${T} tokens`);
    const best = text.level.includes(row) ? [] : this.ranked(row).filter((t) => own.includes(t));
    const { who, keeps, what, detail } = describe(text.tokens, layer, head, own, best);
    this.said.textContent = `${who}${keeps}${what} ${detail}`.trim();
    const moved = `What if k were ${k}: scores held as traced at k = ${text.k}.`;
    this.whatIf.textContent = k === text.k ? `As traced, k = ${k}.` : moved;
    const words = text.tokens.flatMap((word, t) => {
      const body = word.trimStart() || labels[t];
      const space = word.slice(0, word.length - word.trimStart().length);
      return own.includes(t) ? [space, html("mark", {}, body)] : [word];
    });
    const open = this.view.querySelector("details")?.open ?? false;
    const scale = html("span", { class: "scale" });
    this.view.replaceChildren(
      html("p", { class: "words", translate: "no" }, ...words),
      this.heatMap(layer, head),
      html("p", { class: "note" }, "Router score 0", scale, "1. A mark: kept. Framed: this head."),
      this.masks(own),
      this.table(row, own, open),
    );
  }

  /** @param {number} layer @param {number} head */
  heatMap(layer, head) {
    const { heads } = this.text;
    const T = this.labels.length;
    const name = `Router scores of ${heads} heads for ${T} tokens; head ${head} is framed`;
    const canvas = html("canvas", { width: T, height: heads, role: "img", "aria-label": name });
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const image = context.createImageData(T, heads);
    for (let i = 0; i < T * heads; i++) {
      image.data.set([...cividis(this.scores[layer * heads * T + i] / 255), 255], 4 * i);
    }
    context.putImageData(image, 0, 0);
    /** @param {number} h @param {number} wide @param {number} high In cells. */
    const marks = (h, wide, high) =>
      this.picks(layer * heads + h)
        .map((t) => `M${t + (1 - wide) / 2} ${h + (1 - high) / 2}h${wide}v${high}h${-wide}z`)
        .join("");
    const others = Array.from({ length: heads }, (_, h) => (h === head ? "" : marks(h, 0.4, 0.3)));
    const frame = { x: 0, y: head, width: T, height: 1 };
    const overlay = svg(
      "svg",
      { viewBox: `0 0 ${T} ${heads}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("path", { class: "kept", d: others.join("") }),
      svg("rect", { class: "edge", ...frame }),
      svg("rect", { class: "frame", ...frame }),
      svg("path", { class: "own", d: marks(head, 0.8, 0.6) }),
    );
    const style = `height:${heads * ROW}px`;
    const cells = html("div", { class: "cells", style }, canvas, overlay);
    cells.addEventListener("pointermove", (event) => this.point(event, layer, cells));
    const names = Array.from({ length: heads }, (_, h) => {
      return html("div", {}, html(h === head ? "b" : "span", {}, headName(layer, h)));
    });
    return div("map", html("div", {}, ...names), cells);
  }

  /** @param {PointerEvent} event @param {number} layer @param {HTMLElement} cells Say what is there. */
  point(event, layer, cells) {
    const box = cells.getBoundingClientRect();
    const T = this.labels.length;
    const t = Math.floor(((event.clientX - box.left) / box.width) * T);
    const h = Math.floor((event.clientY - box.top) / ROW);
    if (!(t >= 0 && t < T && h >= 0 && h < this.text.heads)) return;
    const row = layer * this.text.heads + h;
    const kept = this.picks(row).includes(t) ? "kept" : "not kept";
    const score = fraction(this.scores[row * T + t] / 255, 2);
    const rank = this.ranked(row).indexOf(t) + 1;
    const where = `${headName(layer, h)}: ${this.labels[t]}, position ${t}`;
    cells.title = `${where}, score ${score}, rank ${rank} of ${T}, ${kept}`;
  }

  /** @param {number[]} own */
  masks(own) {
    const T = this.labels.length;
    const [all, pairs] = [T, own.length].map((n) => (n * (n + 1)) / 2);
    const stairs = Array.from({ length: T }, (_, t) => `H${t + 1}V${t + 1}`).join("");
    const dots = own.flatMap((i) => own.filter((j) => j <= i).map((j) => `M${j} ${i}h1v1h-1z`));
    /** @param {string} d @param {string} name */
    const shape = (d, name) => svg("path", { d, style: `fill:var(--mosa-${name})` });
    const triangle = (/** @type {string} */ name) => shape(`M0 0${stairs}V${T}H0z`, name);
    const [whole, share] = [
      `${count(all)} pairs`,
      `${count(pairs)} pairs, ${percent(pairs / all)}`,
    ];
    return div(
      "masks",
      maskFigure("A dense head", whole, T, triangle("dense")),
      maskFigure("This head", share, T, triangle("wash"), shape(dots.join(""), "pick")),
    );
  }

  /** @param {number} row @param {number[]} own @param {boolean} open */
  table(row, own, open) {
    const T = this.labels.length;
    const names = ["Rank", "Position", "Token", "Score", "Kept"];
    const head = html("tr", {}, ...names.map((name) => html("th", { scope: "col" }, name)));
    const body = this.ranked(row).map((t, rank) => {
      const score = fraction(this.scores[row * T + t] / 255, 2);
      const cells = [rank + 1, t, this.labels[t], score, own.includes(t) ? "yes" : "no"];
      return html("tr", {}, ...cells.map((cell) => html("td", {}, `${cell}`)));
    });
    const table = html("table", {}, html("thead", {}, head), html("tbody", {}, ...body));
    const region = { class: "scroll", tabindex: 0, role: "region", "aria-label": "Tokens by rank" };
    const scroll = html("div", region, table);
    return html("details", { open }, html("summary", {}, "All tokens as a table"), scroll);
  }
}

const heads = drawnBy(HeadBrowser);

defineElement("mosa-heads", heads);

export default heads;
