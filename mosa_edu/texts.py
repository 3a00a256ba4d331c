"""The book's own sentences: the running one, and the six texts that training is watched on."""

RUNNING = (
    "The old clockmaker wound the first clock, then the second, then the third, "
    "and each of the clocks told him a different hour."
)
"""The sentence that every chapter comes back to."""

PROBES: dict[str, str] = {
    "clocks": (
        f"{RUNNING} He looked at the first; it said that the night was young. He looked at the "
        "second; it said that the morning had come. The third had stopped, and so it alone, he "
        "thought, would be right again before the day was over."
    ),
    "letter": (
        '"I have read your letter twice," said Anna, "and I do not believe a word of it." '
        'Her brother looked at the fire. "Then read it a third time," he answered, "and if you '
        'still do not believe it, give it back to me, and I will write you a better one." She '
        "laughed, but she did not give it back."
    ),
    "names": (
        "Mr. Hale met Mrs. Grey in the garden. Mrs. Grey asked Mr. Hale for the key, and "
        "Mr. Hale, who had lost it in the garden, gave Mrs. Grey a flower instead. Mrs. Grey "
        "said that she could not open a door with a flower. Mr. Hale said that he knew of one "
        "door which could not be opened with anything else."
    ),
    "list": (
        "They packed a lamp, a rope, two knives, a map of the coast, some bread, a bottle of "
        "ink, and, because it was raining, every hat in the house. At the bridge they lost the "
        "rope; at the inn they lost the bread; on the hill they lost the map; and when they came "
        "to the sea they had nothing but a lamp, a bottle of ink, and nine hats."
    ),
    "night": (
        "All night the wind beat upon the door; all night the sea beat upon the wall; and when "
        "at last the morning came, grey and slow and cold, there was no door and no wall. We "
        "sat upon the stairs, which were still there, and my mother counted us, and then "
        "counted us again, and then for the first time in my life I saw her cry."
    ),
    "heads": (
        "Every head has a list. It reads the whole page, gives each word a number, keeps the few "
        "words whose numbers are highest, and lets the others go. The words that were kept look "
        "at one another, each at those before it, and what they find is written back in the "
        "place where each of them stood. The words that were not kept stay as they are."
    ),
}
"""Six fixed texts whose routing is recorded while the shipped model trains."""
