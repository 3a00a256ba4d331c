"""The routing game: pick the tokens of one head by hand, and see what the loss says."""

from collections.abc import Mapping
from pathlib import Path

import traitlets

from mosa_edu.checks import require
from mosa_edu.records.routing_game import RoutingGameRecord
from mosa_edu.viz.components import static
from mosa_edu.viz.components.page_model import WEIGHTS_URL, live_data, traced_model
from mosa_edu.viz.components.widgets import ModelComponent, stored
from mosa_edu.viz.words import token_labels

_HEADINGS = ("Who picks", "Nats a token", "Against the router", "Picks")


class RoutingGame(ModelComponent):
    """The loss of one text while the reader picks the tokens of one head.

    `game` is what to draw first, as `mosa_edu.probes.routing_game` records it. Readers may play on
    `texts`, by title; the book's six if they are not given, the record's own first. `model` is the
    file of the model; the shipped one if it is not given and the record is of it. Setting `layer`,
    `head` and `picks` (ascending; None while a page works out the router's) changes the figure.
    """

    component = "routing-game"
    studied = ("layer", "head", "picks")
    layer = traitlets.Int(0).tag(sync=True)
    head = traitlets.Int(0).tag(sync=True)
    picks = traitlets.List(traitlets.Int(), allow_none=True).tag(sync=True)

    def __init__(
        self,
        game: RoutingGameRecord,
        texts: Mapping[str, str] | None = None,
        model: str | Path | None = None,
        *,
        weights_url: str | None = WEIGHTS_URL,
    ) -> None:
        self._game = game
        first = traced_model(model, game.model["sha256"])
        shape = {"n_layers": game.layer + 1, "n_sparse_heads": game.head + 1}
        data = live_data(game, texts, first, weights_url, shape)
        layers, heads = data["config"]["n_layers"], data["config"]["n_sparse_heads"]
        inside = game.layer < layers and game.head < heads
        require(inside, "game", f"L{game.layer}·H{game.head}", f"within {(layers, heads)}")
        picks = list(game.trained)
        data = {**data, "contest": stored(game)}
        super().__init__(data, first, layer=game.layer, head=game.head, picks=picks)

    def fallback(self) -> str:
        """Return everybody's loss."""
        game = self._game
        labels = token_labels([token.text for token in game.tokens])
        rows = [
            (
                who,
                f"{loss:.4f}",
                f"{loss - game.trained_loss:+.4f}",
                " ".join(labels[t] for t in own),
            )
            for who, loss, own in (
                ("Trained router", game.trained_loss, game.trained),
                (f"Random, mean of {len(game.random_losses)}", game.random_loss(), ()),
                ("Head off", game.off_loss, ()),
                (f"Best of {game.tries} swaps", game.found_loss, game.found),
            )
        ]
        where = f"layer {game.layer}, head {game.head}"
        said = f"The loss of this text by who picks the tokens of {where}."
        return static.fallback(said, _HEADINGS, rows, game.text)
