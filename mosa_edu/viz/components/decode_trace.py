"""The decode trace: a text is read token by token, and the caches of the heads fill."""

from collections.abc import Collection, Mapping, Sequence

import traitlets

from mosa_edu.checks import require
from mosa_edu.head_kinds import HEAD_KINDS
from mosa_edu.records.decode_trace import DecodingTrace
from mosa_edu.viz.components import static
from mosa_edu.viz.components.widgets import Component, checked, stored
from mosa_edu.viz.words import token_labels

_HEADINGS = ("Step", "Token", "Heads that take it", "No slot left", "Slots", "Bytes")


class DecodeTrace(Component):
    """Who is admitted at each step of a decoding, and what the cache holds after it.

    `decodings` are what to play, one a rule, all of the same weights. Setting `rule` (which one is
    shown) and `step` (after which token; one past the end is the last) changes the figure.
    """

    component = "decode-trace"
    studied = ("rule", "step")
    rule = traitlets.Unicode("").tag(sync=True)
    step = traitlets.Int(0).tag(sync=True)
    _check = checked("rule")

    def __init__(self, decodings: DecodingTrace | Sequence[DecodingTrace]) -> None:
        given = [decodings] if isinstance(decodings, DecodingTrace) else list(decodings)
        require(len(given) > 0, "decodings", "none", "at least one")
        self._by_rule = {decoding.rule: decoding for decoding in given}
        rules = [decoding.rule for decoding in given]
        require(len(self._by_rule) == len(given), "decodings", rules, "of different rules")
        first = given[0]
        for decoding in given:
            same = decoding.model == first.model
            require(same, "decodings", decoding.rule, f"of one model, {first.model['name']!r}")
        data = {"stories": [stored(decoding) for decoding in given], "about": _about(first)}
        super().__init__(data, rule=first.rule, step=len(first.tokens) - 1)

    def allowed(self) -> Mapping[str, Collection[str]]:
        """Return the rules that were recorded."""
        return {"rule": list(self._by_rule)}

    def fallback(self) -> str:
        """Return all steps."""
        decoding = self._by_rule[self.rule]
        labels = token_labels([token.text for token in decoding.tokens])
        taken, refused = ([len(own) for own in rows] for rows in (decoding.taken, decoding.refused))
        slots = decoding.slots()
        rows = list(
            zip(range(len(labels)), labels, taken, refused, slots, decoding.bytes, strict=True)
        )
        said = f"What each step of decoding by {HEAD_KINDS[self.rule].label} adds to the cache."
        return static.fallback(said, _HEADINGS, rows, decoding.text)


def _about(decoding: DecodingTrace) -> str:
    """Say whose weights decode here, and what is counted."""
    trained = HEAD_KINDS[decoding.trained_rule].label
    return (
        f"The weights are those of {decoding.model['name']}, trained by the rule {trained}. Dense "
        "heads keep every token: counted, but not drawn. Grey words are the prompt. A slot is one "
        f"key and one value, {decoding.slot_bytes} bytes. At equal FLOPs a model has more sparse "
        "heads than it would have dense ones, and may fill more slots."
    )
