// What stands round the drawings: the finding, the controls, the switches of the live model, the badge.

import { headStepper, layerField, valueSlider } from "../lib/controls.js";
import { bold, button, div, html, mono, press, setText, span } from "../lib/dom.js";
import { describe, specialists } from "../lib/finding.js";
import { headName, headOf, signed } from "../lib/format.js";
import { ownTextField } from "../lib/own_text.js";

const MOST_CHIPS = 5;
const MOST_NAMED = 3;

/** @typedef {import("../explorer.js").Explorer} Explorer */
/** @typedef {import("./view.js").View} View */

/** What a head keeps, in words. @param {import("./view.js").Routing} routing @param {number} row */
export function findingOf(routing, row) {
  const { layer, head } = headOf(row, routing.heads);
  const picks = Array.from(routing.picks[row]);
  return describe(routing.texts, layer, head, picks, routing.ranked(row));
}

/** @param {ReturnType<typeof findingOf>} found @returns {string} */
export const sentenceOf = ({ who, keeps, what }) => who + keeps + what;

/** The second line; what it lists stands in tokens' type. @param {string} detail */
const detailNodes = (detail) => {
  const [lead, list] = detail.split(/(?<=: )/);
  return [lead, ...(list ? [mono(list)] : [])];
};

/** The finding and the heads that stand out. @param {Explorer} explorer */
export function headPanel(explorer) {
  const { title, finding, detail } = /** @type {Explorer["frame"]} */ (explorer.frame);
  const chips = html("div", { class: "chips", role: "group", "aria-label": "Heads that keep" });
  /** @param {View} view */
  const rebuildChips = ({ routing }) => {
    const { texts, picks, heads } = routing;
    const found = specialists(texts, picks, heads, (row) => routing.ranked(row));
    chips.hidden = !found.length;
    chips.replaceChildren(
      span("lead", "Heads that keep"),
      ...found.slice(0, MOST_CHIPS).map(({ chip, layer, head }) => {
        const parts = html("span", {}, chip, " ", html("small", {}, headName(layer, head)));
        return button(parts, () => explorer.change({ layer, head }), { class: "chip" });
      }),
    );
  };
  /** Leave room for the longest words of any head, so that nothing jumps from head to head. @param {View} view */
  const makeRoom = ({ routing, narrow }) => {
    const all = routing.picks.map((_, row) => findingOf(routing, row));
    const longest = (/** @type {string[]} */ texts) =>
      texts.reduce((a, b) => (b.length > a.length ? b : a));
    const style = "position:absolute;visibility:hidden;width:100%;left:0";
    const sentence = html("p", { class: "finding", style }, longest(all.map(sentenceOf)));
    const second = longest(all.map((found) => found.detail));
    const ghost = html("p", { class: "detail", style }, ...detailNodes(second));
    const words = html("div", { style: "position:relative" }, sentence, ghost);
    detail.after(words);
    for (let size = narrow ? 18 : 21; size >= 14; size--) {
      sentence.style.fontSize = finding.style.fontSize = `${size}px`;
      sentence.style.minHeight = "0";
      if (sentence.offsetHeight <= (narrow ? 48 : 28)) break;
    }
    detail.style.minHeight = `${ghost.offsetHeight}px`;
    words.remove();
  };
  return {
    node: chips,
    /** @param {View} view */
    update(view) {
      const { dirty, isPreview, whatIf } = view;
      setText(title, isPreview ? "Preview: click to keep, Esc to return" : "Routing explorer");
      if (!dirty.head) return;
      if (dirty.all) makeRoom(view);
      const { who, keeps, what, detail: more } = findingOf(view.routing, view.row);
      const first = more.match(/^[^:.]+\. ?/) ?? []; // lists are of other picks
      const changed = () => [...first.map((words) => `${words.trim()} `), bold(whatIf)];
      explorer.frame?.say({ who, keeps, what }, whatIf ? changed() : detailNodes(more));
      if (dirty.all) rebuildChips(view);
    },
  };
}

/** Text, layer, head and the number of tokens kept. @param {Explorer} explorer */
export function controlBar(explorer) {
  const { examples, config } = explorer.data;
  const { n_layers: layers, n_sparse_heads: heads } = config;
  const show = (/** @type {string} */ name) => void explorer.showExample(name);
  const text = ownTextField(examples, "Your text", show, () => explorer.toggleOwnText());
  text.node.classList.add("text-field");
  const layer = layerField(layers, (chosen) => explorer.change({ layer: chosen }));
  const head = headStepper(`Head of ${heads}`, (by) => explorer.stepHead(by));
  let usual = 2;
  const slider = valueSlider("Tokens kept, k", 2, 2, (k) => {
    explorer.change({ k: k === usual ? null : k });
  });
  slider.node.classList.add("k-field");
  slider.track.append(html("i", { class: "notch", "aria-hidden": "true" }));
  return {
    nodes: [text, layer, head, slider].map(({ node }) => node),
    own: text.own,
    /** @param {View} view */
    update(view) {
      const { routing, state, usualKept, config: own } = view;
      layer.show(`${view.layer}`);
      head.number.textContent = `${view.head}`;
      if (!view.dirty.all) return;
      usual = usualKept;
      text.select.value = state.text === null ? state.example : "";
      const most = Math.min(routing.T, Math.max(32, 2 * usual, state.k ?? 0));
      const k = Math.min(state.k ?? usual, routing.T);
      slider.show(k, `${k} of ${routing.T} tokens`, most);
      slider.track.style.setProperty("--notch", `${most > 2 ? (usual - 2) / (most - 2) : 1}`);
      const least = usual > routing.T / own.sparsity;
      const share = k !== usual ? "" : least ? " (the least)" : ` (T/${own.sparsity})`;
      slider.label.replaceChildren("Tokens kept ", bold(`k = ${k}`), ` of ${routing.T}${share}`);
    },
  };
}

