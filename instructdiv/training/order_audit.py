"""Order audit: which records a trainer has trained on, and whether in the order they were given."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise, zip_longest
from pathlib import Path
from typing import Any, Self

from instructdiv.core.files import write_text
from instructdiv.errors import GateFailed, UsageError
from instructdiv.training.audit_steps import Step, check_written, read_steps
from instructdiv.training.batch_ids import POSITION, CarryIds, Positioned, ids_of, plain, take_ids
from instructdiv.training.order import OrderComparison, compare_order, places

_SHOWN = 5


@dataclass
class _Run:
    """State of the training run that is watched."""

    pending: list[Any] = field(default_factory=list)
    """Ids carried by the batches since the last update."""

    epoch: int = 0
    """Number of the current epoch, from 0."""

    ranks: int = 1
    """Number of processes that train."""

    sampling: str | None = None
    """The trainer's ``train_sampling_strategy``, where it has one."""

    data_in_order: bool = True
    """Whether the training set is in the expected order; True where it cannot be looked at."""

    resumed_at: set[int] = field(default_factory=set)
    """Updates after which the run was resumed."""

    skipped: int = 0
    """Updates of the same epoch before the first that was watched."""


class OrderAudit:
    """Records which examples a ``transformers.Trainer`` trains on, and whether the order held.

    A collator adds the id of each record to its batch, in whatever process it is collated, and a
    hook takes the ids out before the model sees the batch. So the audit holds the records that
    gradients were computed from, over all ranks, the batch of rank 0 first. Only public interfaces
    are used: ``data_collator``, a callback, and a forward hook of torch. With several ranks, each
    step gathers one small object.

    Parameters
    ----------
    expected_ids
        Ids of the records in the order in which they should be seen; all distinct. Numbers of
        numpy count as those of Python.
    column
        Column of the training set that holds the id of a record, or, where records are packed,
        a list of ids. None: the id is the position of the row in the training set.
    path
        JSON lines file to write while training runs: step, epoch and ids of each update. A run
        resumed in another process continues the file from its checkpoint. Ids must be strings,
        numbers or booleans, since JSON gives no others back.

    Raises
    ------
    InputError
        An id is expected twice, or cannot be written to `path`.

    Notes
    -----
    The training arguments need ``remove_unused_columns=False``, or the trainer removes the ids
    before the collator: keep the id, and the columns that the collator or the model reads. Not
    audited can be several GPUs in one process (use torchrun), and trainers whose batches are no
    mapping or do not reach the model whole, such as TRL's for preferences and GRPO.

    A resumed run forgets the updates after its checkpoint, as the model does. Without this object
    or `path`, the updates before the checkpoint are unknown: the audit then judges what it saw,
    and whether the run started again at the first record.

    Examples
    --------
    ::

        arguments = TrainingArguments(..., remove_unused_columns=False)
        trainer = Trainer(model, arguments, train_dataset=dataset)
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
        self.expected = tuple(map(plain, expected_ids))
        """Ids in the order in which they should be seen."""

        self.column = column
        """Column of the training set that holds the ids; None for the position."""

        self.path = None if path is None else Path(path)
        """JSON lines file that is written while training runs."""

        if self.path is not None:
            check_written(self.expected)

        self.steps: list[Step] = []
        """The updates that were seen, in order."""

        self._number_of = places(self.expected)  # grows by what else is in the training set
        self._known: list[Hashable] = list(self.expected)
        self._run = _Run()
        self._model: Any = None

    def __repr__(self) -> str:
        return f"OrderAudit({len(self.expected)} ids, column={self.column!r})"

    def __str__(self) -> str:
        return self.report()

    @property
    def seen(self) -> list[Hashable]:
        """Ids in the order in which they were trained on; None for an unknown record."""
        return [id_ for step in self.steps for id_ in step.ids]

    @property
    def orders(self) -> dict[int, OrderComparison]:
        """Comparison of each epoch, numbered from 0, with the expected order."""
        return {epoch: self._order(epoch) for epoch in sorted({s.epoch for s in self.steps})}

    @property
    def held(self) -> bool:
        """Whether records were seen, in every epoch in the expected order."""
        orders = self.orders.values()
        return bool(orders) and all(order.held for order in orders)

    def check(self) -> None:
        """Raise unless the order held.

        Raises
        ------
        GateFailed
            The order was lost, or no record was seen; with the report.
        """
        if not self.held:
            raise GateFailed(self.report())

    def report(self) -> str:
        """Whether the order held; if not, where it broke and the likely cause; records left out."""
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
            An id is no string, number or boolean, so that JSON cannot give it back.
        OutputError
            The file cannot be written.
        """
        check_written(id_ for id_ in self.seen if id_ is not None)
        return write_text(path, "".join(step.line() for step in self.steps))

    def load(self, path: str | Path) -> Self:
        """Replace the updates seen here with those that another audit has written.

        An unfinished last line, as when the process was killed, is left out.

        Raises
        ------
        InputError
            The file cannot be read, or a line does not hold an update.
        """
        self.steps = read_steps(path)
        return self

    def attach(self, trainer: Any) -> None:
        """Watch a trainer; call it before ``trainer.train()``.

        It wraps ``trainer.data_collator``, adds a callback, and with ``column=None`` wraps
        ``trainer.train_dataset``, so that rows hold their position.

        Raises
        ------
        UsageError
            The trainer removes the ids before they can be read, the training set has no such
            column, or holds none of the expected ids, or one process trains on several GPUs.
        InputError
            The training set holds an id that cannot be written to `path`.
        """
        collate, number_of = trainer.data_collator, self._number_of
        if isinstance(collate, CarryIds) and collate.number_of is number_of:
            return
        column = self.column or POSITION
        if trainer.args.remove_unused_columns:
            raise UsageError(
                f"the trainer removes the column {column!r} before the audit can read it: set "
                "remove_unused_columns=False, and select the columns that the model reads, and "
                "the id, yourself"
            )
        if trainer.args.n_gpu > 1:
            raise UsageError(
                f"one process trains on {trainer.args.n_gpu} GPUs, so that batches have no order; "
                "start one process for each GPU with torchrun"
            )
        self._look_at(trainer.train_dataset)
        if self.column is None:
            trainer.train_dataset = Positioned(trainer.train_dataset)
        trainer.data_collator = CarryIds(collate, column, number_of)
        self._hook(trainer.model)
        trainer.add_callback(_callback(self))

    # The comparison with the expected order.

    @property
    def _unwatched(self) -> int:
        return self.steps[-1].step - len(self.steps)

    def _of(self, epoch: int) -> list[Step]:
        return [step for step in self.steps if step.epoch == epoch]

    def _order(self, epoch: int) -> OrderComparison:
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
        """Number of records that accelerate repeats from the start to fill up the last batch."""
        most = min(len(self.steps[0].ids) - 1, len(ids) // 2)
        return next((k for k in range(most, 0, -1) if ids[-k:] == ids[:k]), 0)

    def _told(self, epoch: int, order: OrderComparison, which: str) -> list[str]:
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

    def _cause(self, order: OrderComparison, steps: Sequence[Step], broken: Step) -> str:
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

    # During training.

    def _look_at(self, data: Any) -> None:
        """Compare the training set with the expected ids before training, unless it is a stream."""
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
        ids = list(chain.from_iterable(map(ids_of, data[self.column])))
        if ids and not any(id_ in self._number_of for id_ in ids):
            raise UsageError(
                f"none of the expected ids, {_some(self.expected)}, is in the column "
                f"{self.column!r} of the training set: {_some(ids)}"
            )
        self._run.data_in_order = compare_order(self.expected, ids).held
        others = [id_ for id_ in dict.fromkeys(ids) if id_ not in self._number_of]
        if self.path is not None:
            check_written(others)
        self._number_of |= places(others, start=len(self._known))
        self._known += others

    def _hook(self, model: Any) -> None:
        """Take the ids out of the batches of a model, once."""
        if model is not self._model:
            take_ids(model, self._note)
            self._model = model

    def _note(self, carried: Any) -> None:
        self._run.pending.append(carried)

    def _begin(self, args: Any, state: Any, model: Any) -> None:
        """Training begins, or resumes after a checkpoint."""
        self._hook(model)  # with model_init it is another one than before
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
        """Note the records that an update was made from."""
        run = self._run
        batches = _of_all_ranks([carried.tolist() for carried in run.pending], run.ranks)
        run.pending = []
        rows = [row for batch in batches for row in batch]
        ids = tuple(None if number < 0 else self._known[number] for number, _ in rows)
        lengths = tuple(length for _, length in rows)
        step = Step(state.global_step, run.epoch, ids, lengths)
        self.steps.append(step)
        if self.path is not None and state.is_world_process_zero:
            with open(self.path, "a", encoding="utf-8", newline="\n") as file:
                file.write(step.line())


def _callback(audit: OrderAudit) -> Any:
    """Tells an audit when training begins, an epoch begins, and a step ends."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            audit._begin(args, state, given["model"])

        def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            audit._begin_epoch(state)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            audit._end_step(state)

    return Watch()


def _of_all_ranks(batches: list[Any], ranks: int) -> list[Any]:
    """The batches of all ranks, in turn; a batch that ranks share counts once."""
    if ranks == 1:
        return batches
    import torch.distributed

    by_rank: list[Any] = [None] * ranks
    torch.distributed.all_gather_object(by_rank, batches)
    turns = zip_longest(*by_rank, fillvalue=[])
    return [b for turn in turns for before, b in pairwise([None, *turn]) if b != before]


def _sorted_by_length(steps: Sequence[Step]) -> bool:
    """Whether at least 90 % of the changes of length from record to record are falls."""
    lengths = [length for step in steps for length in step.lengths]
    pairs = [(a, b) for a, b in pairwise(lengths) if a != b]
    return len(pairs) > 8 and sum(a > b for a, b in pairs) > 0.9 * len(pairs)


def _some(ids: Sequence[Hashable]) -> str:
    shown = ", ".join(map(repr, ids[:_SHOWN])) + (", ..." if len(ids) > _SHOWN else "")
    return f"{len(ids)} ({shown})"
