/**
 * The foot of the card: what the reader may take along, the self-test, and the small print.
 * @module
 */

import { button, html } from "../lib/dom.js";

/**
 * The self-test in words.
 * @param {import("../lib/session.js").Status} status
 * @returns {{state: string, text: string, title: string}}
 */
function badgeOf({ name, verdict }) {
  if (!verdict) {
    const text = name === "live" ? "Self-test is running" : "Self-test runs with the model";
    return { state: "waiting", text, title: "" };
  }
  const largest = `largest difference of a loss ${verdict.difference.toExponential(0)} nats`;
  const title = `${verdict.heads - verdict.unequal} of ${verdict.heads} heads pick as in PyTorch, ${largest}`;
  return verdict.passed
    ? { state: "passed", text: "✓ Self-test passed", title }
    : { state: "failed", text: `✕ Self-test failed: ${title}`, title };
}

/**
 * @param {import("../lib/session.js").StoredData} data
 * @param {HTMLElement[]} buttons
 * @param {() => void} turn To the table and back.
 */
export function footerPanel(data, buttons, turn) {
  const table = button("Table view", turn, { "aria-pressed": "false" });
  const badge = html("span", { class: "badge" });
  const told = html("span", { class: "note told", role: "status" });
  const { leak, selftest } = data.links;
  const prose = html(
    "p",
    { class: "note" },
    "Picks are made over the whole text, so a later word can push out an earlier one",
    ...(leak ? [": ", html("a", { href: leak }, "the leak")] : []),
    `. ${data.about}`,
  );
  const node = html(
    "footer",
    {},
    html("div", { class: "row wrap" }, table, ...buttons, told, badge),
    prose,
  );
  let timer = 0;
  return {
    node,
    /** Say what a button did. */
    tell(/** @type {string} */ words) {
      told.textContent = words;
      clearTimeout(timer);
      timer = setTimeout(() => (told.textContent = ""), 6000);
    },
    /** @param {import("./view.js").View} view */
    update({ state }) {
      table.setAttribute("aria-pressed", `${state.view === "table"}`);
    },
    /** @param {import("../lib/session.js").Status} status */
    report(status) {
      const { state, text, title } = badgeOf(status);
      badge.className = `badge ${state}`;
      badge.title = title;
      badge.replaceChildren(
        selftest && status.verdict ? html("a", { href: selftest }, text) : text,
      );
    },
  };
}