/** @param {Float32Array} losses */
const mean = (losses) => losses.reduce((sum, loss) => sum + loss, 0) / losses.length;

/** The tokens whose loss rose most. @param {Float32Array} before @param {Float32Array} after */
const hardestHit = (before, after) =>
  Array.from(before, (loss, t) => ({ t: t + 1, change: after[t] - loss }))
    .filter(({ change }) => change >= 0.005)
    .sort((a, b) => b.change - a.change)
    .slice(0, MOST_NAMED);

/** What a head is worth: leave it out, or give token 0 a slot, and see the loss move. @param {Explorer} explorer */
export function experimentsPanel(explorer) {
  const question = "What is this head worth?";
  const why = "leave its output out and see the loss of this text move";
  const note = span("note", why);
  /** @type {View} */
  let view;
  const toggled = () => {
    const own = new Set(view.off);
    if (!own.delete(view.row)) own.add(view.row);
    return [...own].sort((a, b) => a - b);
  };
  const small = (/** @type {() => Partial<import("./link.js").LinkState>} */ changes, words = "") =>
    button(words, () => explorer.askModel(changes()), { class: "small" });
  const offButton = small(() => ({ off: toggled() }));
  const firstButton = small(() => ({
    first: view.state.first === null ? !view.config.include_first : null,
  }));
  const undo = small(() => ({ off: [], first: null, k: null }), "As trained");
  const result = html("p", { class: "result", role: "status" });
  return {
    node: html(
      "section",
      { class: "pad ask", "aria-label": question },
      div("line", span("h", question), note),
      div("row wrap", offButton, firstButton, undo),
      result,
    ),
    /** @param {View} next */
    update(next) {
      if (next.isPreview) return;
      view = next;
      const { off, row, state, config } = view;
      const name = headName(view.layer, view.head);
      setText(offButton, off.has(row) ? `Switch ${name} on again` : `Switch ${name} off`);
      press(offButton, off.has(row));
      const seat = config.include_first
        ? "No fixed seat for token 0"
        : "Keep token 0 in every head";
      setText(firstButton, seat);
      press(firstButton, state.first !== null);
      undo.hidden = !off.size && state.first === null && state.k === null;
    },
    /** @param {ReturnType<import("./live.js").Live["losses"]>} losses Null while they are not known. */
    report({ usual: before, now, changed, hint }) {
      if (!before) return result.replaceChildren(hint);
      const lead = `Loss of this text: ${mean(before).toFixed(3)} nats a token as trained`;
      if (!changed) return result.replaceChildren(`${lead}. ${hint}`);
      if (!now) return result.replaceChildren(`${lead}; ${changed}: …`);
      const hit = hardestHit(before, now).flatMap(({ t, change }, i) => [
        i ? ", " : " Hit hardest: ",
        mono(view.labels[t]),
        ` ${signed(change, 2)}`,
      ]);
      result.replaceChildren(
        `${lead}; ${changed}: `,
        bold(mean(now).toFixed(3)),
        ` (${signed(mean(now) - mean(before))}).`,
        ...hit,
        ...(hit.length ? ["."] : []),
      );
    },
  };
}

/** The self-test in words. @param {import("../lib/session.js").Status} status */
function verdictOf({ name, verdict }) {
  if (!verdict) {
    const text = name === "live" ? "Self-test is running" : "Self-test runs with the model";
    return { state: "waiting", text, title: "" };
  }
  const largest = `largest difference of a loss ${verdict.difference.toExponential(0)} nats`;
  const equal = verdict.heads - verdict.unequal;
  const title = `${equal} of ${verdict.heads} heads pick as in PyTorch, ${largest}`;
  return verdict.passed
    ? { state: "passed", text: "✓ Self-test passed", title }
    : { state: "failed", text: `✕ Self-test failed: ${title}`, title };
}

/** @param {string | null} link Where the self-test is explained. */
export function selfTestBadge(link) {
  const node = span("badge");
  return {
    node,
    /** @param {import("../lib/session.js").Status} status */
    report(status) {
      const { state, text, title } = verdictOf(status);
      node.className = `badge ${state}`;
      node.title = title;
      node.replaceChildren(link && status.verdict ? html("a", { href: link }, text) : text);
    },
  };
}
