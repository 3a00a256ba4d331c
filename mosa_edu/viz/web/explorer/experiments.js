/**
 * What a head is worth: leave it out, or give token 0 a seat, and see the loss of the text move.
 * @module
 */

import { bold, button, html, mono, setText } from "../lib/dom.js";
import { headName, signed } from "../lib/format.js";

const MOST_NAMED = 3;

/** @param {ArrayLike<number>} losses */
const mean = (losses) => Array.from(losses).reduce((sum, loss) => sum + loss, 0) / losses.length;

/**
 * The tokens whose loss rose most.
 * @param {Float32Array} before
 * @param {Float32Array} after
 * @returns {{t: number, change: number}[]}
 */
function hardestHit(before, after) {
  return Array.from(before, (loss, t) => ({ t: t + 1, change: after[t] - loss }))
    .filter(({ change }) => change >= 0.005)
    .sort((a, b) => b.change - a.change)
    .slice(0, MOST_NAMED);
}

/**
 * @param {{ask: (changes: Partial<import("./link.js").LinkState>) => void}} actions
 */
export function experimentsPanel(actions) {
  const note = html("span", { class: "note" }, "leave its output out and see the loss of this text move");
  const offButton = button("", () => actions.ask({ off: toggled() }), { class: "small" });
  const firstButton = button(
    "Keep token 0 in every head",
    () => actions.ask({ first: view.state.first === null ? !usual : null }),
    {
      class: "small",
    },
  );
  const undo = button("As trained", () => actions.ask({ off: [], first: null, k: null }), {
    class: "small",
  });
  const result = html("p", { class: "result", role: "status" });
  const node = html(
    "section",
    { class: "pad ask", "aria-label": "What is this head worth?" },
    html("div", { class: "line" }, html("span", { class: "h" }, "What is this head worth?"), note),
    html("div", { class: "row wrap" }, offButton, firstButton, undo),
    result,
  );
  /** @type {import("./view.js").View} */
  let view;
  let usual = false;
  const toggled = () => {
    const own = new Set(view.off);
    if (!own.delete(view.row)) own.add(view.row);
    return [...own].sort((a, b) => a - b);
  };
  return {
    node,
    /** @param {import("./view.js").View} next */
    update(next) {
      if (next.isPreview) return;
      view = next;
      usual = view.config.include_first;
      const name = headName(view.layer, view.head);
      const off = view.off.has(view.row);
      setText(offButton, off ? `Switch ${name} on again` : `Switch ${name} off`);
      offButton.setAttribute("aria-pressed", `${off}`);
      setText(firstButton, usual ? "No fixed seat for token 0" : "Keep token 0 in every head");
      firstButton.setAttribute("aria-pressed", `${view.state.first !== null}`);
      undo.hidden = !view.off.size && view.state.first === null && view.state.k === null;
    },
    /**
     * @param {{usual: Float32Array | null, now: Float32Array | null, changed: string, hint: string}} losses
     *   Null while they are not known.
     */
    report({ usual: before, now, changed, hint }) {
      if (!before) return result.replaceChildren(hint);
      const lead = `Loss of this text: ${mean(before).toFixed(3)} nats a token as trained`;
      if (!changed) return result.replaceChildren(`${lead}. ${hint}`);
      if (!now) return result.replaceChildren(`${lead}; ${changed}: …`);
      const change = mean(now) - mean(before);
      const hit = hardestHit(before, now).flatMap(({ t, change: own }, i) => [
        i ? ", " : " Hit hardest: ",
        mono(view.labels[t]),
        ` ${signed(own, 2)}`,
      ]);
      result.replaceChildren(
        `${lead}; ${changed}: `,
        bold(mean(now).toFixed(3)),
        ` (${signed(change)}).`,
        ...hit,
        ...(hit.length ? ["."] : []),
      );
    },
  };
}
