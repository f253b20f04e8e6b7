"""Baize: a conversation as one text, in which marks say who speaks."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Self

from instructdiv.errors import RowError
from instructdiv.schemas._base import Schema, beside, label_of, pairs_of
from instructdiv.schemas.conversation import Conversation, Row, is_empty, message

_MARK = re.compile(r"\[\|(Human|AI)\|\] ?")


class Baize(Schema):
    """Column ``input``: one text with ``[|Human|]`` and ``[|AI|]`` before what each says.

    What stands before the first mark is the system text; a last mark without a text after it
    says nothing.

    Examples
    --------
    >>> said = "A chat.\\n[|Human|] Hi\\n[|AI|] Hello\\n[|Human|] "
    >>> [m["content"] for m in Baize().messages({"topic": "Hi", "input": said})]
    ['A chat.', 'Hi', 'Hello']
    """

    rank = 20

    column: str = "input"
    """Column of the conversation."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        texts = [row[self.column] for row in rows if not is_empty(row.get(self.column))]
        marked = [text for text in texts if isinstance(text, str) and _MARK.search(text)]
        alone = not {"instruction", "output", "response"} & set(columns)
        return alone and bool(texts) and 2 * len(marked) >= len(texts)

    def read(self, row: Row) -> Conversation:
        said = row.get(self.column)
        if not isinstance(said, str) or not _MARK.search(said):
            raise RowError(f"{self.column!r} has no mark [|Human|] or [|AI|]: {said!r:.80}")
        before, *marked = _MARK.split(said)
        turns = list(zip(marked[::2], marked[1::2], strict=True))
        if not turns[-1][1].strip():
            turns.pop()
        messages = [
            message("user" if who == "Human" else "assistant", text.removesuffix("\n"))
            for who, text in turns
        ]
        system = [message("system", before.removesuffix("\n"))] if before.strip() else []
        return Conversation(system + messages, label=label_of(row))

    def columns(self, row: Row) -> set[str]:
        return {self.column} & row.keys()

    def write(self, conversation: Conversation) -> dict[str, Any]:
        system, rounds = pairs_of(conversation, self.name)
        said = [system] if system else []
        for asked, answered in rounds:
            said += [f"[|Human|] {asked}", f"[|AI|] {answered}"]
        row = {self.column: "\n".join([*said, "[|Human|] "])}
        if len(_MARK.findall(row[self.column])) != 2 * len(rounds) + 1:
            raise RowError(f"the layout {self.name} cannot hold its marks within a text")
        return row | beside(conversation)

    @classmethod
    def of_columns(cls, named: Mapping[str, str]) -> Self | None:
        # A column of input is in many layouts; the topic beside it is in this one only.
        return cls(column=named["input"]) if named.keys() == {"topic", "input"} else None

    def _asked_in(self) -> str:
        return f"a [|Human|] turn of {self.column!r}"
