"""The order of a mix: what trainers are told so that they keep it, and whether they did."""

import math
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from instructdiv.errors import GateFailed, InputError, UsageError
from instructdiv.training.audit_steps import Step
from instructdiv.training.batch_ids import ids_of
from instructdiv.training.order_audit import OrderAudit, _of_all_ranks
from tests.shared_data import ROOT
from tests.training.tiny_trainer import IDS, audited, rows_of, trainer_on

pytestmark = pytest.mark.usefixtures("one_torch_thread")

# A real trainer on a tiny model.

SEQUENTIAL = {"train_sampling_strategy": "sequential"}


def padded(records: list[Any]) -> dict[str, Any]:
    """A batch of records of different lengths."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    tokens = [torch.tensor(record["input_ids"]) for record in records]
    together = pad_sequence(tokens, batch_first=True)
    return {"input_ids": together, "labels": together.clone()}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"dataloader_num_workers": 2},
        {"gradient_accumulation_steps": 3},
        {"collate": padded},
        {"gradient_accumulation_steps": 5, "dataloader_num_workers": 1},
    ],
    ids=["plain", "workers", "accumulation", "another collator", "both"],
)
def test_a_sequential_trainer_keeps_the_order(tmp_path, settings):
    trainer = trainer_on(rows_of(IDS), tmp_path, **SEQUENTIAL, **settings)
    audit = audited(trainer)
    assert audit.held
    assert audit.seen == IDS
    together = 4 * settings.get("gradient_accumulation_steps", 1)
    assert [step.step for step in audit.steps] == list(range(1, len(audit.steps) + 1))
    assert audit.steps[0].ids == tuple(IDS[:together])
    audit.check()
    assert str(audit) == f"the order held: 48 records in {len(audit.steps)} steps"


@pytest.mark.parametrize("settings", [{}, {"dataloader_num_workers": 2}], ids=["plain", "workers"])
def test_a_trainer_loses_the_order_by_default(tmp_path, settings):
    audit = audited(trainer_on(rows_of(IDS), tmp_path, **settings))
    assert not audit.held
    assert len(audit.seen) == len(IDS)
    assert set(audit.seen) == set(IDS)
    with pytest.raises(GateFailed, match=r"set train_sampling_strategy to sequential"):
        audit.check()
    [order] = audit.orders.values()
    assert order.correlation is not None
    assert order.correlation < 0.9


def test_what_is_seen_is_what_gradients_were_made_of(tmp_path):
    data = rows_of(IDS)
    trainer = trainer_on(data, tmp_path, dataloader_num_workers=1, gradient_accumulation_steps=2)
    known = {tuple(row["input_ids"]): row["id"] for row in data}
    seen: list[str] = []

    def watch(_model: Any, _args: Any, inputs: dict[str, Any]) -> None:
        assert (
            {"input_ids", "labels"} <= set(inputs) <= {"input_ids", "labels", "num_items_in_batch"}
        )
        seen.extend(known[tuple(tokens)] for tokens in inputs["input_ids"].tolist())

    audit = OrderAudit(IDS)
    audit.attach(trainer)
    trainer.model.register_forward_pre_hook(watch, with_kwargs=True)
    trainer.train()
    assert audit.seen == seen


def test_an_audit_changes_nothing(tmp_path):
    how: dict[str, Any] = {"eval_strategy": "steps", "eval_steps": 4}
    other = rows_of(["other", "another"])
    alone = trainer_on(rows_of(IDS), tmp_path, eval_data=other, **how)
    alone.train()
    watched = trainer_on(rows_of(IDS), tmp_path, eval_data=other, **how)
    audited(watched)
    weights = watched.model.state_dict()
    assert all((weights[name] == value).all() for name, value in alone.model.state_dict().items())
    assert watched.evaluate()["eval_loss"] == alone.evaluate()["eval_loss"]


def test_a_trainer_that_would_remove_the_ids_is_told_how_to_keep_them(tmp_path):
    trainer = trainer_on(rows_of(IDS), tmp_path, remove_unused_columns=True)
    with pytest.raises(UsageError, match="'id'.*remove_unused_columns=False"):
        OrderAudit(IDS).attach(trainer)


def test_a_model_that_is_made_when_training_begins_is_audited(tmp_path):
    trainer = trainer_on(rows_of(IDS), tmp_path, **SEQUENTIAL)
    config = trainer.model.config
    trainer.model_init = lambda: type(trainer.model)(config)
    assert audited(trainer).seen == IDS


def test_nothing_private_of_a_trainer_is_touched(tmp_path):
    trainer = trainer_on(rows_of(IDS), tmp_path)
    before = dict(vars(trainer))
    OrderAudit(IDS).attach(trainer)
    changed = {name for name, value in vars(trainer).items() if before.get(name) is not value}
    assert changed == {"data_collator"}


@pytest.mark.parametrize("sampling", ["group_by_length", "batch_rebalance"])
def test_records_grouped_by_length_are_told(tmp_path, sampling):
    how: dict[str, Any] = {"train_sampling_strategy": sampling}
    if sampling == "batch_rebalance":
        how["gradient_accumulation_steps"] = 4
    trainer = trainer_on(rows_of(IDS, 20), tmp_path, collate=padded, **how)
    audit = audited(trainer)
    assert not audit.held
    assert "grouped by length" in audit.report()


def test_records_sorted_by_length_beforehand_are_told(tmp_path):
    rows = sorted(rows_of(IDS, 20), key=lambda row: -len(row["input_ids"]))
    audit = audited(trainer_on(rows, tmp_path, collate=padded, **SEQUENTIAL))
    assert not audit.held
    assert "grouped by length" in audit.report()


def test_a_training_set_that_was_shuffled_beforehand_is_told(tmp_path):
    audit = audited(trainer_on(rows_of(IDS).shuffle(seed=0), tmp_path, **SEQUENTIAL))
    assert not audit.held
    assert "shuffled, split or sorted before it came to the trainer" in audit.report()


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ([i + 24 * half for i in range(24) for half in (0, 1)], "2 sequences, each in order"),
        ([i + j for i in range(0, 48, 4) for j in (3, 1, 0, 2)], "at most 3 from their places"),
        (random.Random(0).sample(range(48), 48), "rows were moved before"),
    ],
    ids=["a block for each rank", "windows", "any"],
)
def test_the_cause_is_told_from_the_order(tmp_path, order, told):
    trainer = trainer_on(rows_of(IDS), tmp_path, **SEQUENTIAL)
    trainer._get_train_sampler = lambda *_: order
    audit = audited(trainer)
    assert audit.seen == [IDS[i] for i in order]
    assert not audit.held
    assert told in audit.report()


def test_records_that_were_left_out_are_named(tmp_path):
    data = rows_of(IDS).select([i for i in range(40) if i not in (0, 7)])
    audit = audited(trainer_on(data, tmp_path, **SEQUENTIAL))
    assert audit.held
    assert "left out: 2 ('r0', 'r7')" in audit.report()
    assert "not reached: 8 ('r40', 'r41', 'r42', 'r43', 'r44', ...)" in audit.report()


def test_records_of_other_data_are_told(tmp_path):
    audit = audited(trainer_on(rows_of([*IDS[:9], "other", *IDS[9:]]), tmp_path, **SEQUENTIAL))
    assert not audit.held
    assert "'other' was not expected, at place 10 of 49, in step 3" in audit.report()


def test_an_id_can_be_the_position_of_a_row(tmp_path):
    for data in (rows_of(IDS).remove_columns("id"), list(rows_of(IDS).remove_columns("id"))):
        audit = OrderAudit(range(48), column=None)
        assert audited(trainer_on(data, tmp_path, **SEQUENTIAL), audit).held
        assert audit.seen == list(range(48))


def test_a_stream_is_audited_by_id(tmp_path):
    trainer = trainer_on(
        rows_of([*IDS[:47], "other"]).to_iterable_dataset(), tmp_path, max_steps=12
    )
    with pytest.raises(UsageError, match="give the column of an id"):
        OrderAudit(range(48), column=None).attach(trainer)
    audit = audited(trainer)
    assert audit.seen == [*IDS[:47], None]
    assert "None was not expected, at place 48" in audit.report()


def test_packed_records_can_name_several_ids(tmp_path):
    from datasets import Dataset

    packed = [
        {"id": [f"r{3 * i + j}" for j in range(4)], "input_ids": [i] * 8, "labels": [i] * 8}
        for i in range(15)
    ]  # the last of each is the first of the next: it is cut in two
    data = Dataset.from_list(packed)
    audit = audited(trainer_on(data, tmp_path, **SEQUENTIAL), OrderAudit(IDS[:46]))
    assert audit.held
    assert len(audit.seen) == 60


def test_evaluation_is_left_alone(tmp_path):
    how: dict[str, Any] = {**SEQUENTIAL, "eval_strategy": "steps", "eval_steps": 4}
    other = rows_of(["other", "another"])
    trainer = trainer_on(rows_of(IDS), tmp_path, eval_data=other, **how)
    assert audited(trainer).seen == IDS
    assert trainer.evaluate()["eval_loss"] > 0


def test_each_epoch_is_judged(tmp_path):
    held = audited(trainer_on(rows_of(IDS), tmp_path, **SEQUENTIAL, num_train_epochs=2))
    assert held.held
    assert held.seen == IDS * 2
    assert "2 epochs: after the first, the records come again" in held.report()
    lost = audited(trainer_on(rows_of(IDS), tmp_path, num_train_epochs=2))
    assert [order.held for order in lost.orders.values()] == [False, False]
    assert lost.orders[1].repeated == ()


# A run that is resumed.


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Folder of a run that stopped after 8 of 12 steps, with a checkpoint after 5 and an audit."""
    from transformers import TrainerCallback

    folder = tmp_path_factory.mktemp("stopped")
    trainer = trainer_on(
        rows_of(IDS),
        folder,
        **SEQUENTIAL,
        save_strategy="steps",
        save_steps=5,
    )
    audit = OrderAudit(IDS, path=folder / "order.jsonl")

    class Stop(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            control.should_training_stop = state.global_step == 8

    trainer.add_callback(Stop())
    return folder, audited(trainer, audit)


def resumed(folder: Path, audit: OrderAudit, **settings: Any) -> OrderAudit:
    trainer = trainer_on(rows_of(IDS), folder, **SEQUENTIAL, **settings)
    return audited(trainer, audit, resume_from_checkpoint=str(folder / "checkpoint-5"))


def test_a_resumed_run_skips_what_was_trained_on(stopped):
    audit = resumed(stopped[0], OrderAudit(IDS))
    assert audit.seen == IDS[20:]
    assert audit.held
    assert audit.report().endswith("5 earlier steps, before it was resumed, were not watched")
    assert "left out" not in audit.report()


def test_a_resumed_run_goes_on_with_what_was_written(stopped, tmp_path):
    path = tmp_path / "order.jsonl"
    path.write_bytes((stopped[0] / "order.jsonl").read_bytes())
    assert len(path.read_text().splitlines()) == 8
    audit = resumed(stopped[0], OrderAudit(IDS, path=path))
    assert audit.seen == IDS
    assert str(audit) == "the order held: 48 records in 12 steps"
    assert OrderAudit(IDS).load(path).seen == IDS


def test_the_same_audit_forgets_what_the_model_forgets(stopped):
    audit = OrderAudit(IDS).load(stopped[0] / "order.jsonl")
    assert audit.seen == stopped[1].seen == IDS[:32]
    assert resumed(stopped[0], audit).seen == IDS


@pytest.mark.parametrize("known", [False, True], ids=["unwatched", "watched"])
def test_a_resumed_run_that_begins_again_loses_the_order(stopped, known):
    audit = OrderAudit(IDS)
    if known:
        audit.load(stopped[0] / "order.jsonl")
    resumed(stopped[0], audit, ignore_data_skip=True, max_steps=12)
    assert audit.seen[-28:] == IDS[:28]
    assert not audit.held
    assert "resumed with ignore_data_skip" in audit.report()


def test_an_audit_survives_being_written(stopped, tmp_path):
    audit = stopped[1]
    back = OrderAudit(IDS).load(audit.save(tmp_path / "order.jsonl"))
    assert back.seen == audit.seen
    assert [step.step for step in back.steps] == [step.step for step in audit.steps]
    (tmp_path / "bad.jsonl").write_text('{"step": 1}\n')
    with pytest.raises(InputError, match="bad.jsonl"):
        back.load(tmp_path / "bad.jsonl")


def test_numbers_of_numpy_survive_being_written(tmp_path):
    ids = np.arange(48)
    data = rows_of(IDS).remove_columns("id").add_column("id", ids.tolist())
    path = tmp_path / "order.jsonl"
    stop = {**SEQUENTIAL, "max_steps": 5, "save_strategy": "steps", "save_steps": 5}
    audited(trainer_on(data, tmp_path, **stop), OrderAudit(ids, path=path))
    audit = OrderAudit(list(ids), path=path)
    trainer = trainer_on(list(data.with_format("numpy")), tmp_path, **SEQUENTIAL)
    audited(trainer, audit, resume_from_checkpoint=str(tmp_path / "checkpoint-5"))
    assert audit.seen == list(range(48))
    audit.check()


def test_several_ids_of_a_record_may_be_numbers_of_numpy():
    assert [type(id_) for id_ in ids_of([np.int64(5), np.str_("a"), 0.5])] == [int, str, float]


@pytest.mark.parametrize("id_", [("a", 1), None, b"a", math.nan, np.datetime64("2024-01-01")])
def test_ids_that_json_cannot_give_back_are_not_written(tmp_path, id_):
    audit = OrderAudit([*IDS, id_])
    audit.steps = [Step(1, 0, (IDS[0], None))]
    audit.save(tmp_path / "order.jsonl")  # None is also what is not known
    with pytest.raises(InputError, match="cannot be written and read again"):
        OrderAudit([*IDS, id_], path=tmp_path / "order.jsonl")
    if id_ is not None:
        audit.steps = [Step(1, 0, audit.expected)]
        with pytest.raises(InputError, match="cannot be written and read again"):
            audit.save(tmp_path / "order.jsonl")


def test_other_ids_of_the_training_set_must_be_written_too(tmp_path):
    data = [*rows_of(IDS), {**rows_of(["x"])[0], "id": b"x"}]

    class Data(list[Any]):
        column_names = ("id", "input_ids", "labels")

        def __getitem__(self, key: Any) -> Any:
            return [row["id"] for row in self] if key == "id" else super().__getitem__(key)

    with pytest.raises(InputError, match="the id b'x' cannot be written"):
        OrderAudit(IDS, path=tmp_path / "order.jsonl").attach(trainer_on(Data(data), tmp_path))


@pytest.mark.parametrize(
    "line",
    [
        '{"step": "x", "epoch": 0, "ids": []}',
        '{"step": true, "epoch": 0, "ids": []}',
        '{"step": 0, "epoch": 0, "ids": []}',
        '{"step": 2, "epoch": 0.5, "ids": []}',
        '{"step": 2, "epoch": 0, "ids": "ab"}',
        '{"step": 2, "epoch": 0, "ids": [["a"]]}',
        '{"step": 2, "epoch": 0}',
        '{"step": "x"}',
        "[]",
        "3",
        '{"step": 2, "epo',
    ],
)
def test_a_line_that_is_no_step_is_named(tmp_path, line):
    path = tmp_path / "order.jsonl"
    path.write_text(f'{{"step": 1, "epoch": 0, "ids": ["a"]}}\n{line}\n')
    audit = OrderAudit("ab")
    with pytest.raises(InputError, match=r"order\.jsonl, line 2"):
        audit.load(path)
    assert audit.steps == []


def test_an_id_may_hold_any_character(tmp_path):
    ids = ["a\u2028b", "c\x85d", "e\nf", "\u00e9"]
    audit = OrderAudit(ids)
    audit.steps = [Step(1, 0, tuple(ids))]
    assert OrderAudit(ids).load(audit.save(tmp_path / "order.jsonl")).seen == ids


@pytest.mark.parametrize("cut", [1, 2, 12, 30])
def test_a_last_line_that_was_cut_off_does_not_stop_a_resumed_run(stopped, tmp_path, cut):
    path = tmp_path / "order.jsonl"
    whole = (stopped[0] / "order.jsonl").read_bytes()
    path.write_bytes(whole[:-cut])
    audit = resumed(stopped[0], OrderAudit(IDS, path=path))
    assert audit.seen == IDS
    assert OrderAudit(IDS).load(path).seen == IDS


def test_a_line_that_is_cut_off_but_not_the_last_is_an_error(stopped, tmp_path):
    path = tmp_path / "order.jsonl"
    lines = (stopped[0] / "order.jsonl").read_text().splitlines()
    path.write_text("\n".join([lines[0][:-5], *lines[1:]]))
    with pytest.raises(InputError, match="line 1"):
        resumed(stopped[0], OrderAudit(IDS, path=path))


def test_another_run_begins_anew(tmp_path):
    audit = audited(trainer_on(rows_of(IDS), tmp_path, max_steps=2))
    assert audited(trainer_on(rows_of(IDS), tmp_path, **SEQUENTIAL), audit).seen == IDS


# What cannot be audited.


def test_an_audit_that_saw_nothing_has_not_held():
    audit = OrderAudit(IDS)
    assert not audit.held
    with pytest.raises(GateFailed, match="attach the audit"):
        audit.check()


def test_a_training_set_without_the_column_is_an_error(tmp_path):
    trainer = trainer_on(rows_of(IDS).rename_column("id", "key"), tmp_path)
    with pytest.raises(UsageError, match=r"no column 'id', but key, input_ids, labels; keep it"):
        OrderAudit(IDS).attach(trainer)
    trainer = trainer_on(list(rows_of(IDS).remove_columns("id")), tmp_path)
    with pytest.raises(UsageError, match="a record lacks the column"):
        audited(trainer)


def test_ids_of_another_kind_are_an_error(tmp_path):
    with pytest.raises(UsageError, match=r"none of the expected ids, 3 \(0, 1, 2\), .*'r0'"):
        OrderAudit(range(3)).attach(trainer_on(rows_of(IDS), tmp_path))


def test_no_training_set_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="no training set"):
        OrderAudit(IDS).attach(trainer_on(None, tmp_path))


