"""ShareGPT: conversations of from and value."""

from collections.abc import Mapping, Sequence

from instructdiv.errors import RowError
from instructdiv.schemas.base import Message, Row, Schema, message


class Sharegpt(Schema):
    """Column ``conversations``: a list of mappings with ``from`` and ``value``; ``system`` beside.

    Examples
    --------
    >>> Sharegpt().messages({"conversations": [{"from": "human", "value": "Hi"}]})
    [{'role': 'user', 'content': 'Hi'}]
    """

    rank = 10

    column: str = "conversations"
    """Column of the conversation."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return self.column in columns and any(
            isinstance(turns, list)
            and turns
            and isinstance(turns[0], Mapping)
            and "from" in turns[0]
            for turns in (row.get(self.column) for row in rows)
        )

    def turns(self, row: Row) -> list[Message]:
        turns = row.get(self.column)
        if not isinstance(turns, list) or not all(isinstance(t, Mapping) for t in turns):
            raise RowError(f"{self.column!r} is not a list of turns")
        before = [message("system", row["system"])] if row.get("system") else []
        return before + [message(turn.get("from"), turn.get("value")) for turn in turns]

    def _asked_in(self) -> str:
        return f"a human turn of {self.column!r}"
