/**
 * What a reader takes along from the game: its table, a cell of Python, a picture.
 * @module
 */

import { pythonString } from "../explorer/export.js";
import { signed } from "../format.js";
import { LIGHT } from "../palette.js";
import { cardPicture, PICTURE_WIDTH } from "../take_along.js";
import { drawRivals, rivalsOf } from "./drawing.js";

/** @typedef {import("./controller.js").RouterGame} Game */

/** @param {Game} game @returns {string[][]} Headings, and a row a rival. */
export function rivalRows({ arena, picks, yours, labels }) {
  const own = { you: picks, trained: arena.trained, random: [], off: [], found: arena.found.picks };
  const lines = rivalsOf(arena, yours).map(({ name, loss, mark }) => [
    name,
    loss === null ? "" : loss.toFixed(4),
    loss === null ? "" : signed(loss - arena.trainedLoss, 4),
    own[mark].map((t) => labels[t]).join(" "),
  ]);
  return [["Who picks", "Nats a token", "Against the router", "Picks"], ...lines];
}

/** @param {Game} game @returns {import("../take_along.js").Taken} */
export function takenOf(game) {
  const { arena, picks, frame, data, labels, yours } = game;
  const { layer, head, tokens } = arena;
  const text = tokens.map((own) => own.text).join("");
  const python = () => `import mosa_edu
from mosa_edu.probes.hand_picks import loss_with_picks

model, tokenizer = mosa_edu.load_pretrained(${pythonString(data.model)})
text = ${pythonString(text)}
ids = tokenizer.encode(text)
mine = loss_with_picks(model, ids, ${layer}, ${head}, [${picks.join(", ")}])
trained = loss_with_picks(model, ids, ${layer}, ${head}, None)
print(f"{mine:.3f} with these picks, {trained:.3f} with the router's")
`;
  const picture = () => {
    const { nodes, height } = drawRivals(rivalsOf(arena, yours), PICTURE_WIDTH, LIGHT);
    const kept = `Picked: ${picks.map((t) => labels[t]).join(" ")}`;
    const caption = [frame.detail.textContent ?? "", kept, text, data.about, `#${game.fragment()}`];
    return cardPicture(frame.finding.textContent ?? "", nodes, height, caption);
  };
  return { name: `mosa-router-${layer}-${head}`, python, picture, rows: () => rivalRows(game) };
}
