"""The book's own sentences: the running one, the stored examples and the training probes."""

RUNNING = (
    "The old clockmaker wound the first clock, then the second, then the third, "
    "and each of the clocks told him a different hour."
)
"""The sentence that every chapter comes back to."""

PROBES: dict[str, str] = {
    "clocks": RUNNING,
    "letter": (
        '"I have read your letter twice," said Anna, "and I do not believe a word of it." '
        'Her brother looked at the fire. "Then read it a third time," he answered.'
    ),
    "names": (
        "Mr. Hale met Mrs. Grey in the garden. Mrs. Grey asked Mr. Hale for the key, and "
        "Mr. Hale, who had lost it in the garden, gave Mrs. Grey a flower instead."
    ),
    "list": (
        "They packed a lamp, a rope, two knives, a map of the coast, some bread, a bottle of "
        "ink, and, because it was raining, every hat in the house."
    ),
    "night": (
        "All night the wind beat upon the door; all night the sea beat upon the wall; and when "
        "at last the morning came, grey and slow and cold, there was no door and no wall."
    ),
    "code": (
        "for each head in the layer: score every token; keep the best eight; "
        "let the eight look at one another; write the answer back where it belongs."
    ),
}
"""Six fixed texts whose routing is recorded while the shipped model trains."""
