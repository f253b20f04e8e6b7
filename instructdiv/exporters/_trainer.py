"""TrainerExporter: base of the exporters that write rows and settings for one trainer."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sized
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Literal, Self

from instructdiv.core.files import write_lines, write_text
from instructdiv.data.records import Row
from instructdiv.errors import ParameterError
from instructdiv.exporters._base import Exporter, Files, Preflight, Splits, ids
from instructdiv.exporters._messages import of_tools, two_messages, weight
from instructdiv.exporters._settings import DataFiles, Form, TrainerSettings
from instructdiv.schemas import Conversation
from instructdiv.schemas.conversation import is_missing

_SHOWN_COLUMNS = ("image", "images", "video", "videos", "audio", "audios")
_SHOWS = "it holds images, audio or video"


class TrainerExporter(Exporter):
    """Writes ``train.jsonl``, ``eval.jsonl`` and settings in the format of one trainer.

    Reasoning is written before the answer in its content, as ``<think>``. A record with something
    the trainer has no field for is left out and reported, never written without it. Ids of records
    stay, so that the order can be audited.
    """

    trainer_settings: ClassVar[TrainerSettings]
    """Settings of the trainer."""

    forms: ClassVar[tuple[Form, ...]] = ("messages",)
    """Forms that the trainer reads, the usual one first."""

    tools_in: ClassVar[tuple[Form, ...]] = ()
    """Forms with a field for tools, tool calls and their results."""

    one_message: ClassVar[bool] = False
    """Whether each of two answers must be one message of the assistant."""

    reads_weights: ClassVar[bool] = False
    """Whether an answer can be excluded from training."""

    reads_parts: ClassVar[bool] = False
    """Whether messages may hold images; image columns have no field."""

    reads_tables: ClassVar[bool] = True
    """Whether the files are read with ``datasets``: each column then has one type, taken from the
    first ten megabytes, and rows may have columns that the trainer does not know."""

    folder: ClassVar[str] = ""
    """Folder of the files, inside that of the mix."""

    form: Literal["auto", "messages", "prompt_completion", "preference", "label"] = "auto"
    """What to train on. auto: preference if all records have two answers, label if all have one,
    else conversations."""

    def fitted(self, splits: Splits) -> Self:
        return self.model_copy(update={"form": self.form_of(splits)})

    def form_of(self, splits: Splits) -> Form:
        """What to train on.

        Raises
        ------
        ParameterError
            The trainer does not read the form; the known ones are listed.
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
        found: dict[str, dict[int, str]] = {name: {} for name in splits}
        unplaced: set[str] = set()
        n_halved = 0
        for name, split in splits.items():
            for place, (row, said) in enumerate(
                zip(split.records.rows, split.conversations, strict=True)
            ):
                misfit = _SHOWS if _shows(row) else self.misfit(said, form)
                reason = misfit or self.fault(said, form)
                if misfit:
                    unplaced.add(misfit)
                if reason:
                    found[name][place] = reason
                elif form != "preference" and said.rejected is not None:
                    n_halved += 1
        notes = (_halved(n_halved, form),) if n_halved else ()
        return Preflight(self.trainer, found, frozenset(unplaced), notes)

    def misfit(self, conversation: Conversation, form: Form) -> str | None:
        """Why a row cannot hold all of a conversation; None if it can."""
        if form == "preference" and conversation.rejected is None:
            return "it has no second answer"
        if form == "label" and conversation.label is None:
            return "it has no label"
        if form != "label" and conversation.label is False:
            return "its answer is labelled as not wanted"
        answers = [*conversation.completion, *(conversation.rejected or [])]
        said = [*conversation.messages, *(conversation.rejected or [])]
        judged = said if form == "messages" else answers
        if not self.reads_parts and any(one.get("parts") for one in said):
            return _SHOWS
        if form not in self.tools_in and (conversation.tools or any(map(of_tools, said))):
            return "it holds tools"
        if form == "preference" and self.one_message and not two_messages(conversation):
            return "an answer is not one message"
        weighed = self.reads_weights and form == "messages"
        if not weighed and any(weight(one) != 1 for one in judged):
            return "it holds an answer excluded from training"
        if any(weight(one) not in (0, 1) for one in judged):
            return "the weight of an answer is neither 0 nor 1"
        return None

    def fault(self, conversation: Conversation, form: Form) -> str | None:
        """Why the trainer would drop a row that can hold the conversation, or fail on it."""
        return None

    @abstractmethod
    def row(self, conversation: Conversation, form: Form) -> dict[str, Any]:
        """Row of a conversation in one of the forms; `misfit` and `fault` have found nothing."""

    def rows(self, splits: Splits) -> dict[str, list[dict[str, Any]]]:
        """Rows of each split as they are written."""
        form = self.form_of(splits)
        rows = {
            name: [self.row(said, form) for said in split.conversations]
            for name, split in splits.items()
        }
        return _tables(splits, rows) if self.reads_tables else rows

    def write(self, splits: Splits, folder: Path) -> Files:
        form, rows = self.form_of(splits), self.rows(splits)
        named = {name: (PurePosixPath(self.folder) / f"{name}.jsonl").as_posix() for name in splits}
        (folder / self.folder).mkdir(exist_ok=True)
        files = {name: [write_lines(folder / named[name], rows[name])] for name in splits}
        return files | {"settings": self.settings(form, named, folder)}

    def settings(self, form: Form, files: Mapping[str, str], folder: Path) -> list[Path]:
        """Write the settings for the file of each split; returns the files."""
        data = DataFiles((files["train"],), files.get("eval"), form)
        return [
            write_text(folder / f"{self.name}.yaml", self.trainer_settings.text(self.name, data))
        ]


