"""Sentences of `tales` with one place where the right word is known.

Each builder returns a `Cloze`. A story is made of the texts of clozes; a later test can ask for the
same sentences, at a distance of its choice, and know the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mosa_edu.checks import require
from mosa_edu.data import tales_words as words
from mosa_edu.data.splitmix import SplitMix64
from mosa_edu.data.tales_words import Noun, Person

MAX_ATTRACTORS = 4
MAX_QUOTED = 6


@dataclass(frozen=True)
class Cloze:
    """A text with a gap, what fills it, and the nearest wrong filling.

    Attributes
    ----------
    before, answer, after : str
        Joined, they are the text.
    wrong : str
        Fits the words just before the gap, but not what stands further back.
    distance : int
        How far back: phrases, sentences or words, as the builder says.
    """

    before: str
    answer: str
    wrong: str
    after: str
    distance: int

    @property
    def text(self) -> str:
        """The text with its gap filled."""
        return self.before + self.answer + self.after


def agreement(rng: SplitMix64, distance: int) -> Cloze:
    """Say what a subject does, with `distance` nouns of the other number before the verb.

    "The lamps behind the mill near the old gate were wet with rain."
    """
    require(0 <= distance <= MAX_ATTRACTORS, "distance", distance, f"in 0..{MAX_ATTRACTORS}")
    subject = rng.choice(words.THINGS)
    plural = rng.one_in(2)
    parts = ["The ", _described(rng, subject.many if plural else subject.one)]
    for place in rng.sample(words.PLACES, distance):
        parts += [f" {rng.choice(words.NEAR)} the ", place.one if plural else place.many]
    if rng.one_in(2):
        answer, wrong = (" were", " was") if plural else (" was", " were")
        after = f" {rng.choice(words.STATES)}."
    else:
        verb = rng.choice(words.HABITS)
        right, other = (verb.many, verb.one) if plural else (verb.one, verb.many)
        answer, wrong, after = f" {right}", f" {other}", f" {verb.rest}."
    return Cloze("".join(parts), answer, wrong, after, distance)


def quotation(rng: SplitMix64, speaker: Person, distance: int) -> Cloze:
    """Let someone say `distance` sentences; the gap is the mark that closes it.

    'Ada said, "The lamp is old. We must go."'
    """
    require(1 <= distance <= MAX_QUOTED, "distance", distance, f"in 1..{MAX_QUOTED}")
    said = rng.choice(("said", "answered", "whispered", "called out", "said at last"))
    spoken = ". ".join(speech(rng) for _ in range(distance))
    return Cloze(f'{speaker.name} {said}, "{spoken}', '."', ".", "", distance)


def speech(rng: SplitMix64) -> str:
    """Return a sentence that somebody says, without its stop."""
    thing, place = rng.choice(words.THINGS), rng.choice(words.PLACES)
    return rng.choice(
        (
            f"We must be at the {place.one} before dark",
            f"I have never seen such {article(thing.one)}",
            f"The {thing.many} are {rng.choice(words.QUALITIES)}, but I like them",
            f"My brother keeps {rng.choice(words.NUMBERS)} {rng.choice(words.ANIMALS).many} there",
            f"You may have my {thing.one} if you want it",
            f"Nobody goes to the {place.one} any more",
            f"I am too {rng.choice(words.MOODS)} to talk about it",
            f"Ask the {rng.choice(words.TRADES)} at the {place.one}",
            f"There is {article(thing.one)} in my bag, and it is not mine",
        )
    )


def brackets(rng: SplitMix64, distance: int) -> Cloze:
    """Put square brackets in round ones; the gap closes the inner, `distance` things after it.

    "The basket (the round one [with a lamp and a key]) stood by the gate."
    """
    require(1 <= distance <= MAX_QUOTED, "distance", distance, f"in 1..{MAX_QUOTED}")
    thing, place = rng.choice(words.THINGS), rng.choice(words.PLACES)
    inner = series([article(noun.one) for noun in rng.sample(words.FOODS, distance)])
    before = f"The {thing.one} (the {rng.choice(words.COLOURS)} one [with {inner}"
    after = f") {rng.choice(('stood', 'lay', 'was left'))} by the {place.one}."
    return Cloze(before, "]", ")", after, distance)


def recall(
    rng: SplitMix64, people: Sequence[Person], distance: int, asked: int | None = None
) -> Cloze:
    """Tell who has which, and ask for it `distance` sentences later.

    "Ada had the red kite, and Tom had the blue one. ... The red kite belonged to Ada."
    """
    require(2 <= len(people) <= len(words.COLOURS), "people", len(people), "2 to 10 of them")
    thing = rng.choice(words.THINGS).one
    told = owners(rng, people, thing)
    between = [agreement(rng, rng.below(3)).text for _ in range(distance)]
    number = rng.below(len(people)) if asked is None else asked
    other = people[(number + 1 + rng.below(len(people) - 1)) % len(people)]
    question = f"The {told.colours[number]} {thing} belonged to"
    before = " ".join([told.text, *between, question])
    return Cloze(before, f" {people[number].name}", f" {other.name}", ".", distance)


@dataclass(frozen=True)
class Owners:
    """A sentence that says who has which, and the colours in the order of the people."""

    text: str
    colours: tuple[str, ...]


def owners(rng: SplitMix64, people: Sequence[Person], thing: str) -> Owners:
    """Return a sentence that gives everyone a thing of their own colour."""
    colours = rng.sample(words.COLOURS, len(people))
    verb = rng.choice(("had", "carried", "took", "chose"))
    first = f"{people[0].name} {verb} the {colours[0]} {thing}"
    rest = [
        f"{person.name} {verb} the {colour} one"
        for person, colour in zip(people[1:], colours[1:], strict=True)
    ]
    return Owners(f"{series([first, *rest])}.", tuple(colours))


def series(items: Sequence[str]) -> str:
    """Join items with commas and a last "and"."""
    if len(items) < 3:
        return " and ".join(items)
    return f"{', '.join(items[:-1])}, and {items[-1]}"


def article(noun: str) -> str:
    """Put "a" or "an" in front."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def counted(rng: SplitMix64, noun: Noun) -> str:
    """Return one of a noun, or a number of it."""
    if rng.one_in(2):
        return article(noun.one)
    return f"{rng.choice(words.NUMBERS)} {noun.many}"


def capital(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]


def _described(rng: SplitMix64, noun: str) -> str:
    return f"{rng.choice(words.QUALITIES)} {noun}" if rng.one_in(3) else noun
