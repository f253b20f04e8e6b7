"""Dialogue turns: what user and system say in turn, as in the SGD dialogues."""

from collections.abc import Mapping, Sequence
from typing import Any

from instructdiv.errors import RowError
from instructdiv.schemas._base import Schema, beside, has_turns, label_of, only_text, turns_of
from instructdiv.schemas.conversation import Conversation, Message, Row, message

_ROLE_OF = {"user": "user", "system": "assistant"}
_SPEAKERS = {"user": "USER", "assistant": "SYSTEM"}


class DialogueTurns(Schema):
    """Column ``turns``: a list of mappings with ``speaker``, USER or SYSTEM, and ``utterance``.

    The system is what answers here, so it is the assistant.

    Examples
    --------
    >>> turns = [{"speaker": "USER", "utterance": "Hi"}, {"speaker": "SYSTEM", "utterance": "Yes?"}]
    >>> DialogueTurns().messages({"turns": turns})[1]
    {'role': 'assistant', 'content': 'Yes?'}
    """

    rank = 17

    column: str = "turns"
    """Column of the dialogue."""

    def matches(self, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        return has_turns(rows, self.column, "speaker", "utterance")

    def read(self, row: Row) -> Conversation:
        messages = [_read_turn(turn) for turn in turns_of(row, self.column)]
        return Conversation(messages, label=label_of(row))

    def columns(self, row: Row) -> set[str]:
        return {self.column} & row.keys()

    def write(self, conversation: Conversation) -> dict[str, Any]:
        turns = []
        for said in conversation.messages:
            speaker = _SPEAKERS.get(said["role"])
            if speaker is None:
                raise RowError(f"the layout {self.name} cannot hold the role {said['role']}")
            turns.append({"speaker": speaker, "utterance": only_text(said, self.name)})
        return {self.column: turns} | beside(conversation)

    def _asked_in(self) -> str:
        return f"a USER turn of {self.column!r}"


def _read_turn(turn: Mapping[str, Any]) -> Message:
    speaker = turn.get("speaker")
    role = _ROLE_OF.get(speaker.strip().lower()) if isinstance(speaker, str) else None
    if role is None:
        raise RowError(f"unknown speaker {speaker!r:.80}; known: USER, SYSTEM")
    return message(role, turn.get("utterance"))
