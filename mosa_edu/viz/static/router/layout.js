/**
 * Builds the card of the game.
 * @module
 */

import { labelled, segmentField } from "../card.js";
import { chipOf } from "../chips.js";
import { button, html, svg } from "../dom.js";
import { bannerPanel } from "../explorer/own_text.js";
import { figureFrame } from "../frame.js";
import { randomPicks, TRIES } from "./arena.js";
import { takenOf } from "./take.js";

export const GAME_CSS = `
.finding,.detail{contain:none}
.game .detail{margin-bottom:12px!important}
.game .controls{grid-template-columns:minmax(96px,1fr) auto auto}
.game .text{max-height:none}
.tok.missed{box-shadow:inset 0 0 0 1.5px var(--mosa-pick)}
.seats{gap:8px 12px;padding-bottom:12px}
.seats output{font-weight:600;min-width:88px}
.rivals{display:block;margin:12px 0}
.narrow.game .controls{display:flex;flex-wrap:wrap}
.narrow.game .controls>:first-child{width:100%}
.narrow.game .finding{min-height:72px}
.narrow.game .detail{min-height:60px}
.narrow.game .readout{min-height:60px}
@media print{.game .controls,.game .seats,.game footer .row{display:none!important}}
`;

/**
 * @param {import("./controller.js").RouterGame} game
 * @param {string} id Of the finding.
 */
export function buildGame(game, id) {
  const { texts, config } = game.data;
  const select = html("select", { "aria-label": "Text" }, ...texts.map((/** @type {Record<string, string>} */ { name, title }) => html("option", { value: name }, title)));
  select.addEventListener("change", () => game.change({ text: select.value }));
  const layers = Object.fromEntries(Array.from({ length: config.n_layers }, (_, layer) => [layer, `${layer}`]));
  const layer = segmentField("Layer", layers, (layer) => game.change({ layer: Number(layer) }));
  const number = html("output");
  const heads = config.n_sparse_heads;
  const turner = html("div", { class: "segments", role: "group", "aria-label": "Head" }, button("‹", () => game.turn(-1), { class: "seg", "aria-label": "Previous head" }), number, button("›", () => game.turn(1), { class: "seg", "aria-label": "Next head" }));
  const list = html("div", { class: "text", role: "listbox", "aria-label": "Tokens", "aria-multiselectable": "true", dir: "auto" });
  list.addEventListener("click", (event) => game.toggle(chipOf(event)));
  list.addEventListener("keydown", (event) => game.press(event));
  const count = html("output");
  const hint = button("Show the router's", () => game.change({ hint: !game.state.hint }));
  const seats = [
    count,
    button("Clear", () => game.change({ picks: [] })),
    button("Router's picks", () => game.change({ picks: null })),
    button("Random picks", () => game.change({ picks: randomPicks(++game.seed, game.arena.tokens.length, game.arena.trained.length) })),
    button("Best found", () => game.change({ picks: game.arena.found.picks })),
    hint,
  ];
  const readout = html("div", { class: "readout" });
  const drawing = svg("svg", { role: "img", class: "rivals" });
  const banner = bannerPanel(() => void game.work());
  const search = button(`Try ${TRIES} swaps`, () => game.seek());
  const frame = figureFrame({
    id,
    kind: "game",
    name: "Be the router",
    controls: [labelled("Text", select), layer.node, labelled(`Head of ${heads}`, turner)],
    parts: [banner.node, html("div", { class: "pad text-block" }, list), html("div", { class: "pad row wrap seats" }, ...seats), readout, html("div", { class: "pad" }, drawing)],
    buttons: [search],
    note: `A token enters with the gate that the router gives it, whoever picks it. Swaps are kept if the loss of this very text falls: no router could know that. One text is a small sample. ${game.data.about}`,
    turn: () => game.change({ view: game.state.view === "table" ? "figure" : "table" }),
    fragment: () => game.fragment(),
    taken: () => takenOf(game),
  });
  return { frame, select, layer, number, list, count, hint, readout, drawing, banner, search };
}
