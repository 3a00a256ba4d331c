"""The corpus `cloze`: `stories` with paragraphs whose last word only a distant cue tells.

Who reads only the last few words of `stories` is seldom wrong: the noun before a verb always has
the other number, and what stands in quotation marks never stands outside. Here every item has two
beginnings that differ in one early place, the cue, and for each the ending that belongs to it.
Everything after the cue is the same in both: whoever has lost it is right half of the time.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mosa_edu.checks import require
from mosa_edu.data import stories as words
from mosa_edu.data.documents import Corpus, Document
from mosa_edu.data.stories import SplitMix64, agreement, article, series, speech, tell, tell_all

ASKED = 1 << 32
"""Seeds from here on are of questions that are asked; those of stories are far below."""


@dataclass(frozen=True)
class Cloze:
    """Two beginnings, alike but for the cue, and two endings.

    Each ending is right after the beginning of its own place and wrong after the other one. What
    follows in a story is `after`.
    """

    beginnings: tuple[str, str]
    endings: tuple[str, str]
    after: str


@dataclass(frozen=True)
class Kind:
    """A kind of question: how it is made, and how much may stand between cue and ending.

    What is counted there is named by `unit`, in the plural.
    """

    make: Callable[[SplitMix64, int], Cloze]
    distances: tuple[int, ...]
    unit: str


def verb_number(rng: SplitMix64, distance: int) -> Cloze:
    """Ask for the verb of a subject, `distance` phrases with nouns of either number after it.

    "The lamp behind the mills near the gate" was; "The lamps behind the mills near the gate" were.
    """
    subject = rng.choice(words.THINGS)
    phrases = [
        f" {rng.choice(words.NEAR)} the {place[rng.below(2)]}"
        for place in rng.sample(words.PLACES, distance)
    ]
    one, many = (f"The {noun}{''.join(phrases)}" for noun in subject)
    return Cloze((one, many), (" was", " were"), f" {rng.choice(words.STATES)}.")


def closing_quote(rng: SplitMix64, distance: int) -> Cloze:
    """Ask whether a quotation is still open, `distance` sentences after it could have closed.

    'Ada said, "We must go. The lamp is old. That was all' ."; 'Ada said, "We must go." The lamp is
    old. That was all' .
    """
    speaker, first = rng.choice(words.PEOPLE), speech(rng)
    rest = ". ".join([*(speech(rng) for _ in range(distance)), "That was all"])
    said = f'{speaker.name} said, "{first}'
    return Cloze((f"{said}. {rest}", f'{said}." {rest}'), ('."', "."), "")


def closing_bracket(rng: SplitMix64, distance: int) -> Cloze:
    """Ask which bracket is open, `distance` things after it.

    "The box [with a pear and an egg" ]; "The box (with a pear and an egg" ).
    """
    thing, place = rng.choice(words.THINGS).one, rng.choice(words.PLACES).one
    nouns = rng.sample((*words.FOODS, *words.THINGS), distance)
    inside = series([article(noun.one) for noun in nouns])
    square, round_ = (f"The {thing} {bracket}with {inside}" for bracket in "[(")
    return Cloze((square, round_), ("]", ")"), f" stood by the {place}.")


def told_way(rng: SplitMix64, distance: int) -> Cloze:
    """Ask for one of two words, `distance` sentences after it was told.

    "Ada went east from the mill. ... The way from the mill goes" east; after west, west.
    """
    person, place = rng.choice(words.PEOPLE).name, rng.choice(words.PLACES).one
    between = "".join(f" {agreement(rng, rng.below(3))}" for _ in range(distance))
    question = f"The way from the {place} goes"
    first, second = (
        f"{person} went {way} from the {place}.{between} {question}" for way in ("east", "west")
    )
    return Cloze((first, second), (" east", " west"), ".")


KINDS: dict[str, Kind] = {
    "agreement": Kind(verb_number, (1, 2, 4, 8, 16), "phrases"),
    "quotes": Kind(closing_quote, (1, 2, 4, 8, 16), "sentences"),
    "brackets": Kind(closing_bracket, (2, 4, 8, 16, 32), "things"),
    "recall": Kind(told_way, (0, 2, 4, 8, 14), "sentences"),
}
"""By name, in the order of tables."""


def load_cloze(n_stories: int = words.N_STORIES, seed: int = 0) -> Corpus:
    """Generate stories with a question of every kind; every twentieth story is held out.

    The first stories of a larger corpus are the smaller one.
    """
    return tell_all("cloze", tell_cloze, n_stories, seed, ~seed)


def tell_cloze(rng: SplitMix64) -> Document:
    """Tell one story with a cloze of every kind, answered rightly, after its paragraphs."""
    story = tell(rng)
    paragraphs = story.text.split("\n\n")
    for kind in rng.sample(list(KINDS.values()), len(KINDS)):
        cloze, which = kind.make(rng, rng.choice(kind.distances)), rng.below(2)
        told = cloze.beginnings[which] + cloze.endings[which] + cloze.after
        paragraphs.insert(1 + rng.below(len(paragraphs)), told)
    return Document(story.title, "\n\n".join(paragraphs))


def ask(name: str, distance: int, count: int) -> list[Cloze]:
    """Return questions of one kind at one distance that no story tells, always the same ones.

    Two sentences stand before each, the same before both beginnings: alone, the shortest would be
    shorter than any text in training. A longer list begins with the shorter.
    """
    require(name in KINDS, "name", name, f"one of {', '.join(KINDS)}")
    kind = KINDS[name]
    require(distance in kind.distances, "distance", distance, f"one of {kind.distances}")
    seed = ASKED + 1000 * list(KINDS).index(name) + distance
    return [_asked(SplitMix64.for_item(seed, number), kind, distance) for number in range(count)]


def _asked(rng: SplitMix64, kind: Kind, distance: int) -> Cloze:
    before = " ".join(agreement(rng, rng.below(3)) for _ in range(2)) + "\n\n"
    cloze = kind.make(rng, distance)
    first, second = (before + beginning for beginning in cloze.beginnings)
    return Cloze((first, second), cloze.endings, cloze.after)
