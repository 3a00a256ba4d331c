"""The words of `tales`: people, places, things, and how each is written."""

from typing import NamedTuple


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