def test_a_trainer_that_makes_other_batches_is_an_error(tmp_path):
    trainer = trainer_on(rows_of(IDS), tmp_path)
    build = trainer.get_train_dataloader
    loader = build()
    trainer.get_train_dataloader = lambda: loader
    with pytest.raises(UsageError, match="carries no ids"):
        audited(trainer)


def test_attaching_twice_is_attaching_once(tmp_path):
    trainer, audit = trainer_on(rows_of(IDS), tmp_path, **SEQUENTIAL), OrderAudit(IDS)
    audit.attach(trainer)
    assert audited(trainer, audit).seen == IDS


def test_the_audit_is_imported_without_torch():
    code = (
        "import sys; from instructdiv.training.order_audit import OrderAudit; OrderAudit('ab')\n"
        "assert not {'torch', 'transformers', 'accelerate', 'datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Several processes.


def test_processes_that_share_a_batch_count_once(monkeypatch):
    import torch.distributed

    def gather(by_rank: list[Any], _: Any) -> None:  # two of four share each part of a batch
        by_rank[:] = [["ab", "ef"], ["ab", "ef"], ["cd", "gh"], ["cd", "gh"]]

    monkeypatch.setattr(torch.distributed, "all_gather_object", gather)
    assert _of_all_ranks(["ab", "ef"], 4) == ["ab", "cd", "ef", "gh"]


RANKS = """
import sys
from pathlib import Path
from instructdiv.training.audit_steps import Step
from instructdiv.training.order_audit import OrderAudit
from tests.training.tiny_trainer import IDS, audited, rows_of, trainer_on

folder, sampling = Path(sys.argv[1]), sys.argv[2]
settings = {"train_sampling_strategy": sampling, "gradient_accumulation_steps": 2}
trainer = trainer_on(rows_of(IDS[:42]), folder, **settings, ddp_backend="gloo")
audit = audited(trainer, OrderAudit(IDS[:42], path=folder / "order.jsonl"))
(folder / f"{trainer.args.process_index}.txt").write_text(audit.report())
"""


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["sequential", "random"])
def test_several_processes_are_judged_together(tmp_path, sampling):
    pytest.importorskip("accelerate", reason="transformers.Trainer needs it")
    script = tmp_path / "ranks.py"
    script.write_text(RANKS)
    run = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", script]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        [sys.executable, *run, tmp_path, sampling],
        check=True,
        env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
    )
    reports = [(tmp_path / f"{rank}.txt").read_text() for rank in (0, 1)]
    assert reports[0] == reports[1]
    seen = OrderAudit(IDS).load(tmp_path / "order.jsonl").seen
    assert len(seen) == 48  # the last batch is filled up from the first records
    assert set(seen) == set(IDS[:42])
    if sampling == "sequential":
        assert seen == IDS[:42] + IDS[:6]
        assert reports[0].startswith("the order held: 42 records in 3 steps")
    else:
        assert "sampler is random" in reports[0]
