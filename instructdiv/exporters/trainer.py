"""ForTrainer: what the exporters for trainers share: a form, a pre-flight, rows and settings."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal, Self

from instructdiv.errors import ParameterError
from instructdiv.exporters.base import Exporter, Files, Preflight, Split, Splits
from instructdiv.exporters.jsonl import write_lines
from instructdiv.exporters.settings import DataFiles, Form, TrainerSettings
from instructdiv.exporters.turns import of_tools, weight
from instructdiv.files import write_text
from instructdiv.schemas import Conversation


class ForTrainer(Exporter):
    """Writes ``train.jsonl``, ``eval.jsonl`` and settings in the form of one trainer.

    Reasoning stands before the answer in its content, as ``<think>``. What the trainer has no
    field for is never left out of a row: the row is left out, and reported. Ids of records stay,
    so that the order can be audited.
    """

    told: ClassVar[TrainerSettings]
    """What the trainer is told of the files."""

    forms: ClassVar[tuple[Form, ...]] = ("messages",)
    """Forms that the trainer can read, the usual one first."""

    reads_tools: ClassVar[bool] = False
    """Whether it has a place for tools, their calls and their results."""

    reads_weights: ClassVar[bool] = False
    """Whether an answer can be kept from being trained on."""

    reads_parts: ClassVar[bool] = False
    """Whether it has a place for images."""

    reads_tables: ClassVar[bool] = True
    """Whether it reads the files with ``datasets``: every column then has a type, which the
    first ten megabytes tell, and rows may carry columns that it does not know."""

    folder: ClassVar[str] = ""
    """Folder of the files, within that of the mix."""

    form: Literal["auto", "messages", "prompt_completion", "preference", "label"] = "auto"
    """What is trained on; told by the records if auto: pairs of answers if all have two,
    labels if all have one, else conversations."""

    def fitted(self, splits: Splits) -> Self:
        return self.model_copy(update={"form": self.form_of(splits)})

    def form_of(self, splits: Splits) -> Form:
        """What is trained on.

        Raises
        ------
        ParameterError
            The trainer does not read the form.
        """
        if self.form != "auto":
            if self.form not in self.forms:
                raise ParameterError(
                    f"{self.name} has no form {self.form!r}; known: {', '.join(self.forms)}"
                )
            return self.form
        if "preference" in self.forms and all(c.rejected is not None for c in _said(splits)):
            return "preference"
        if "label" in self.forms and all(c.label is not None for c in _said(splits)):
            return "label"
        return self.forms[0]

    def preflight(self, splits: Splits) -> Preflight:
        form = self.form_of(splits)
        found: dict[str, dict[int, str]] = {}
        for name, split in splits.items():
            reasons = ((i, self.why_not(c, form)) for i, c in enumerate(split.conversations()))
            found[name] = {i: reason for i, reason in reasons if reason}
        return Preflight(self.trainer, found)

    def why_not(self, conversation: Conversation, form: Form) -> str | None:
        """Why a conversation cannot be a row that is trained on, if it cannot."""
        if form == "preference" and conversation.rejected is None:
            return "there is no second answer"
        if form == "label" and conversation.label is None:
            return "it has no label"
        answers = [*conversation.completion, *(conversation.rejected or [])]
        said = [*conversation.messages, *(conversation.rejected or [])]
        judged = said if form == "messages" else answers
        if not self.reads_parts and any(one.get("parts") for one in said):
            return "it shows more than text"
        if not self.reads_tools and (conversation.tools or any(map(of_tools, said))):
            return "tools have no place in it"
        weighed = self.reads_weights and form == "messages"
        if not weighed and any(weight(one) != 1 for one in judged):
            return "it holds an answer that is not to be trained on"
        if any(weight(one) not in (0, 1) for one in judged):
            return "the weight of an answer is neither 0 nor 1"
        return self.fault(conversation, form)

    def fault(self, conversation: Conversation, form: Form) -> str | None:
        """Why the trainer would drop a row that it has a place for, or fail on it."""
        return None

    @abstractmethod
    def row(self, conversation: Conversation, form: Form) -> dict[str, Any]:
        """The row of a conversation that the trainer does not drop, in one of its forms."""

    def write(self, splits: Splits, folder: Path) -> Files:
        form = self.form_of(splits)
        named = {name: (PurePosixPath(self.folder) / f"{name}.jsonl").as_posix() for name in splits}
        (folder / self.folder).mkdir(exist_ok=True)
        if self.reads_tables:
            with_tools = any("tools" in self.row(c, form) for c in _said(splits))
            uneven = any(_is_uneven(self.row(c, form)) for c in _said(splits))
        else:
            with_tools = uneven = False
        files = {
            name: [write_lines(folder / named[name], self._rows(split, form, with_tools, uneven))]
            for name, split in splits.items()
        }
        return files | {"settings": self.settings(form, named, folder)}

    def settings(self, form: Form, files: Mapping[str, str], folder: Path) -> list[Path]:
        """Write what the trainer is told of the file of each split; gives what was written."""
        data = DataFiles((files["train"],), files.get("eval"), form)
        return [write_text(folder / f"{self.name}.yaml", self.told.text(self.name, data))]

    def _rows(
        self, split: Split, form: Form, with_tools: bool, uneven: bool
    ) -> Iterator[dict[str, Any]]:
        ids = split.ids() if self.reads_tables else None
        for place, conversation in enumerate(split.conversations()):
            row = self.row(conversation, form)
            if ids is not None:
                row = {"id": ids[place]} | row
            if self.reads_tables:
                row |= split.carried(place)
            if with_tools:
                row.setdefault("tools", "[]")
            yield _begun_uneven(row) if uneven and not place else row


def _chats(row: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The cells of a row that are lists of messages."""
    lists = {column: cell for column, cell in row.items() if isinstance(cell, list) and cell}
    return {column: cell for column, cell in lists.items() if "role" in cell[0]}


def _is_uneven(row: dict[str, Any]) -> bool:
    """Whether a message has keys that another has not."""
    return any(one.keys() != {"role", "content"} for cell in _chats(row).values() for one in cell)


def _begun_uneven(row: dict[str, Any]) -> dict[str, Any]:
    """A first row that tells ``datasets`` that messages have one key or another.

    Told by messages that are all alike it would fail on the first that has calls, if that
    comes late. A weight of 1 changes nothing.
    """
    begun = {column: [{**cell[0], "weight": 1}, *cell[1:]] for column, cell in _chats(row).items()}
    return row | begun


def _said(splits: Splits) -> Iterator[Conversation]:
    for split in splits.values():
        yield from split.conversations()
