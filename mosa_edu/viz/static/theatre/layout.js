/**
 * Builds the card of the theatre, and what a reader takes along from it.
 * @module
 */

import { segmentField } from "../card.js";
import { chipOf } from "../chips.js";
import { button, html, svg } from "../dom.js";
import { pythonString } from "../explorer/export.js";
import { figureFrame } from "../frame.js";
import { LIGHT } from "../palette.js";
import { cardPicture, PICTURE_WIDTH } from "../take_along.js";
import { drawTheatre } from "./drawing.js";
import { DECODING_RULES } from "./story.js";

/** @typedef {import("./controller.js").DecodeTheatre} Theatre */

export const THEATRE_CSS = `
.finding,.detail{contain:none}
.theatre .detail{min-height:40px;margin-bottom:12px!important}
.theatre .controls{grid-template-columns:auto 1fr;align-items:end}
.theatre .controls .row{justify-content:flex-end}
.theatre .text{max-height:none}
.theatre .tok.given{color:var(--mosa-ink2)}
.theatre .tok.unread{visibility:hidden}
.theatre .stage{position:relative;margin:8px 0}
.theatre .stage svg{display:block}
.theatre .stage .slider{position:absolute;top:98px}
.theatre .slider input::-webkit-slider-thumb{border-color:var(--mosa-cursor)}
.theatre .slider input::-moz-range-thumb{border-color:var(--mosa-cursor)}
.marks{display:flex;flex-wrap:wrap;gap:4px 16px;padding-bottom:12px}
.marks i{display:inline-block;width:14px;height:4px;margin:0 3px 2px 0;background:var(--mosa-quiet)}
.marks .now{background:var(--mosa-pick)}
.marks .dense{background:var(--mosa-rule)}
.marks b{color:var(--mosa-cursor-text)}
.narrow.theatre .controls{grid-template-columns:1fr}
.narrow.theatre .segments{display:flex}
.narrow.theatre .segments>*{flex:1 1 auto;padding:6px 4px;font-size:12px}
.narrow.theatre .finding{min-height:72px}
.narrow.theatre .detail{min-height:80px}
.narrow.theatre .stage .slider{top:92px}
@media print{.theatre .controls,.theatre .stage .slider,.theatre footer .row{display:none!important}}
`;

/**
 * @param {Theatre} theatre
 * @param {string} id Of the finding.
 */
export function buildTheatre(theatre, id) {
  const names = Object.fromEntries([...theatre.stories.keys()].map((rule) => [rule, DECODING_RULES[rule] ?? rule]));
  const rule = segmentField("Rule", names, (rule) => theatre.change({ rule }));
  const step = (/** @type {string} */ key) => () => theatre.press(key);
  const player = button("Play", () => theatre.play(), { "aria-pressed": "false" });
  const buttons = [button("‹ Step", step("ArrowLeft")), player, button("Step ›", step("ArrowRight"))];
  const list = html("div", { class: "text", role: "listbox", "aria-label": "Tokens", dir: "auto" });
  list.addEventListener("click", (event) => chipOf(event) >= 0 && theatre.change({ step: chipOf(event) }));
  const drawing = svg("svg", { role: "img" });
  const range = html("input", { type: "range", min: 0, step: 1, "aria-label": "Token" });
  range.addEventListener("input", () => theatre.change({ step: Number(range.value) }));
  const slider = html("span", { class: "slider", style: "--fill:0" }, range);
  const mark = (/** @type {string} */ name, /** @type {string} */ words) => html("span", {}, html("i", { class: name }), words);
  const marks = [mark("kept", "slots that a head has filled"), mark("now", "filled at this step"), html("span", {}, html("b", {}, "✕ "), "wanted it, no slot left"), mark("dense", "what a dense head would hold")];
  const frame = figureFrame({
    id,
    kind: "theatre",
    name: "Decode theatre",
    controls: [rule.node, html("div", { class: "row" }, ...buttons)],
    parts: [
      html("div", { class: "pad text-block" }, list),
      html("div", { class: "pad" }, html("div", { class: "stage" }, drawing, slider), html("p", { class: "note marks" }, ...marks)),
    ],
    buttons: [],
    note: theatre.data.about,
    turn: () => theatre.change({ view: theatre.state.view === "table" ? "figure" : "table" }),
    fragment: () => theatre.fragment(),
    taken: () => takenOfTheatre(theatre),
  });
  return { frame, rule, list, drawing, range, slider, player };
}

/** @param {Theatre} theatre @returns {import("../take_along.js").Taken} */
function takenOfTheatre(theatre) {
  const { state, story, data, frame } = theatre;
  const { model, prompt } = data.stories.find(({ rule }) => rule === state.rule) ?? {};
  const name = pythonString(model.name);
  const lines = [
    "import json",
    "",
    "import mosa_edu",
    "from mosa_edu.generation.story import tell_decoding, under_rule",
    "from mosa_edu.pretrained import pretrained_path, read_metadata",
    "",
    `model, tokenizer = mosa_edu.load_pretrained(${name})`,
    `thresholds = json.loads(read_metadata(pretrained_path(${name}))["thresholds"])`,
    `causal = under_rule(model, ${pythonString(state.rule)}, thresholds)`,
    `prompt = ${pythonString(story.texts.slice(0, prompt).join(""))}`,
    `story = tell_decoding(causal, tokenizer, prompt, ${story.last + 1 - prompt})`,
    `print(story.slots()[${state.step}], "slots,", story.bytes[${state.step}], "bytes")`,
  ];
  const python = () => `${lines.join("\n")}\n`;
  const picture = () => {
    const { nodes, height } = drawTheatre(story, state.step, PICTURE_WIDTH, LIGHT);
    const caption = [frame.detail.textContent ?? "", story.texts.slice(0, state.step + 1).join(""), data.about, `#${theatre.fragment()}`];
    return cardPicture(frame.finding.textContent ?? "", nodes, height, caption);
  };
  return { name: `mosa-decoding-${state.rule}`, python, picture, rows: () => story.rows() };
}
