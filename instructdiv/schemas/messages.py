"""Messages: the chat layout of OpenAI and TRL."""

from collections.abc import Mapping, Sequence

from instructdiv.errors import RowError
from instructdiv.schemas.base import Message, Row, Schema, has, message


class Messages(Schema):
    """Column ``messages``: a list of mappings with ``role`` and ``content``.

    Content is text, or a list of parts with ``text`` or ``value``. Tool calls stay.

    Examples
    --------
    >>> row = {"messages": [{"role": "user", "content": [{"type": "text", "value": "Hi"}]}]}
    >>> Messages().messages(row)
    [{'role': 'user', 'content': 'Hi'}]
    """

    rank = 0

    column: str = "messages"
    """Column of the conversation."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return self.column in columns and has(rows, self.column, list)

    def turns(self, row: Row) -> list[Message]:
        turns = row.get(self.column)
        if not isinstance(turns, list) or not all(isinstance(t, Mapping) for t in turns):
            raise RowError(f"{self.column!r} is not a list of messages")
        return [
            message(
                turn.get("role"),
                turn.get("content"),
                **{k: v for k, v in turn.items() if k.startswith("tool_call") and v},
            )
            for turn in turns
        ]

    def _asked_in(self) -> str:
        return f"a user turn of {self.column!r}"
