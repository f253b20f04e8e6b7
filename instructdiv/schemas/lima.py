"""LIMA: a conversation as texts that alternate."""

from collections.abc import Sequence
from typing import Any

from instructdiv.errors import RowError
from instructdiv.schemas._base import Schema, beside, first_turns, label_of, only_text
from instructdiv.schemas.conversation import Conversation, Row, is_empty, listed, message


class Lima(Schema):
    """Column ``conversations``: a list of texts, of the user and the assistant in turn.

    Examples
    --------
    >>> Lima().messages({"conversations": ["Hi", "Hello"]})
    [{'role': 'user', 'content': 'Hi'}, {'role': 'assistant', 'content': 'Hello'}]
    """

    rank = 14

    column: str = "conversations"
    """Column of the conversation."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        n_held = sum(not is_empty(row.get(self.column)) for row in rows)
        fit = [said for said in first_turns(rows, self.column) if isinstance(said, str)]
        return bool(fit) and 2 * len(fit) >= n_held

    def read(self, row: Row) -> Conversation:
        said = listed(row.get(self.column))
        if not isinstance(said, list | tuple) or not all(isinstance(one, str) for one in said):
            raise RowError(f"{self.column!r} is not a list of texts: {said!r:.80}")
        roles = ("user", "assistant")
        messages = [message(roles[place % 2], one) for place, one in enumerate(said)]
        return Conversation(messages, label=label_of(row))

    def columns(self, row: Row) -> set[str]:
        return {self.column} & row.keys()

    def write(self, conversation: Conversation) -> dict[str, Any]:
        return {self.column: self._texts(conversation)} | beside(conversation)

    def _texts(self, conversation: Conversation) -> list[str]:
        for place, said in enumerate(conversation.messages):
            if said["role"] != ("user", "assistant")[place % 2]:
                raise RowError(
                    f"the layout {self.name} cannot hold {said['role']} as message {place + 1}"
                )
        return [only_text(said, self.name) for said in conversation.messages]

    def _asked_in(self) -> str:
        return repr(self.column)
