/**
 * All panels of an explorer, wired to its actions.
 * @module
 */

import { attentionPanel, costPanel, nextPanel } from "./bars.js";
import { controlBar } from "./controls.js";
import { experimentsPanel } from "./experiments.js";
import { provenanceOf, pythonOf, rowsOf } from "./export.js";
import { footerPanel } from "./footer.js";
import { headerPanel } from "./header.js";
import { densePanel, gatheredPanel, sparsePanel } from "./masks.js";
import { overviewPanel } from "./overview.js";
import { pictureOf } from "./picture.js";
import { scorePanel } from "./score_chart.js";
import { buildTable, tablePanel } from "./table.js";
import { readoutPanel, textPanel } from "./text.js";
import { tourPanel } from "./tour.js";
import { shareButton } from "../lib/card.js";
import { html } from "../lib/dom.js";
import { takeButtons } from "../lib/export.js";
import { bannerPanel, ownTextPanel } from "../lib/own_text.js";

/**
 * @param {import("./controller.js").Explorer} explorer
 * @returns {import("../lib/export.js").Taken}
 */
function takenFrom(explorer) {
  const { data, address } = explorer;
  const view = explorer.view();
  const provenance = () => provenanceOf(view, data.about, address.link().slice(0, 160));
  return {
    name: `mosa-L${view.layer}-H${view.head}`,
    python: () => pythonOf(view, data.model),
    picture: () => pictureOf(view, provenance()),
    rows: () => rowsOf(view),
  };
}

/**
 * @param {import("./controller.js").Explorer} explorer
 * @returns {HTMLButtonElement[]} What the reader may take along.
 */
function footButtons(explorer) {
  const tell = (/** @type {string} */ words) => explorer.say(words);
  const share = shareButton(() => explorer.address.fragment(), tell);
  const take = takeButtons(() => takenFrom(explorer), tell);
  return explorer.data.kernel ? take : [share, ...take]; // a notebook's address is its own
}

/**
 * @param {import("./controller.js").Explorer} explorer
 * @param {string} id Of the finding.
 */
export function buildPanels(explorer, id) {
  const { data, requests } = explorer;
  const header = headerPanel(explorer, explorer.moves, id);
  const controls = controlBar(explorer, data);
  const banner = bannerPanel(() => requests.load());
  const own = ownTextPanel(requests, data.config.max_seq_len);
  const text = textPanel(explorer);
  const overview = overviewPanel(explorer);
  const ask = experimentsPanel(requests);
  const footer = footerPanel(data, footButtons(explorer), () =>
    explorer.change({ view: explorer.state.view === "table" ? "figure" : "table" }),
  );
  const drawing = {
    readout: readoutPanel(),
    scores: scorePanel(explorer),
    table: tablePanel(explorer),
    dense: densePanel(explorer),
    sparse: sparsePanel(explorer),
    gathered: gatheredPanel(explorer),
    attention: attentionPanel(explorer),
    next: nextPanel(),
    cost: costPanel(data.links.budget),
  };
  const status = html("div", { class: "hidden", role: "status", "aria-live": "polite" });
  const paper = html("div", { class: "paper" });
  const named = { header, controls, banner, own, text, overview, ask, footer, ...drawing };
  /** @type {Record<string, HTMLElement>} */
  const byName = { status, paper };
  for (const [name, panel] of Object.entries(named)) byName[name] = panel.node;
  const tour = tourPanel(explorer, byName);
  byName.tour = tour.node;
  header.top.insertBefore(tour.start, header.wide);
  const figures = [drawing.scores.node, overview.node];
  const view = {
    update: (/** @type {import("./view.js").View} */ { state }) => {
      for (const node of figures) node.hidden = state.view === "table";
    },
  };
  return {
    byName,
    // The text comes last: it asks where its tokens stand, and what changed after would be laid out again.
    panels: [header, controls, view, overview, ask, footer, ...Object.values(drawing), tour, text],
    keyPlaces: { text: text.list, overview: overview.canvas },
    wide: header.wide,
    own,
    ownButton: controls.own,
    finding: header.sentence,
    describe: text.describe,
    focusToken: text.focus,
    order: overview.order,
    tell: footer.tell,
    reportLoss: ask.report,
    reportText: own.report,
    report: (/** @type {import("../lib/session.js").Status} */ state) => {
      header.report(state, explorer.live.variant());
      banner.report(state);
      controls.own.setAttribute("aria-expanded", `${!own.node.hidden}`);
      footer.report(state);
    },
    printTable: (/** @type {import("./view.js").View} */ shown) => {
      paper.replaceChildren(buildTable(shown, shown.routing.picks[shown.row].length + 3));
    },
  };
}
