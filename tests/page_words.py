"""What the page says, word for word: the reference that its scripts are tested against."""

from dataclasses import dataclass

from mosa_edu.costs import kept_tokens
from mosa_edu.viz.words import (
    SPACES,
    continues_word,
    kind_that_stands_out,
    load_kinds,
    token_kinds,
    token_labels,
)

PERCENT = "\N{NO-BREAK SPACE}%"


@dataclass(frozen=True)
class Said:
    """The sentence in three parts, a second line, the kind that is named and its picks."""

    who: str
    keeps: str
    what: str
    detail: str
    kind: str | None
    count: int

    @property
    def sentence(self):
        return self.who + self.keeps + self.what


def describe(texts, layer, head, picks, ranked):
    T, k = len(texts), len(picks)
    who = f"Layer {layer}, head {head} "
    if k == 0:
        return Said(who, "keeps no token", ".", "", None, 0)
    if k == T:
        keeps = "keeps the only token" if T == 1 else f"keeps all {T} tokens"
        return Said(who, keeps, ".", "Nothing is left out.", None, 0)
    keeps, labels = f"keeps {k} of {T} tokens", token_labels(texts)
    key, count = kind_that_stands_out(texts, picks)
    if key is None:
        what = f", first of all {labels[ranked[0]]}." if ranked else "."
        return Said(who, keeps, what, _without_kind(labels, picks, ranked), None, 0)
    kind = next(kind for kind in load_kinds() if kind["key"] == key)
    kinds = token_kinds(texts)
    others = [labels[position] for position in picks if key not in kinds[position]]
    number = "all" if count == k > 1 else str(count)
    what = f": {number} {kind['one' if count == 1 else 'many']}."
    in_text = sum(key in own for own in kinds)
    rounded = (200 * in_text + T) // (2 * T)  # halves up
    share = f"{rounded}{PERCENT}" if rounded else f"less than 1{PERCENT}"
    detail = f"{kind['share']} are {share} of the text."
    if len(others) == 1:
        detail += f" The other pick: {others[0]}."
    elif 1 < len(others) <= 7:
        detail += f" The other {len(others)} picks: {', '.join(others)}."
    return Said(who, keeps, what, detail, key, count)


def _without_kind(labels, picks, ranked):
    if not ranked:
        shown = [labels[position] for position in picks[:8]]
        return f"Its picks: {', '.join(shown)}{', …' if len(picks) > len(shown) else '.'}"
    following = [labels[position] for position in ranked[1:5]]
    return f"Next in its ranking: {', '.join(following)}." if following else ""


def said_of(trace, layer, head):
    """What the page says of a head of a trace."""
    picks = trace.selected(layer, head).tolist()
    texts = [token.text for token in trace.tokens]
    return describe(texts, layer, head, picks, ranked_picks(trace, layer, head))


def ranked_picks(trace, layer, head):
    """Picks from the highest score to the lowest; none where all scores are equal."""
    picks = trace.selected(layer, head)
    scores = trace.scores[layer, head, picks]
    if (scores == scores[:1]).all():
        return []
    return [t for t in trace.order[layer, head].tolist() if t in set(picks.tolist())]


def word_around(texts, position):
    """What stands before a piece in its word, the piece, what stands after."""
    first, last = position, position
    while continues_word(texts, first):
        first -= 1
    while continues_word(texts, last + 1):
        last += 1
    before = "".join(texts[first:position]).lstrip(SPACES)
    piece = token_labels(texts[position : position + 1])[0]
    return [before, piece, "".join(texts[position + 1 : last + 1])]


def said_by_scrubber(history, layer, head):
    """After the last step."""
    k = history.indices.shape[3]
    shared = round(float(history.overlap_with_last()[0, layer, head]) * k)
    who = f"By step {history.steps[-1]:,} head L{layer}·H{head}"
    return f"{who} has changed {k - shared or 'none'} of its {k} picks."


def said_by_zoo(trace, layer, head):
    k = kept_tokens(trace.T, trace.sparsity)
    pairs, whole = (n * (n + 1) // 2 for n in (k, trace.T))
    return f"L{layer}·H{head} picks {pairs:,} of {whole:,} pairs from the whole text."


def said_by_decoding(decoding):
    """After the last token."""
    last, slots, dense = len(decoding.tokens) - 1, decoding.slots()[-1], decoding.dense_slots()[-1]
    return f"After token {last} the cache fills {slots:,} of {dense:,} slots."


def said_by_game(game):
    """Before anybody has picked."""
    k, loss = len(game.trained), game.trained_loss
    return f"These are the router's own {k} picks: {loss:.3f} nats a token."


def said_by_probe(example):
    picks, predictions = sum(example.rewritten()), sum(example.changed)
    rewrites = f"{picks:,} pick{'' if picks == 1 else 's'}" if picks else "no pick"
    what = f"{predictions or 'none'} of its {example.cut} predictions changed"
    if example.cut == 1:
        what = f"its one prediction {'changed' if predictions else 'stays as it was'}"
    return f"A new future rewrites {rewrites} in the past; {what}."
