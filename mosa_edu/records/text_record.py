"""What records of one tokenised text have in common."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Self

from mosa_edu.records.arrays import check_fields, read_object
from mosa_edu.records.files import JsonRecord


class TextRecord(JsonRecord):
    """A frozen dataclass with `tokens`, written as one JSON object of its fields.

    Only `provenance` may be missing where a record is read.
    """

    tokens: Sequence[Any]

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(token.text for token in self.tokens)

    def to_json(self) -> str:
        """Write the record as one JSON object."""
        return json.dumps(self.values(), ensure_ascii=False, separators=(",", ":"))

    def values(self) -> dict[str, Any]:
        """Return the fields as they are written."""
        return asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises
        ------
        ValueError
            Naming the field that is missing, unknown or wrong.
        """
        values = read_object(text, cls.__name__)
        optional = {"provenance"}
        fields = set(cls.__dataclass_fields__)  # type: ignore[attr-defined]
        check_fields(values, fields - optional, optional, cls.__name__)
        return cls(**values)