def _shows(row: Row) -> bool:
    """Whether a record has images, videos or sounds in columns of their own."""
    return any(_holds(row.get(column)) for column in _SHOWN_COLUMNS)


def _holds(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_holds, value))
    if isinstance(value, Sized):
        return len(value) > 0
    return bool(value) and not is_missing(value)


def _halved(n: int, form: Form) -> str:
    rows = f"{n:,} row{'' if n == 1 else 's'}"
    return f"the rejected answer of {rows} is not written: the form is {form}, not preference"


_Written = dict[str, list[dict[str, Any]]]


def _tables(splits: Splits, rows: _Written) -> _Written:
    """Rows of each split with ids and added columns, in types that ``datasets`` can infer."""
    every = [row for several in rows.values() for row in several]
    with_tools = any("tools" in row for row in every)
    uneven = any(map(_is_uneven, every))
    own_ids = ids(splits)
    tables: _Written = {}
    for name, split in splits.items():
        tables[name] = [
            ({} if own_ids is None else {"id": own_ids[name][place]})
            | (_begun_uneven(row) if uneven and not place else row)
            | split.carried(place)
            | ({"tools": row.get("tools", "[]")} if with_tools else {})
            for place, row in enumerate(rows[name])
        ]
    return tables


def _chats(row: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The cells of a row that are lists of messages."""
    lists = {column: cell for column, cell in row.items() if isinstance(cell, list) and cell}
    return {column: cell for column, cell in lists.items() if "role" in cell[0]}


def _is_uneven(row: dict[str, Any]) -> bool:
    """Whether messages have different keys."""
    return any(one.keys() != {"role", "content"} for cell in _chats(row).values() for one in cell)


def _begun_uneven(row: dict[str, Any]) -> dict[str, Any]:
    """First row with one more key, so that ``datasets`` infers that keys of messages vary.

    Otherwise it would fail on the first message with tool calls, if that comes late. A weight
    of 1 changes nothing.
    """
    begun = {column: [{**cell[0], "weight": 1}, *cell[1:]] for column, cell in _chats(row).items()}
    return row | begun


def _said(splits: Splits) -> Iterator[Conversation]:
    for split in splits.values():
        yield from split.conversations
