"""Batch ids: carries the ids of records from the collator to the forward pass of the model."""

from collections.abc import Callable, Hashable, Mapping, MutableMapping
from typing import Any

from instructdiv.errors import UsageError

KEY = "instructdiv_ids"
"""Key of a batch: (records, 2) int64, the number of each record's id and its tokens."""

POSITION = "instructdiv_position"
"""Column that holds the position of a row."""


class CarryIds:
    """A collator whose batches carry the number of each record's id, and its tokens.

    The collator inside gets the records without the column of the id. Records without that
    column, as those of an evaluation set, are passed on as they are.
    """

    def __init__(
        self,
        collate: Callable[[list[Any]], Any],
        column: str,
        number_of: Mapping[Hashable, int],
    ) -> None:
        self.collate, self.column, self.number_of = collate, column, number_of

    def __call__(self, records: list[Any]) -> Any:
        import torch

        if not all(isinstance(one, Mapping) and self.column in one for one in records):
            return self.collate(records)
        rows = []
        for record in records:
            ids = ids_of(record[self.column])
            length = len(record.get("input_ids", ())) if len(ids) == 1 else 0
            rows += [(self.number_of.get(id_, -1), length) for id_ in ids]
        batch = self.collate(
            [{k: v for k, v in record.items() if k != self.column} for record in records]
        )
        if not isinstance(batch, MutableMapping):
            raise UsageError(
                f"an audit needs batches that are mappings, not {type(batch).__name__}"
            )
        batch[KEY] = torch.tensor(rows, dtype=torch.int64).reshape(-1, 2)
        return batch


class Positioned:
    """A training set whose rows hold their position."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, position: int) -> dict[str, Any]:
        return {**self.data[position], POSITION: position}


def take_ids(model: Any, note: Callable[[Any], None]) -> None:
    """Take the ids out of every batch before a model sees it, and note those trained on.

    Parameters
    ----------
    model
        A torch module; a hook of it stays.
    note
        Called with what a batch carried, for each forward pass in training mode.

    Raises
    ------
    UsageError
        In the forward pass: a batch to train on carries no ids.
    """

    def before(module: Any, args: Any, inputs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        carried = inputs.get(KEY)
        if module.training:
            if carried is None:
                raise UsageError(
                    "a batch carries no ids: a record lacks the column, or this trainer makes its "
                    "batches without data_collator or others from them, and cannot be audited"
                )
            note(carried)
        return args, {key: value for key, value in inputs.items() if key != KEY}

    model.register_forward_pre_hook(before, with_kwargs=True)


def ids_of(value: Any) -> list[Hashable]:
    """The id, or the ids, that a column holds in one row."""
    value = plain(value)
    return list(map(plain, value)) if isinstance(value, list | tuple) else [value]


def plain(id_: Any) -> Any:
    """What Python has for a number of numpy or torch."""
    return id_.tolist() if hasattr(id_, "tolist") else id_
