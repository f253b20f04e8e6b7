"""Preference: a prompt, and a better and a worse answer."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from instructdiv.errors import RowError
from instructdiv.schemas import messages, sharegpt
from instructdiv.schemas._base import Schema, exchange, has, joined, system_of
from instructdiv.schemas.conversation import (
    Conversation,
    Message,
    Row,
    is_empty,
    message,
    text,
    tools,
)

_HELD = (str, list, Mapping)
_SPEAKERS = re.compile(r"\n\n(Human|Assistant):")


class Preference(Schema):
    """Columns ``chosen`` and ``rejected``: texts, lists of messages, or one message each.

    The prompt stands in a column of its own, or else is what both answers begin with. Where
    it is in both places it is read once.

    Examples
    --------
    >>> row = {"prompt": "2 + 2?", "chosen": "4", "rejected": "5"}
    >>> Preference().read(row).rejected
    [{'role': 'assistant', 'content': '5'}]
    """

    rank = 0
    optional: ClassVar[frozenset[str]] = frozenset(
        {"prompt_columns", "instruction_column", "input_column", "turns_columns"}
    )

    prompt_columns: tuple[str, ...] = ("prompt", "question")
    """Columns of the prompt, a text or messages; the first that a record has is read."""

    instruction_column: str = "instruction"
    """Column of the instruction, where there is no prompt."""

    input_column: str = "input"
    """Column of what the instruction is about."""

    turns_columns: tuple[str, ...] = ("conversations", "messages")
    """Columns of the conversation, where there is neither prompt nor instruction."""

    chosen_column: str = "chosen"
    """Column of the better answer."""

    rejected_column: str = "rejected"
    """Column of the worse answer."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return has(rows, self.chosen_column, _HELD) and has(rows, self.rejected_column, _HELD)

    def read(self, row: Row) -> Conversation:
        prompt = self._prompt(row)
        chosen, rejected = (
            _answer(row.get(column), column)
            for column in (self.chosen_column, self.rejected_column)
        )
        texts = row[self.chosen_column], row[self.rejected_column]
        if not prompt and all(isinstance(said, str) for said in texts):
            prompt, chosen, rejected = _split(*texts)
        else:
            prompt, chosen, rejected = _told_apart(prompt, chosen, rejected)
        if [said["role"] for said in prompt[:1]] != ["system"]:
            prompt = system_of(row) + prompt
        return Conversation(prompt + chosen, tools(row.get("tools")), rejected, asked=len(prompt))

    def columns(self, row: Row) -> set[str]:
        asked = self._asked(row)
        read = {asked, self.chosen_column, self.rejected_column, "system", "tools"}
        if asked == self.instruction_column:
            read |= {self.input_column, "history"}
        return read & row.keys()

    def write(self, conversation: Conversation) -> dict[str, Any]:
        prompt, chosen, rejected = written_preference(conversation, self.name)
        texts = [
            messages.plain_text(prompt, "user"),
            messages.plain_text(chosen, "assistant"),
            messages.plain_text(rejected, "assistant"),
        ]
        cells: list[Any] = texts
        if None in texts or not str(texts[0]).strip():
            cells = [list(map(messages.written_turn, part)) for part in (prompt, chosen, rejected)]
        columns = self.prompt_columns[0], self.chosen_column, self.rejected_column
        callable_ = {"tools": conversation.tools} if conversation.tools else {}
        return dict(zip(columns, cells, strict=True)) | callable_

    def instruction(self, row: Row) -> str:
        told = self._asked(row) == self.instruction_column
        asked = text(row[self.instruction_column]) if told else ""
        return asked if asked.strip() else super().instruction(row)

    def _asked(self, row: Row) -> str:
        """The column of the prompt; an empty name if it is in the answers."""
        columns = (*self.prompt_columns, self.instruction_column, *self.turns_columns)
        return next((column for column in columns if not is_empty(row.get(column))), "")

    def _prompt(self, row: Row) -> list[Message]:
        column = self._asked(row)
        if column != self.instruction_column:
            return read_messages(row[column], "user") if column else []
        about = joined(row[column], row.get(self.input_column))
        return exchange(about, None, None, row)[:-1]

    def _asked_in(self) -> str:
        columns = (*self.prompt_columns, self.instruction_column, *self.turns_columns)
        return f"{', '.join(map(repr, columns))} or what the answers have in common"


