"""The explorer without scripts: the text, the scores of one head, a table of all its numbers."""

from html import escape

from mosa_edu.records import RoutingTrace
from mosa_edu.viz.finding import finding
from mosa_edu.viz.style import LIGHT, MONO, SANS
from mosa_edu.viz.tokens import token_labels

WIDTH = 726
_LINE = 26
_CELL = 8.4  # width of a 14 px monospaced character
_CHART = 110
_HEADINGS = ("Rank", "Position", "Token", "Score", "Margin to cut", "Picked", "Heads")


def fallback_html(trace: RoutingTrace, layer: int, head: int) -> str:
    """Return what a reader without scripts sees of a head.

    Parameters
    ----------
    trace : RoutingTrace
        Any trace.
    layer, head : int
        Which head.

    Returns
    -------
    str
        HTML: the finding, an SVG of text and scores, and a table.
    """
    found = finding(trace, layer, head)
    caption = f"<b>{escape(found.sentence)}</b> {escape(found.detail)}"
    return (
        f"<figure>\n<figcaption>{caption}</figcaption>\n"
        f"{_picture(trace, layer, head, found.sentence)}\n"
        f"<details><summary>All tokens as a table</summary>\n{_table(trace, layer, head)}\n"
        "</details>\n</figure>"
    )


def _colour(name: str) -> str:
    """Return a colour that follows the page's theme where the page has one."""
    return f"var(--mosa-{name.replace('_', '-')},{getattr(LIGHT, name)})"


def _picture(trace: RoutingTrace, layer: int, head: int, sentence: str) -> str:
    text, height = _text(trace, layer, head)
    chart = _chart(trace, layer, head, height + 12)
    total = height + 12 + _CHART
    return (
        f'<svg viewBox="0 0 {WIDTH} {total}" width="100%" role="img" '
        f'aria-label="{escape(sentence)}" style="max-width:{WIDTH}px">\n'
        f"<g font-family='{MONO}' font-size='14'>{text}</g>\n"
        f"<g font-family='{SANS}' font-size='11'>{chart}</g>\n</svg>"
    )


def _text(trace: RoutingTrace, layer: int, head: int) -> tuple[str, int]:
    """Lay the tokens out in lines, picks in reverse; return the marks and their height."""
    kept = set(trace.picks(layer, head).tolist())
    labels = token_labels([token.text for token in trace.tokens])
    x, y, parts = 0.0, 0, []
    for position, token in enumerate(trace.tokens):
        body = token.text.strip() or labels[position]
        lead = _CELL if token.text.startswith(" ") and x else 0.0
        width = _CELL * len(body)
        x, y = (0.0, y + _LINE) if x + lead + width > WIDTH else (x + lead, y)
        ink = "ink"
        if position in kept:
            ink = "pick_ink"
            box = f'x="{x - 2:.1f}" y="{y + 3}" width="{width + 4:.1f}" height="20" rx="4"'
            parts.append(f'<rect {box} style="fill:{_colour("pick")}"/>')
        place = f'x="{x:.1f}" y="{y + 18}" textLength="{width:.1f}"'
        parts.append(f'<text {place} style="fill:{_colour(ink)}">{escape(body)}</text>')
        x += width
        if "\n" in token.text:
            x, y = 0.0, y + _LINE
    return "".join(parts), y + _LINE


def _chart(trace: RoutingTrace, layer: int, head: int, top: int) -> str:
    """Draw one dot a token by its score, and the score of the last token in."""
    scores = trace.router_scores()[layer, head]
    kept = set(trace.picks(layer, head).tolist())
    bottom, highest = top + _CHART - 8, max(float(scores.max()), 1e-6)
    step = min((WIDTH - 106) / trace.T, 24)

    def level(score: float) -> float:
        return bottom - (_CHART - 24) * score / highest

    parts = []
    for position, score in enumerate(scores.tolist()):
        fill = "pick" if position in kept else "ground"
        stroke = "pick" if position in kept else "quiet"
        radius = 3.5 if position in kept else 2
        x = 58 + (position + 0.5) * step
        style = f"fill:{_colour(fill)};stroke:{_colour(stroke)}"
        parts.append(f'<circle cx="{x:.1f}" cy="{level(score):.1f}" r="{radius}" style="{style}"/>')
    cut = float(min(scores[position] for position in kept)) if kept else 0.0
    end, y = 58 + trace.T * step, level(cut)
    parts.append(f'<path d="M58 {y:.1f}H{end:.1f}" style="stroke:{_colour("ink")}"/>')
    label = f"{cut:.3f}".removeprefix("0")
    parts.append(
        f'<text x="{end + 6:.1f}" y="{y + 4:.1f}" style="fill:{_colour("ink")}">{label}</text>'
    )
    return "".join(parts)


def _table(trace: RoutingTrace, layer: int, head: int) -> str:
    """List every token in order of its score."""
    scores = trace.router_scores()[layer, head]
    kept = set(trace.picks(layer, head).tolist())
    cut = min((float(scores[position]) for position in kept), default=0.0)
    labels = token_labels([token.text for token in trace.tokens])
    heads = trace.heads_per_token()
    rows = []
    for rank, position in enumerate(trace.order[layer, head].tolist(), start=1):
        score = float(scores[position])
        picked = "yes" if position in kept else "no"
        label = escape(labels[position])
        cells = (rank, position, label, f"{score:.3f}", f"{score - cut:+.3f}", picked)
        line = "".join(f"<td>{cell}</td>" for cell in (*cells, heads[position]))
        rows.append(f"<tr>{line}</tr>")
    names = "".join(f'<th scope="col">{name}</th>' for name in _HEADINGS)
    caption = f"Layer {layer}, head {head}: every token, in order of the router's score"
    return (
        f"<table>\n<caption>{caption}</caption>\n<thead><tr>{names}</tr></thead>\n<tbody>\n"
        + "\n".join(rows)
        + "\n</tbody>\n</table>"
    )
