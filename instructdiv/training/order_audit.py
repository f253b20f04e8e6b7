"""Order audit: which records a trainer has trained on, and whether in the order they were given."""

import functools
import json
import math
from collections.abc import Callable, Hashable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise, zip_longest
from pathlib import Path
from typing import Any, Self

from instructdiv.core.files import write_text
from instructdiv.errors import GateFailed, InputError, UsageError
from instructdiv.training.order import Order, compare_order, places

_CARRIED = "instructdiv_rows"  # key of a batch: (records, 2) int64, number of the id and tokens
_POSITION = "instructdiv_position"
_SHOWN = 5


@dataclass(frozen=True)
class Step:
    """The records that one update of the weights was made from."""

    step: int
    """Number of the update, from 1: the trainer's ``global_step`` after it."""

    epoch: int
    """Number of the pass over the data, from 0."""

    ids: tuple[Hashable, ...]
    """Id of each record, in order; None for one that nothing is known of."""

    lengths: tuple[int, ...] = ()
    """Tokens of each record, 0 where not known."""


@dataclass
class _Run:
    """What is known of the run that is watched."""

    pending: list[Any] = field(default_factory=list)
    """What the batches since the last update carried."""

    epoch: int = 0
    """The pass over the data that is under way."""

    ranks: int = 1
    """Number of processes that train."""

    sampling: str | None = None
    """The trainer's ``train_sampling_strategy``, where it has one."""

    data_in_order: bool = True
    """Whether the training set, as far as it can be seen beforehand, is in the expected order."""

    resumed_at: set[int] = field(default_factory=set)
    """Updates after which the run was resumed."""

    skipped: int = 0
    """Updates of the same epoch that came before the first that was watched."""


