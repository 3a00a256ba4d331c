"""Be the router: pick the tokens of one head by hand, and see what the loss says."""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import traitlets

from mosa_edu.checks import require
from mosa_edu.records.routing_game import RouterContest
from mosa_edu.viz.assets import module_text
from mosa_edu.viz.components.explorer import WEIGHTS_URL, PageModel, live_data, shipped_model
from mosa_edu.viz.components.finding import token_labels
from mosa_edu.viz.components.widgets import Component

_HEADINGS = ("Who picks", "Nats a token", "Against the router", "Picks")


class BeTheRouter(Component):
    """The loss of one text while the reader picks the tokens of one head.

    Parameters
    ----------
    contest : RouterContest
        What to draw first, as `mosa_edu.probes.routing_game.router_contest` records it.
    texts : mapping of str to str, optional
        Texts by title that readers may play on; the book's six if they are not given. The
        contest's own comes first.
    model : str or Path, optional
        File of the model, as `save_page_model` wrote it. If it is not given: the shipped model,
        if the contest is of it.
    weights_url : str, optional
        Where a built page finds the model file, from its root.

    Attributes
    ----------
    layer, head : int
        The head that is played.
    picks : list of int or None
        What the reader has picked, ascending; None while a page works out what the router would.
        Setting them changes the figure.
    """

    component = "routing-game"
    _esm = module_text("routing_game")
    data = traitlets.Dict().tag(sync=True)
    layer = traitlets.Int(0).tag(sync=True)
    head = traitlets.Int(0).tag(sync=True)
    picks = traitlets.List(traitlets.Int(), allow_none=True).tag(sync=True)
    wants_weights = traitlets.Bool(False).tag(sync=True)
    weights = traitlets.Bytes(b"").tag(sync=True)

    def __init__(
        self,
        contest: RouterContest,
        texts: Mapping[str, str] | None = None,
        model: str | Path | None = None,
        *,
        weights_url: str | None = WEIGHTS_URL,
    ) -> None:
        self._contest = contest
        shipped = shipped_model(contest.model["sha256"])
        self._model = shipped if model is None else PageModel.read(model)
        config = {"n_layers": contest.layer + 1, "n_sparse_heads": contest.head + 1}
        data = live_data(contest.model, contest.text, texts, self._model, weights_url, config)
        shape = (data["config"]["n_layers"], data["config"]["n_sparse_heads"])
        inside = contest.layer < shape[0] and contest.head < shape[1]
        require(inside, "contest", f"L{contest.layer}·H{contest.head}", f"within {shape}")
        stored = json.loads(contest.to_json())
        del stored["provenance"]  # of the machine: a notebook's output would differ from run to run
        live = {**data, "contest": stored, "kernel": self._model is not None}
        picks = list(contest.trained)
        super().__init__(data=live, layer=contest.layer, head=contest.head, picks=picks)

    def __repr__(self) -> str:
        shown = f"layer={self.layer}, head={self.head}, picks={len(self.picks or ())}"
        return f"BeTheRouter({self._contest.model['name']!r}, {shown})"

    def state(self) -> dict[str, Any]:
        """Return what the static twin draws: the first frame."""
        return {"data": {**self.data, "kernel": False}}

    def fallback(self) -> str:
        """Return the finding and a table of everybody's loss."""
        return _fallback(self._contest)

    @traitlets.observe("wants_weights")
    def _send_weights(self, change: Any) -> None:
        if change["new"] and self._model is not None and not self.weights:
            self.weights = self._model.path.read_bytes()


def router_finding(contest: RouterContest) -> str:
    """Say what the router's own picks come to, as the page's first frame says it."""
    k, loss = len(contest.trained), contest.trained_loss
    return f"These are the router's own {k} picks: {loss:.3f} nats a token."


def _fallback(contest: RouterContest) -> str:
    labels = token_labels([token.text for token in contest.tokens])
    rows = [
        ("Trained router", contest.trained_loss, contest.trained),
        (f"Random, mean of {len(contest.random_losses)}", contest.random_loss(), ()),
        ("Head off", contest.off_loss, ()),
        (f"Best of {contest.tries} swaps", contest.found_loss, contest.found),
    ]
    body = ""
    for who, loss, picks in rows:
        words = escape(" ".join(labels[t] for t in picks))
        cells = (who, f"{loss:.4f}", f"{loss - contest.trained_loss:+.4f}", words)
        body += "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"
    names = "".join(f'<th scope="col">{name}</th>' for name in _HEADINGS)
    return (
        f"<figure>\n<figcaption><b>{router_finding(contest)}</b> Layer {contest.layer}, head "
        f"{contest.head}.</figcaption>\n<p>{escape(contest.text)}</p>\n"
        f"<table>\n<thead><tr>{names}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n</figure>"
    )