def written_preference(
    conversation: Conversation, layout: str
) -> tuple[list[Message], list[Message], list[Message]]:
    """Prompt, better and worse answer of a conversation that has both.

    Raises
    ------
    RowError
        One of the answers is missing, or is not begun by the assistant.
    """
    answers = conversation.completion, conversation.rejected or []
    for answer, called in zip(answers, ("better", "worse"), strict=True):
        if not answer or answer[0]["role"] != "assistant":
            raise RowError(f"the layout {layout} needs a {called} answer of the assistant")
    if not conversation.prompt:
        raise RowError(f"the layout {layout} needs a prompt before its answers")
    return conversation.prompt, *answers


def read_messages(cell: Any, role: str) -> list[Message]:
    """Messages, with ``role`` and ``content`` or with ``from`` and ``value``, or a text of a role.

    Raises
    ------
    RowError
        A message is of an unknown form.
    """
    if isinstance(cell, Mapping):
        return _read_turns([cell])
    if isinstance(cell, list | tuple) and all(map(_is_turn, cell)):
        return _read_turns(cell)
    return [message(role, cell)]


def _read_turns(turns: Sequence[Mapping[str, Any]]) -> list[Message]:
    if turns and all("from" in turn for turn in turns):
        return [sharegpt.read_turn(turn) for turn in turns]
    return messages.read_turns(turns)


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, Mapping) and ("role" in turn or "from" in turn)


def _answer(cell: Any, column: str) -> list[Message]:
    if cell is None or cell == []:
        raise RowError(f"{column!r} holds no answer")
    return read_messages(cell, "assistant")


def _n_alike(one: Sequence[Message], other: Sequence[Message]) -> int:
    """With how many equal messages two lists begin."""
    pairs = enumerate(zip(_bare(one), _bare(other), strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def _bare(said: Sequence[Message]) -> list[Message]:
    """Messages without the blanks around them, in which a prompt and its copy may differ."""
    return [one | {"content": one["content"].strip()} for one in said]


def _told_apart(
    prompt: list[Message], chosen: list[Message], rejected: list[Message]
) -> tuple[list[Message], list[Message], list[Message]]:
    """Prompt and answers, of answers that may repeat the prompt or hold it alone."""
    shared = _n_alike(chosen[:-1], rejected[:-1])
    common = chosen[:shared]
    asked, copied = _bare(prompt), _bare(common)
    if not prompt or copied[-len(prompt) :] == asked:
        return common, chosen[shared:], rejected[shared:]
    lengths = range(min(len(prompt), shared), 0, -1)
    repeated = next((n for n in lengths if asked[-n:] == copied[:n]), 0)
    return prompt, chosen[repeated:], rejected[repeated:]


def _split(chosen: str, rejected: str) -> tuple[list[Message], list[Message], list[Message]]:
    """Prompt and answers of two texts of marked turns that begin with the same ones."""
    if _SPEAKERS.match(chosen) and _SPEAKERS.match(rejected):
        better, worse = _spoken_turns(chosen), _spoken_turns(rejected)
        shared = _n_alike(better[:-1], worse[:-1])
        return better[:shared], better[shared:], worse[shared:]
    # That two answers begin alike does not make a prompt of it.
    return [], [message("assistant", chosen)], [message("assistant", rejected)]


def _spoken_turns(said: str) -> list[Message]:
    _, *parts = _SPEAKERS.split(said)
    return [message(who, what.strip()) for who, what in zip(parts[::2], parts[1::2], strict=True)]
