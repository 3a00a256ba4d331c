"""The decode theatre: a text is read token by token, and the caches of the heads fill."""

import json
from collections.abc import Sequence
from html import escape
from typing import Any

import traitlets

from mosa_edu.checks import require
from mosa_edu.head_kinds import HEAD_KINDS, kinds
from mosa_edu.records.decode_trace import DecodingStory
from mosa_edu.viz.assets import module_text
from mosa_edu.viz.components.finding import token_labels
from mosa_edu.viz.components.widgets import Component

RULES = {name: HEAD_KINDS[name].label.capitalize() for name in kinds(capacity="variable")}
_TRAINED = {"mosa": "the paper's rule, which sees the whole text", **RULES}
_HEADINGS = ("Step", "Token", "Heads that take it", "No slot left", "Slots", "Bytes")


class DecodeTheatre(Component):
    """Who is admitted at each step of a decoding, and what the cache holds after it.

    Parameters
    ----------
    stories : DecodingStory or sequence of DecodingStory
        What to play, as `generation.decode_trace.tell_decoding` records it; one a rule, all of
        the same weights.

    Attributes
    ----------
    rule : str
        Which story is shown.
    step : int
        After which token. Setting them changes the figure; a step past the end is the last.
    """

    component = "decode-trace"
    _esm = module_text("decode_trace")
    data = traitlets.Dict().tag(sync=True)
    kernel = traitlets.Bool(True).tag(sync=True)
    rule = traitlets.Unicode("").tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)

    def __init__(self, stories: DecodingStory | Sequence[DecodingStory]) -> None:
        told = [stories] if isinstance(stories, DecodingStory) else list(stories)
        require(len(told) > 0, "stories", "none", "at least one story")
        self._stories = {story.rule: story for story in told}
        rules = [story.rule for story in told]
        require(len(self._stories) == len(told), "stories", rules, "of different rules")
        first = told[0]
        for story in told:
            same = story.model == first.model
            require(same, "stories", story.rule, f"of one model, {first.model['name']!r}")
        stored = [json.loads(story.to_json()) for story in told]
        for values in stored:
            del values["provenance"]
        data = {"stories": stored, "about": _about(first)}
        super().__init__(data=data, rule=first.rule, step=len(first.tokens) - 1)

    def __repr__(self) -> str:
        return f"DecodeTheatre({sorted(self._stories)}, rule={self.rule!r}, step={self.step})"

    def state(self) -> dict[str, Any]:
        """Return what the static twin draws: the first frame, or what Python has set since."""
        return {"data": self.data, "kernel": False, "rule": self.rule, "step": self.step}

    def fallback(self) -> str:
        """Return the finding of the last step, and a table of all."""
        return _fallback(self._stories[self.rule])

    @traitlets.validate("rule")
    def _check_rule(self, proposal: Any) -> str:
        rule = proposal["value"]
        require(rule in self._stories, "rule", rule, f"one of {sorted(self._stories)}")
        return rule


def theatre_finding(story: DecodingStory) -> str:
    """Say what the cache holds after the last token, as the page says it."""
    last, slots = len(story.tokens) - 1, story.slots()[-1]
    return f"After token {last} the cache fills {slots:,} of {story.dense_slots()[-1]:,} slots."


def _about(story: DecodingStory) -> str:
    """Say whose weights decode here, and what is counted."""
    dense = story.layers * story.dense_heads
    also = ""
    if dense:
        heads = f"{dense} dense head{'' if dense == 1 else 's'}"
        keep = "keeps" if dense == 1 else "keep"
        also = f" The {heads} {keep} every token: counted, but not drawn."
    other = "" if story.trained_rule == story.rule else "; nobody trained them for the rules here"
    return (
        f"The weights are those of {story.model['name']}, trained by "
        f"{_TRAINED.get(story.trained_rule, story.trained_rule)}{other}.{also} Grey words are the "
        f"prompt. A slot is one key and one value, {story.slot_bytes} bytes. At equal FLOPs a "
        "model has more sparse heads than it would have dense ones, and may fill more slots."
    )


def _fallback(story: DecodingStory) -> str:
    labels = token_labels([token.text for token in story.tokens])
    slots = story.slots()
    rows = []
    for t, label in enumerate(labels):
        heads = (len(story.taken[t]), len(story.refused[t]))
        cells = (t, escape(label), *heads, f"{slots[t]:,}", f"{story.bytes[t]:,}")
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    names = "".join(f'<th scope="col">{name}</th>' for name in _HEADINGS)
    return (
        f"<figure>\n<figcaption><b>{theatre_finding(story)}</b> {escape(_about(story))}"
        f"</figcaption>\n<p>{escape(story.text)}</p>\n"
        "<details><summary>All steps as a table</summary>\n<table>\n"
        f"<thead><tr>{names}</tr></thead>\n<tbody>\n"
        + "\n".join(rows)
        + "\n</tbody>\n</table>\n</details>\n</figure>"
    )
