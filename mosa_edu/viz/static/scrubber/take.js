/**
 * What a reader takes along from the scrubber: a cell of Python, a picture, all recorded picks.
 * @module
 */

import { pythonString } from "../explorer/export.js";
import { LIGHT } from "../palette.js";
import { cardPicture, PICTURE_WIDTH } from "../take_along.js";
import { drawScrub } from "./drawing.js";

/** @param {import("./controller.js").TrainingScrubber} scrubber @returns {import("../take_along.js").Taken} */
export function takenOfScrub(scrubber) {
  const { history, state, finding, detail, data } = scrubber;
  const { stop, layer, head } = state;
  const { steps, losses, labels, layers, heads } = history;
  const name = data.histories.find((own) => own.name === state.text)?.recorded;
  const lines = [
    "from mosa_edu.results import recorded_history",
    "",
    `history = recorded_history(${pythonString(name ?? "")})`,
    `picks = history.indices[${stop}, ${layer}, ${head}].tolist()`,
    `print(f"step {history.steps[${stop}]}, loss {history.losses[${stop}]:.2f}:", picks)`,
    "print([history.pieces[t] for t in picks])",
  ];
  const picture = () => {
    const { nodes, height } = drawScrub(history, state, PICTURE_WIDTH, LIGHT);
    const about = `${history.name}: layer ${layer}, head ${head} of ${layers} layers with ${heads} heads each; loss on this text.`;
    return cardPicture(finding.textContent ?? "", nodes, height, [detail.textContent ?? "", history.text, about, `#${scrubber.fragment()}`]);
  };
  const rows = () => [
    ["step", "loss", "layer", "head", "position", "token"],
    ...steps.flatMap((step, at) =>
      Array.from({ length: layers * heads }, (_, row) => [Math.floor(row / heads), row % heads]).flatMap(([own, other]) =>
        history.picks(at, own, other).map((t) => [step, losses[at], own, other, t, labels[t]]),
      ),
    ),
  ];
  return { name: `mosa-training-${state.text}-${steps[stop]}`, python: name ? () => `${lines.join("\n")}\n` : null, picture, rows };
}
