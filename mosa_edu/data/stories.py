"""The corpus `stories`: small English stories from a seed, any number, the same on every Python.

A story keeps promises a model can learn: verbs agree with subjects across phrases in between,
quotes and brackets close, a list told once is told the same later, and what belongs to whom does
not change.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from mosa_edu.checks import require
from mosa_edu.data.documents import Corpus, Document


class Person(NamedTuple):
    """A name and its pronouns."""

    name: str
    he: str
    him: str
    his: str


class Noun(NamedTuple):
    """A thing, one of it and several."""

    one: str
    many: str


class Verb(NamedTuple):
    """An action in the present, with one subject and with several, and what follows it."""

    one: str
    many: str
    rest: str


def _people(names: str, he: str, him: str, his: str) -> tuple[Person, ...]:
    return tuple(Person(name, he, him, his) for name in names.split(", "))


def _phrases(phrases: str) -> tuple[str, ...]:
    return tuple(phrases.split(", "))


def _nouns(words: str) -> tuple[Noun, ...]:
    pairs = (word.partition("/") for word in words.split(", "))
    return tuple(Noun(one, many or f"{one}s") for one, _, many in pairs)


def _verbs(phrases: str) -> tuple[Verb, ...]:
    verbs = []
    for phrase in phrases.split(", "):
        forms, _, rest = phrase.partition(" ")
        one, _, many = forms.partition("/")
        verbs.append(Verb(one, many, rest))
    return tuple(verbs)


PEOPLE = (
    *_people("Ada, Bela, Clara, Dora, Elin, Flora, Greta, Hana, Ilse, Juna", "she", "her", "her"),
    *_people("Kaya, Lena, Mila, Nora, Olga, Petra, Rosa, Sana, Tilda, Vera", "she", "her", "her"),
    *_people("Adam, Bruno, Casper, David, Emil, Felix, Georg, Hugo, Ivo", "he", "him", "his"),
    *_people("Jonas, Karim, Leo, Max, Nils, Omar, Pavel, Rafi, Simon, Tom", "he", "him", "his"),
)
TRADES = _phrases(
    "baker, potter, weaver, sailor, miller, painter, gardener, fisher, carpenter, teacher, "
    "shepherd, tailor, printer, beekeeper, glazier, smith, ferryman, musician"
)
TOWNS = _phrases(
    "in a town by the sea, in a village between two hills, in a city of bridges, "
    "in a valley full of mist, on an island in a lake, in a street of tall houses, "
    "in a harbour in the north, on a farm at the end of the road, "
    "in a village under the old castle, in a town with three wells"
)
PLACES = _nouns(
    "bridge, gate, mill, harbour, garden, tower, well, market, orchard, barn, inn, school, "
    "river, wall, path, stable, church/churches, lighthouse, meadow, square"
)
THINGS = _nouns(
    "lamp, kite, drum, basket, ladder, letter, map, ring, coin, rope, bell, mirror, bottle, "
    "blanket, candle, hammer, flute, key, book, boat, hat, chair, clock, knife/knives, "
    "brush/brushes, box/boxes, cup, stone, wheel, coat"
)
FOODS = _nouns(
    "apple, pear, egg, loaf/loaves, onion, plum, carrot, cherry/cherries, biscuit, cheese, "
    "pancake, nut, peach/peaches, turnip"
)
ANIMALS = _nouns(
    "dog, cat, goat, goose/geese, horse, crow, hen, donkey, owl, fox/foxes, sheep/sheep, "
    "duck, swallow, mouse/mice"
)
COLOURS = _phrases("red, blue, green, yellow, white, black, brown, grey, orange, silver")
QUALITIES = _phrases("old, small, heavy, broken, round, narrow, strange, quiet, tall, plain")
MOODS = _phrases("glad, tired, afraid, angry, proud, curious, sorry, calm")
NUMBERS = _phrases("two, three, four, five, six, seven, eight, nine, ten, eleven, twelve")
WEATHER = _phrases(
    "the rain had stopped, the wind had turned, a warm wind blew, the fog had lifted, "
    "thunder rolled far away, the bells were ringing, the streets were empty, "
    "the air smelled of smoke"
)
TIMES = _phrases(
    "One morning, One evening, At noon, Late in the week, On the first day of the month, "
    "Just before dark, On a market day, On the day after the feast"
)
NEAR = _phrases("near, behind, beside, under, above, beyond")
STATES = _phrases(
    "wet with rain, covered with dust, older than the town, warm from the sun, full of light, "
    "painted by hand, hidden from the road, known to everyone, worth a great deal, quite safe, "
    "never far away, ready at last"
)
HABITS = _verbs(
    "shines/shine when the sun goes down, falls/fall when the wind turns, "
    "waits/wait for the first snow, makes/make the same sound every night, "
    "belongs/belong to nobody, stays/stay where it is warm, turns/turn green in the spring, "
    "looks/look different from the hill, brings/bring good luck, moves/move when no one looks"
)


T = TypeVar("T")

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15


class SplitMix64:
    """Integers, choices and orders from a seed, of which the lowest 64 bits count.

    `random.Random` promises the same floats from one Python to the next, but not the same choices
    or shuffles; text that is checked by its hash needs both.

    >>> hex(SplitMix64(0).next())
    '0xe220a8397b1dcdaf'
    """

    def __init__(self, seed: int):
        self._state = seed & _MASK

    @classmethod
    def for_item(cls, seed: int, item: int) -> "SplitMix64":
        """Return the generator of one item of a series, independent of the items before it."""
        return cls(cls(seed).next() ^ cls(~item).next())

    def next(self) -> int:
        """Return an integer in 0 .. 2**64 - 1."""
        self._state = (self._state + _GAMMA) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return mixed ^ (mixed >> 31)

    def below(self, bound: int) -> int:
        """Return an integer in 0 .. bound - 1."""
        require(bound >= 1, "bound", bound, "at least 1")
        # Multiply-shift: the bias, bound / 2**64, is far below anything a text can show.
        return (self.next() * bound) >> 64

    def one_in(self, chances: int) -> bool:
        """Return True once in `chances` times."""
        return self.below(chances) == 0

    def choice(self, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[self.below(len(items))]

    def one_of(self, *items: T) -> T:
        """Return one of the arguments."""
        return self.choice(items)

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """Return `count` different items in random order."""
        require(0 <= count <= len(items), "count", count, f"in 0..{len(items)}")
        pool = list(items)
        for place in range(count):
            other = place + self.below(len(pool) - place)
            pool[place], pool[other] = pool[other], pool[place]
        return pool[:count]


MAX_ATTRACTORS = 4
MAX_QUOTED = 6


def agreement(rng: SplitMix64, distance: int) -> str:
    """Say what a subject does, with `distance` nouns of the other number before the verb.

    "The lamps behind the mill near the old gate were wet with rain."
    """
    require(0 <= distance <= MAX_ATTRACTORS, "distance", distance, f"in 0..{MAX_ATTRACTORS}")
    subject, plural = rng.choice(THINGS), rng.one_in(2)
    quality = f"{rng.choice(QUALITIES)} " if rng.one_in(3) else ""
    parts = [f"The {quality}{subject.many if plural else subject.one}"]
    for place in rng.sample(PLACES, distance):
        parts += [f" {rng.choice(NEAR)} the ", place.one if plural else place.many]
    if rng.one_in(2):
        parts.append(f" {'were' if plural else 'was'} {rng.choice(STATES)}.")
    else:
        verb = rng.choice(HABITS)
        parts.append(f" {verb.many if plural else verb.one} {verb.rest}.")
    return "".join(parts)


def quotation(rng: SplitMix64, speaker: Person, distance: int) -> str:
    """Let someone say `distance` sentences: 'Ada said, "The lamp is old. We must go."'."""
    require(1 <= distance <= MAX_QUOTED, "distance", distance, f"in 1..{MAX_QUOTED}")
    said = rng.one_of("said", "answered", "whispered", "called out", "said at last")
    spoken = ". ".join(speech(rng) for _ in range(distance))
    return f'{speaker.name} {said}, "{spoken}."'


def speech(rng: SplitMix64) -> str:
    """Return a sentence that somebody says, without its stop."""
    thing, place = rng.choice(THINGS), rng.choice(PLACES)
    return rng.one_of(
        f"We must be at the {place.one} before dark",
        f"I have never seen such {article(thing.one)}",
        f"The {thing.many} are {rng.choice(QUALITIES)}, but I like them",
        f"My brother keeps {rng.choice(NUMBERS)} {rng.choice(ANIMALS).many} there",
        f"You may have my {thing.one} if you want it",
        f"Nobody goes to the {place.one} any more",
        f"I am too {rng.choice(MOODS)} to talk about it",
        f"Ask the {rng.choice(TRADES)} at the {place.one}",
        f"There is {article(thing.one)} in my bag, and it is not mine",
    )


def brackets(rng: SplitMix64, distance: int) -> str:
    """Put square brackets around `distance` things in round ones.

    "The basket (the round one [with a lamp and a key]) stood by the gate."
    """
    require(1 <= distance <= MAX_QUOTED, "distance", distance, f"in 1..{MAX_QUOTED}")
    thing, place = rng.choice(THINGS), rng.choice(PLACES)
    inner = series([article(noun.one) for noun in rng.sample(FOODS, distance)])
    before = f"The {thing.one} (the {rng.choice(COLOURS)} one [with {inner}]"
    return f"{before}) {rng.one_of('stood', 'lay', 'was left')} by the {place.one}."


def owners(rng: SplitMix64, people: Sequence[Person], thing: str) -> tuple[str, tuple[str, ...]]:
    """Give everyone a thing of their own colour: the sentence, and the colours in that order."""
    colours = rng.sample(COLOURS, len(people))
    verb = rng.one_of("had", "carried", "took", "chose")
    nouns = [thing, *["one"] * (len(people) - 1)]
    named = zip(people, colours, nouns, strict=True)
    told = [f"{person.name} {verb} the {colour} {noun}" for person, colour, noun in named]
    return f"{series(told)}.", tuple(colours)


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
    return article(noun.one) if rng.one_in(2) else f"{rng.choice(NUMBERS)} {noun.many}"


def capital(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]


VERSION = 1
N_STORIES = 4000
HELD_OUT = 20
"""One story in this many is held out."""


@dataclass(frozen=True)
class Cast:
    """Who and what a story is about; every scene speaks of the same."""

    hero: Person
    friend: Person
    elder: Person
    trade: str
    town: str
    place: str
    thing: str
    colours: tuple[str, ...]
    packed: str

    @property
    def people(self) -> tuple[Person, Person, Person]:
        """Hero, friend and elder, who have the colours in this order."""
        return self.hero, self.friend, self.elder


def load_stories(n_stories: int = N_STORIES, seed: int = 0) -> Corpus:
    """Generate stories; every twentieth is held out."""
    return tell_all("stories", tell, n_stories, seed, seed)


def tell_all(
    name: str, telling: Callable[[SplitMix64], Document], n_stories: int, seed: int, series: int
) -> Corpus:
    """Tell the stories of a corpus; those of another `series` of generators are others."""
    require(n_stories >= HELD_OUT, "n_stories", n_stories, f"at least {HELD_OUT}")
    stories = [telling(SplitMix64.for_item(series, number)) for number in range(n_stories)]
    provenance = {
        "source": f"generated by mosa_edu.data.{name}",
        "version": VERSION,
        "seed": seed,
        "stories": n_stories,
        "split": f"every {HELD_OUT}th story is held out",
    }
    held_out = tuple(stories[HELD_OUT - 1 :: HELD_OUT])
    del stories[HELD_OUT - 1 :: HELD_OUT]
    return Corpus(name, tuple(stories), held_out, provenance)


def tell(rng: SplitMix64) -> Document:
    """Tell one story."""
    cast, telling = _cast(rng)
    scenes = [_talk, _custom, _mishap, _search, _meal, _visitor]
    middle = [scene(rng, cast) for scene in rng.sample(scenes, 2 + rng.below(3))]
    paragraphs = [_opening(rng, cast), f"{_journey(rng, cast)} {telling}", *middle]
    paragraphs.append(_ending(rng, cast))
    title = f"{cast.hero.name} and the {cast.thing}"
    return Document(title, "\n\n".join(paragraphs))


def _cast(rng: SplitMix64) -> tuple[Cast, str]:
    people = hero, friend, elder = rng.sample(PEOPLE, 3)
    thing = rng.choice(THINGS).one
    told, colours = owners(rng, people, thing)
    cast = Cast(
        hero,
        friend,
        elder,
        trade=rng.choice(TRADES),
        town=rng.choice(TOWNS),
        place=rng.choice(PLACES).one,
        thing=thing,
        colours=colours,
        packed=series([counted(rng, noun) for noun in rng.sample(FOODS, 3 + rng.below(3))]),
    )
    return cast, told


def _opening(rng: SplitMix64, cast: Cast) -> str:
    hero, trade = cast.hero, article(cast.trade)
    first = rng.one_of(
        f"{capital(cast.town)} there lived {trade} whose name was {hero.name}.",
        f"{hero.name} was {trade} {cast.town}.",
        f"Long ago, {cast.town}, {trade} named {hero.name} lived beside the {cast.place}.",
    )
    second = rng.one_of(
        f"{capital(hero.he)} had two friends, {cast.friend.name} and {cast.elder.name}.",
        f"{capital(hero.his)} best friend was {cast.friend.name}, and {hero.his} "
        f"oldest friend was {cast.elder.name}.",
        f"Every evening {hero.he} met {cast.friend.name} and {cast.elder.name} "
        f"at the {cast.place}.",
    )
    return f"{first} {second} {agreement(rng, rng.below(3))}"


def _journey(rng: SplitMix64, cast: Cast) -> str:
    start = f"{rng.choice(TIMES)}, when {rng.choice(WEATHER)},"
    return rng.one_of(
        f"{start} they set out for the {cast.place} together. {cast.hero.name} had packed "
        f"{cast.packed}.",
        f"{start} {cast.hero.name} asked them to come to the {cast.place}. "
        f"There was food for all of them: {cast.packed}.",
        f"{start} the three of them left home with {cast.packed}.",
    )


def _talk(rng: SplitMix64, cast: Cast) -> str:
    asker, teller = rng.sample(cast.people, 2)
    question = rng.one_of(
        f"Where did you find that {cast.thing}?",
        f"How far is it to the {cast.place}?",
        f"Why are you so {rng.choice(MOODS)} today?",
        "What shall we do now?",
    )
    answer = quotation(rng, teller, 1 + rng.below(3))
    last = rng.one_of(
        f'"{speech(rng)}," said {asker.name}, "and that is all I know."',
        f"\"My mother always said, '{speech(rng)},'\" {asker.name} told {teller.him}.",
        f"{asker.name} thought about it and said nothing.",
    )
    return f'"{question}" asked {asker.name}.\n\n{answer}\n\n{last}'


def _custom(rng: SplitMix64, cast: Cast) -> str:
    first, second = agreement(rng, 1 + rng.below(3)), agreement(rng, rng.below(2))
    return f"Some things never change. {first} {second}"


def _mishap(rng: SplitMix64, cast: Cast) -> str:
    animal = rng.choice(ANIMALS)
    who, colour = _someone(rng, cast)
    lost = f"the {colour} {cast.thing}"
    event = rng.one_of(
        f"Then {article(animal.one)} ran across the road, and {who.name} dropped {lost}.",
        f"Suddenly {rng.choice(NUMBERS)} {animal.many} came out of the "
        f"{rng.choice(PLACES).one}, and in the confusion {lost} was gone.",
        f"But {who.name} stumbled, and {lost} fell into the grass.",
    )
    return (
        f"{event} {who.name} was {rng.choice(MOODS)}, since {lost} was {who.his} own. "
        f"{brackets(rng, 1 + rng.below(3))}"
    )


def _search(rng: SplitMix64, cast: Cast) -> str:
    who, _ = _someone(rng, cast)
    places = [f"behind the {place.one}" for place in rng.sample(PLACES, 2 + rng.below(2))]
    found = series([counted(rng, noun) for noun in rng.sample(THINGS, 2 + rng.below(3))])
    return (
        f"{who.name} looked {series(places)}. There {who.he} found {found} "
        f"(but no {rng.choice(FOODS).one}). {agreement(rng, 1 + rng.below(3))}"
    )


def _meal(rng: SplitMix64, cast: Cast) -> str:
    where = rng.choice(PLACES).one
    return (
        f"At the {where} they sat down and opened the bag: {cast.packed}. "
        f"{quotation(rng, cast.elder, 1 + rng.below(2))}"
    )


def _visitor(rng: SplitMix64, cast: Cast) -> str:
    trade = rng.choice([trade for trade in TRADES if trade != cast.trade])
    first, second = rng.sample(range(3), 2)
    owner, colour, other = cast.people[first], cast.colours[first], cast.people[second]
    return (
        f'On the way {article(trade)} stopped them. "Whose {cast.thing} is the {colour} one?" '
        f'asked the {trade}.\n\n"That one belongs to {owner.name}," said {other.name}. '
        f"The {trade} looked at it for a long time and went on."
    )


def _ending(rng: SplitMix64, cast: Cast) -> str:
    order = rng.sample(list(zip(cast.people, cast.colours, strict=True)), 2)
    kept = [f"the {colour} {cast.thing} belonged to {who.name}" for who, colour in order]
    last = rng.one_of(
        f"And if nobody has moved it, the {cast.colours[0]} {cast.thing} is still "
        f"at the {cast.place}.",
        f"From that day on, {cast.hero.name} was never {rng.choice(MOODS)} again.",
        quotation(rng, cast.friend, 1),
    )
    return f"When they came home, everything was counted: {series(kept)}. {last}"


def _someone(rng: SplitMix64, cast: Cast) -> tuple[Person, str]:
    return rng.choice(list(zip(cast.people, cast.colours, strict=True)))
