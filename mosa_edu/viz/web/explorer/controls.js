/**
 * The control bar: text, layer, head and the number of tokens kept.
 * @module
 */

import { TEXT_LEVEL } from "./levels.js";
import { headStepper, labelled, layerField, textField } from "../lib/card.js";
import { bold, button, html, setAttribute } from "../lib/dom.js";

/**
 * @param {import("./controller.js").Explorer} actions
 * @param {import("../lib/session.js").StoredData} data
 */
export function controlBar(actions, data) {
  const { n_layers: layers, n_sparse_heads: heads } = data.config;
  const { select } = textField(data.examples, (name) => void actions.requests.example(name));
  select.append(html("option", { value: "", hidden: true }, "Your text"));
  const own = button("Your text", () => actions.requests.ownText(), {
    class: "own-button",
    "aria-expanded": "false",
  });
  const layer = layerField(layers, (own) => actions.change({ layer: own }));
  const head = headStepper(`Head of ${heads}`, (by) => actions.moves.stepHead(by));
  const range = html("input", { type: "range", min: 1, step: 1, "aria-label": "Tokens kept, k" });
  const caption = html("span", { class: "label" });
  const slider = html(
    "span",
    { class: "slider" },
    range,
    html("i", { class: "notch", "aria-hidden": "true" }),
  );
  let usual = 2;
  range.addEventListener("input", () => {
    const k = Number(range.value);
    actions.change({ k: k === usual ? null : k });
  });
  const text = labelled("Text", html("div", { class: "row" }, select, own));
  text.classList.add("text-field");
  const node = html(
    "div",
    { class: "controls" },
    text,
    layer.node,
    head.node,
    html("div", { class: "field k-field" }, caption, slider),
  );
  return {
    node,
    own,
    /**
     * @param {import("./view.js").View} view
     * @param {number} level
     */
    update(view, level) {
      const { routing, state, usualKept } = view;
      layer.show(`${view.layer}`);
      head.number.textContent = `${view.head}`;
      if (level < TEXT_LEVEL) return;
      usual = usualKept;
      select.value = state.text === null ? state.example : "";
      const most = Math.min(routing.T, Math.max(32, 2 * usual, state.k ?? 0));
      const k = Math.min(state.k ?? usual, routing.T);
      Object.assign(range, { min: Math.min(2, routing.T), max: most });
      range.value = `${k}`;
      const place = (/** @type {number} */ value) =>
        most > 2 ? Math.max(0, value - 2) / (most - 2) : 1;
      slider.style.setProperty("--fill", `${place(k)}`);
      slider.style.setProperty("--notch", `${place(usual)}`);
      const share =
        k !== usual
          ? ""
          : usual > routing.T / view.config.sparsity
            ? " (the least)"
            : ` (T/${view.config.sparsity})`;
      caption.replaceChildren("Tokens kept ", bold(`k = ${k}`), ` of ${routing.T}${share}`);
      setAttribute(range, "aria-valuetext", `${k} of ${routing.T} tokens`);
    },
  };
}
