/**
 * What the reader asks with: text, future and rule, and boxes for words of their own.
 * @module
 */

import { keptCount } from "../engine/routing.js";
import { FUTURES } from "./futures.js";
import { rulesOf } from "./state.js";
import { labelled, segmentField, textField } from "../lib/card.js";
import { button, html } from "../lib/dom.js";
import { DEBOUNCE } from "../lib/limits.js";
import { bannerPanel, ownTextPanel } from "../lib/own_text.js";

/**
 * The reader's own future.
 * @param {(text: string) => void} write
 */
function editBox(write) {
  const box = html("textarea", { rows: 2, spellcheck: "false", dir: "auto", maxlength: 2000, "aria-label": "Your future, after the cut" });
  const node = html("div", { class: "pad own", hidden: true }, html("label", { class: "label" }, "What comes after the cut"), box);
  let timer = 0;
  box.addEventListener("keydown", (event) => event.stopPropagation());
  const settle = () => {
    timer = 0;
    write(box.value);
  };
  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(settle, DEBOUNCE);
  });
  // What is chosen next must not be overtaken by what was typed before.
  box.addEventListener("blur", () => {
    clearTimeout(timer);
    if (timer) settle();
  });
  return { node, box };
}

/** @param {import("./controller.js").LeakProbe} probe */
export function leakControls(probe) {
  const { data } = probe;
  const own = ownTextPanel({ load: () => void probe.witness.bring(), route: (text) => probe.route(text) }, data.config.max_seq_len);
  const text = textField(data.texts, (name) => {
    own.close();
    probe.change({ text: name, own: null, edit: null, token: 0 });
  });
  text.select.append(html("option", { value: "", hidden: true }, "Yours"));
  const turn = () => {
    if (own.node.hidden) {
      own.open(probe.written);
      own.box.focus();
      own.box.select();
      void probe.witness.bring();
    } else {
      own.close();
      if (probe.state.own !== null) probe.change({ own: null, edit: null });
    }
    probe.draw();
    probe.report();
  };
  const ownButton = button("Your text", turn, { class: "own-button" });
  const future = segmentField("Future", FUTURES, (kind) => probe.change({ future: /** @type {any} */ (kind) }));
  const rule = segmentField("Rule", rulesOf(data), (name) => probe.change({ rule: /** @type {any} */ (name) }));
  const banner = bannerPanel(() => probe.change(probe.witness.wanted));
  const edit = editBox((words) => probe.change({ future: "edit", edit: words }));
  return {
    own,
    fields: [labelled("Text", html("div", { class: "row" }, text.select, ownButton)), future.node, rule.node],
    boxes: [banner.node, own.node, edit.node],
    /** @param {import("./state.js").LeakState} state @param {string} written What the text says after the cut. */
    show(state, written) {
      text.select.value = state.own === null ? state.text : "";
      ownButton.setAttribute("aria-expanded", `${!own.node.hidden}`);
      future.show(state.future);
      rule.show(state.rule);
      edit.node.hidden = state.future !== "edit";
      // A box that is written in keeps what was typed.
      if (!edit.box.matches(":focus")) edit.box.value = state.edit ?? written;
    },
    /** @param {import("../lib/session.js").Status} status */
    report(status) {
      banner.report(status);
      const { session } = probe.witness;
      const isLive = session.engine !== null;
      const { tokens, left } = isLive && probe.state.own !== null ? session.tokens(probe.state.own) : { tokens: probe.answer.tokens, left: 0 };
      const k = tokens.length ? keptCount(tokens.length, data.config.sparsity) : 0;
      own.report(status, { obstacle: isLive ? "" : session.obstacle(), tokens: isLive ? tokens.length : -1, left, k });
    },
  };
}