class OrderAudit:
    """Writes down which records a ``transformers.Trainer`` trains on, and tells if the order held.

    The batches of the training set carry the number of each record from wherever they are
    collated, be it a worker process, to the training step, where it is taken out before the model
    sees the batch. So it is written down what gradients were computed from, over all ranks, the
    batch of rank 0 first. Evaluation is left alone. With several ranks, each step gathers one
    small object.

    Parameters
    ----------
    expected_ids
        Ids of the records in the order in which they should be seen; all distinct. Numbers of
        numpy count as those of Python.
    column
        Column of the training set that holds the id of a record, or, where records are packed,
        a list of ids. None: the id is the position of the row in the training set.
    path
        JSON lines to write while training runs: the step, epoch and ids of each update. A run
        that is resumed in another process goes on with what it holds up to the checkpoint. Ids
        must be strings, numbers or booleans, as JSON gives no others back.

    Raises
    ------
    InputError
        An id is expected twice, or is to be written and cannot be.

    Notes
    -----
    When a run is resumed, what was trained on after the checkpoint is forgotten here as it is by
    the model. If nothing is known of what came before, because neither this object nor `path`
    was there, the audit judges what it saw, and whether the run began again at the first record.

    Examples
    --------
    ::

        audit = OrderAudit(dataset["id"])
        audit.attach(trainer)
        trainer.train()
        print(audit)
        audit.check()
    """

    def __init__(
        self,
        expected_ids: Iterable[Hashable],
        column: str | None = "id",
        *,
        path: str | Path | None = None,
    ) -> None:
        self.expected = tuple(map(_plain, expected_ids))
        """Ids in the order in which they should be seen."""

        self.column = column
        """Column of the training set that holds the ids; None for the position."""

        self.path = None if path is None else Path(path)
        """JSON lines that are written while training runs."""

        if self.path is not None:
            _check_written(self.expected)

        self.steps: list[Step] = []
        """What was seen, by update."""

        self._number_of = places(self.expected)  # grows by what else is in the training set
        self._known: list[Hashable] = list(self.expected)
        self._run = _Run()

    def __repr__(self) -> str:
        return f"OrderAudit({len(self.expected)} ids, column={self.column!r})"

    def __str__(self) -> str:
        return self.report()

    @property
    def seen(self) -> list[Hashable]:
        """Ids in the order in which they were trained on; None where nothing is known of one."""
        return [id_ for step in self.steps for id_ in step.ids]

    @property
    def orders(self) -> dict[int, Order]:
        """How each pass over the data, numbered from 0, stands to the expected order."""
        return {epoch: self._order(epoch) for epoch in sorted({s.epoch for s in self.steps})}

    @property
    def held(self) -> bool:
        """Whether records were seen, and in each pass over the data in the expected order."""
        orders = self.orders.values()
        return bool(orders) and all(order.held for order in orders)

    def check(self) -> None:
        """Demand that the order held.

        Raises
        ------
        GateFailed
            It did not, or nothing was seen; with the report.
        """
        if not self.held:
            raise GateFailed(self.report())

    def report(self) -> str:
        """Whether the order held; where it did not, and why probably; what was left out."""
        if not self.steps:
            return "no record was seen: attach the audit to the trainer, then train"
        orders = self.orders
        lines = []
        for epoch, order in orders.items():
            which = f" in epoch {epoch + 1}" if len(orders) > 1 else ""
            lines += self._told(epoch, order, which)
        if len(orders) > 1:
            lines.append(f"{len(orders)} epochs: after the first, the records come again")
        if self._unwatched:
            lines.append(
                f"{self._unwatched} earlier steps, before it was resumed, were not watched"
            )
        return "\n".join(lines)

    def save(self, path: str | Path) -> Path:
        """Write one line of JSON for each update: its step, its epoch, and the ids in order.

        Raises
        ------
        InputError
            JSON cannot give an id back: it is no string, number or boolean.
        OutputError
            The file cannot be written.
        """
        _check_written(id_ for id_ in self.seen if id_ is not None)
        return write_text(path, "".join(map(_line, self.steps)))

    def load(self, path: str | Path) -> Self:
        """Take up what another audit has written, in place of what was seen here.

        A last line that was not finished, as when the process was killed, is left out.

        Raises
        ------
        InputError
            It cannot be read, or a line is not that of an update.
        """
        try:
            *lines, last = Path(path).read_bytes().split(b"\n")
        except OSError as error:
            raise InputError(f"{path} holds no steps of an audit: {error!r}") from error
        steps = [_step(line, f"{path}, line {number}") for number, line in enumerate(lines, 1)]
        try:
            json.loads(last)
        except ValueError:  # empty, or cut off
            pass
        else:
            steps.append(_step(last, f"{path}, line {len(lines) + 1}"))
        self.steps = steps
        return self

    def attach(self, trainer: Any) -> None:
        """Watch a trainer; to be called before ``trainer.train()``.

        Raises
        ------
        UsageError
            The training set has no such column, or holds none of the expected ids.
        InputError
            It holds an id that is to be written and cannot be.
        """
        if getattr(trainer.training_step, "func", None) == self._train:
            return
        self._look_at(trainer.train_dataset)
        trainer.get_train_dataloader = functools.partial(
            self._load, trainer, trainer.get_train_dataloader
        )
        trainer.training_step = functools.partial(self._train, trainer.training_step)
        trainer.add_callback(_callback(self))

    # What was seen, beside what was expected.

    @property
    def _unwatched(self) -> int:
        return self.steps[-1].step - len(self.steps)

    def _of(self, epoch: int) -> list[Step]:
        return [step for step in self.steps if step.epoch == epoch]

    def _order(self, epoch: int) -> Order:
        ids = [id_ for step in self._of(epoch) for id_ in step.ids]
        if self._run.ranks > 1:
            ids = ids[: len(ids) - self._filled_up(ids)]
        order = compare_order(self.expected, ids)
        if self._unwatched:
            order = replace(order, dropped=())  # they may have come unwatched
        if epoch == self.steps[0].epoch and ids:
            place = self._number_of.get(ids[0], 0)
            if place < self._run.skipped:
                order = replace(order, broken_at=0, broken_by=f"{ids[0]!r} came again")
        return order

    def _filled_up(self, ids: Sequence[Hashable]) -> int:
        """Records at the end with which accelerate fills up the last batch, from the first ones."""
        most = min(len(self.steps[0].ids) - 1, len(ids) // 2)
        return next((k for k in range(most, 0, -1) if ids[-k:] == ids[:k]), 0)

    def _told(self, epoch: int, order: Order, which: str) -> list[str]:
        steps = self._of(epoch)
        if order.broken_at is None:
            lines = [f"the order held{which}: {order.n_seen} records in {len(steps)} steps"]
        else:
            step = self._step_at(steps, order.broken_at)
            lines = [
                f"the order was lost{which}: {order.broken_by}, at place {order.broken_at + 1} of "
                f"{order.n_seen}, in step {step.step}",
                f"likely cause: {self._cause(order, steps, step)}",
            ]
            if order.correlation is not None:
                lines.append(f"rank correlation with the expected order: {order.correlation:.3f}")
        named = {
            "left out": order.dropped,
            "not reached": order.unreached,
            "seen again": order.repeated,
            "not expected": order.unknown,
        }
        return lines + [f"{what}: {_some(ids)}" for what, ids in named.items() if ids]

    @staticmethod
    def _step_at(steps: Sequence[Step], place: int) -> Step:
        for step in steps:
            if place < len(step.ids):
                return step
            place -= len(step.ids)
        return steps[-1]

    def _cause(self, order: Order, steps: Sequence[Step], broken: Step) -> str:
        run = self._run
        if order.broken_by.endswith("not expected"):
            return "the training set holds other records too; expect them where they should come"
        if order.broken_at == 0 or broken.step - 1 in run.resumed_at:
            return "it was resumed with ignore_data_skip, and so began again at the first record"
        if not run.data_in_order:
            return (
                "the training set is in another order than was expected: it was shuffled, split "
                "or sorted before it came to the trainer"
            )
        if run.sampling in ("group_by_length", "batch_rebalance") or _sorted_by_length(steps):
            return (
                "records are grouped by length; set train_sampling_strategy to sequential, and "
                "pack with wrapped, not bfd, if at all"
            )
        if order.furthest * 5 < order.n_seen:
            return (
                f"records are mixed within windows, at most {order.furthest} from their places: "
                "packing by length, or dataloader_in_order: false"
            )
        if 2 * order.streams**2 <= order.n_seen:
            return (
                f"{order.streams} sequences, each in order, are read in turn: a block of rows for "
                "each rank; let batches be dealt out in turn instead"
            )
        if run.sampling == "sequential":
            return "the sampler is sequential, so rows were moved before: by packing, or a shuffle"
        return (
            "the sampler is random, which is the default; set train_sampling_strategy to "
            "sequential (transformers 5.2 or later)"
        )

    # In the trainer.

    def _look_at(self, data: Any) -> None:
        """Hold the training set against the expected ids, as far as it can be seen beforehand."""
        if data is None:
            raise UsageError("the trainer has no training set")
        columns = getattr(data, "column_names", None)
        streams = not hasattr(data, "__len__")
        if self.column is None:
            if streams:
                raise UsageError("the rows of a stream have no position; give the column of an id")
            return
        if columns is not None and self.column not in columns:
            raise UsageError(
                f"the training set has no column {self.column!r}, but {', '.join(columns)}; keep "
                "it when you tokenize, or name another. TRL keeps none when it packs: train "
                "without packing"
            )
        if columns is None or streams:
            return
        ids = list(chain.from_iterable(map(_ids, data[self.column])))
        if ids and not any(id_ in self._number_of for id_ in ids):
            raise UsageError(
                f"none of the expected ids, {_some(self.expected)}, is in the column "
                f"{self.column!r} of the training set: {_some(ids)}"
            )
        self._run.data_in_order = compare_order(self.expected, ids).held
        others = [id_ for id_ in dict.fromkeys(ids) if id_ not in self._number_of]
        if self.path is not None:
            _check_written(others)
        self._number_of |= places(others, start=len(self._known))
        self._known += others

    def _load(self, trainer: Any, build: Callable[[], Any]) -> Any:
        """Build the loader of the training set, with batches that carry the ids."""
        given = trainer.data_collator, trainer.train_dataset, trainer._signature_columns
        column, hidden = self.column or _POSITION, self.column is None
        if self.column is None:
            trainer.train_dataset = _Positioned(given[1])
        if trainer.args.remove_unused_columns:
            trainer._set_signature_columns_if_needed()
            hidden = column not in trainer._signature_columns
            trainer._signature_columns = [*trainer._signature_columns, column]
        trainer.data_collator = _Carrying(given[0], column, self._number_of, hidden)
        try:
            return build()
        finally:
            trainer.data_collator, trainer.train_dataset, trainer._signature_columns = given

    def _train(
        self, train: Callable[..., Any], model: Any, batch: Any, *rest: Any, **more: Any
    ) -> Any:
        """Take the ids out of a batch, and train on it."""
        if not isinstance(batch, MutableMapping) or _CARRIED not in batch:
            raise UsageError(
                "a batch carries no ids: this trainer makes its batches without data_collator, or "
                "others from them, and cannot be audited"
            )
        self._run.pending.append(batch.pop(_CARRIED))
        return train(model, batch, *rest, **more)

    def _begin(self, args: Any, state: Any) -> None:
        """Training begins, or goes on after a checkpoint."""
        run, done = self._run, state.global_step
        if done and not self.steps and self.path is not None and self.path.exists():
            self.load(self.path)
        self.steps = [step for step in self.steps if step.step <= done]
        run.pending = []
        run.ranks = args.world_size
        run.sampling = getattr(args, "train_sampling_strategy", None)
        if not done:
            run.resumed_at, run.skipped = set(), 0
        else:
            run.resumed_at.add(done)
            if not self.steps:
                epochs = state.epoch or 1.0
                run.skipped = round(done * (epochs % 1) / epochs)
        if self.path is not None and state.is_world_process_zero:
            self.save(self.path)

    def _begin_epoch(self, state: Any) -> None:
        self._run.epoch = int((state.epoch or 0) + 1e-6)

    def _end_step(self, state: Any) -> None:
        """An update was made: write down from which records."""
        run = self._run
        batches = _of_all_ranks([carried.tolist() for carried in run.pending], run.ranks)
        run.pending = []
        rows = [row for batch in batches for row in batch]
        ids = tuple(None if number < 0 else self._known[number] for number, _ in rows)
        step = Step(state.global_step, run.epoch, ids, tuple(length for _, length in rows))
        self.steps.append(step)
        if self.path is not None and state.is_world_process_zero:
            with open(self.path, "a", encoding="utf-8", newline="\n") as file:
                file.write(_line(step))


class _Carrying:
    """A collator whose batches carry the number of each record's id, and its tokens."""

    def __init__(
        self,
        collate: Callable[[list[Any]], Any],
        column: str,
        number_of: Mapping[Hashable, int],
        hidden: bool,
    ) -> None:
        self.collate, self.column, self.number_of = collate, column, number_of
        self.hidden = hidden  # whether the collator would not see the column without us

    def __call__(self, records: list[Any]) -> Any:
        import torch

        rows, shown = [], []
        for record in records:
            if not isinstance(record, Mapping) or self.column not in record:
                raise UsageError(f"a record of the training set has no {self.column!r}")
            ids = _ids(record[self.column])
            length = len(record.get("input_ids", ())) if len(ids) == 1 else 0
            rows += [(self.number_of.get(id_, -1), length) for id_ in ids]
            shown.append({k: v for k, v in record.items() if k != self.column or not self.hidden})
        batch = self.collate(shown)
        if not isinstance(batch, MutableMapping):
            raise UsageError(
                f"an audit needs batches that are mappings, not {type(batch).__name__}"
            )
        batch[_CARRIED] = torch.tensor(rows, dtype=torch.int64).reshape(-1, 2)
        return batch


class _Positioned:
    """A training set whose rows hold their position."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, position: int) -> dict[str, Any]:
        return {**self.data[position], _POSITION: position}


def _callback(audit: OrderAudit) -> Any:
    """What tells an audit that training begins, an epoch begins, and a step ends."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            audit._begin(args, state)

        def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            audit._begin_epoch(state)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            audit._end_step(state)

    return Watch()


def _ids(value: Any) -> list[Hashable]:
    """The id, or the ids, that a column holds in one row."""
    value = _plain(value)
    return list(map(_plain, value)) if isinstance(value, list | tuple) else [value]


def _plain(id_: Any) -> Any:
    """What Python has for a number of numpy or torch."""
    return id_.tolist() if hasattr(id_, "tolist") else id_


def _check_written(ids: Iterable[Hashable]) -> None:
    """Raise unless JSON gives these ids back as they are."""
    for id_ in ids:
        if not isinstance(id_, str | int | float) or (
            isinstance(id_, float) and not math.isfinite(id_)
        ):
            raise InputError(
                f"the id {id_!r} cannot be written and read again; give the audit ids that are "
                "strings, numbers or booleans"
            )


def _of_all_ranks(batches: list[Any], ranks: int) -> list[Any]:
    """The batches of every rank, in turn; ranks that share a batch count once."""
    if ranks == 1:
        return batches
    import torch.distributed

    by_rank: list[Any] = [None] * ranks
    torch.distributed.all_gather_object(by_rank, batches)
    turns = zip_longest(*by_rank, fillvalue=[])
    return [b for turn in turns for before, b in pairwise([None, *turn]) if b != before]


def _sorted_by_length(steps: Sequence[Step]) -> bool:
    """Whether nearly every record is as long as the one after it, or longer, but not all alike."""
    lengths = [length for step in steps for length in step.lengths]
    pairs = [(a, b) for a, b in pairwise(lengths) if a != b]
    return len(pairs) > 8 and sum(a > b for a, b in pairs) > 0.9 * len(pairs)


def _some(ids: Sequence[Hashable]) -> str:
    shown = ", ".join(map(repr, ids[:_SHOWN])) + (", ..." if len(ids) > _SHOWN else "")
    return f"{len(ids)} ({shown})"


def _line(step: Step) -> str:
    line = {"step": step.step, "epoch": step.epoch, "ids": step.ids}
    return json.dumps(line, ensure_ascii=False) + "\n"


def _step(line: bytes, place: str) -> Step:
    """The update that a line was written for."""
    try:
        found = json.loads(line)
        step, epoch, ids = found["step"], found["epoch"], found["ids"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{place} is no step of an audit: {error!r}") from error
    if type(step) is not int or type(epoch) is not int or step < 1 or epoch < 0:
        raise InputError(f"{place} has no step from 1, or no epoch from 0: {step!r}, {epoch!r}")
    if not isinstance(ids, list) or any(isinstance(id_, list | dict) for id_ in ids):
        raise InputError(f"{place} has ids that are no list of strings, numbers or booleans")
    return Step(step, epoch, tuple(ids))
