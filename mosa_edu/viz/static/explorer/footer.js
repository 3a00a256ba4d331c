/**
 * The foot of the card: what the reader may take along, the self-test, and the small print.
 * @module
 */

import { button, html } from "../dom.js";

/**
 * The self-test in words.
 * @param {import("./session.js").Status} status
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
 * @param {{table: () => void, share: () => void, python: () => void, picture: () => void, csv: () => void}} actions
 * @param {import("./session.js").StoredData} data
 */
export function footerPanel(actions, data) {
  const table = button("Table view", actions.table, { "aria-pressed": "false" });
  const buttons = [
    table,
    ...(data.kernel ? [] : [button("Share link", actions.share)]), // a notebook's address is its own
    button("Copy as Python", actions.python),
    button("Save SVG", actions.picture),
    button("CSV", actions.csv),
  ];
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
    html("div", { class: "row wrap" }, ...buttons, told, badge),
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
    /** @param {import("./session.js").Status} status */
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
