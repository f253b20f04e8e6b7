"""The tasks of the arrangement study, and real ones in their place."""

from collections import Counter

import pytest

from instructdiv.errors import InputError, ParameterError
from instructdiv.lab import HELD_OUT, generated_tasks, labelled_tasks
from instructdiv.lab.tasks import every_task
from tests.shared_data import labelled


def test_there_are_63_tasks_in_18_families_and_two_of_each_of_four_are_held_out():
    tasks = {task.name: task.family for task in every_task()}
    assert (len(tasks), len(set(tasks.values()))) == (63, 18)
    assert Counter(tasks[name] for name in HELD_OUT) == dict.fromkeys(
        ("replace", "count", "add", "prefix"), 2
    )
    # There is something of each to learn from.
    assert {tasks[name] for name in tasks if name not in HELD_OUT} == set(tasks.values())


def test_the_generated_pool_has_its_sizes():
    tasks = generated_tasks()
    sizes = Counter(record["task"] for record in tasks.pool)
    assert (len(sizes), set(sizes.values())) == (55, {82})
    assert Counter(record["task"] for record in tasks.target) == dict.fromkeys(HELD_OUT, 16)
    for record in (*tasks.pool, *tasks.target):
        assert list(record) == ["instruction", "input", "output", "task"]
        assert all(record.values())


@pytest.mark.parametrize("seed", range(3))
def test_nothing_of_the_target_is_in_the_pool(seed: int):
    tasks = generated_tasks(seed)
    asked = [{(r["instruction"], r["input"]) for r in part} for part in (tasks.pool, tasks.target)]
    assert not asked[0] & asked[1]
    assert not {r["task"] for r in tasks.pool} & set(tasks.held_out)
    # A held-out task is not asked for under another name either.
    assert not {r["instruction"] for r in tasks.pool} & {r["instruction"] for r in tasks.target}
    assert len(asked[0]) == len(tasks.pool)


def test_answers_are_right():
    answers = {task.name: task.answer for task in every_task()}
    expected = {
        ("replace e with a", "needle"): "naadla",
        ("count e", "needle"): "3",
        ("add 7", "95"): "102",
        ("subtract 5", "12"): "7",
        ("double", "51"): "102",
        ("third letter", "lemon"): "m",
        ("last letter", "lemon"): "n",
        ("prefix mis", "lemon"): "mislemon",
        ("suffix ness", "lemon"): "lemonness",
        ("repeat three times", "lemon"): "lemon lemon lemon",
        ("upper last", "lemon"): "lemoN",
        ("reverse letters", "lemon"): "nomel",
        ("reverse words", "lemon tiger spoon"): "spoon tiger lemon",
        ("sort letters", "lemon"): "elmno",
        ("sort numbers", "62 17 95"): "17 62 95",
        ("keep vowels", "lemon"): "eo",
        ("drop vowels", "lemon"): "lmn",
        ("contains t", "lemon"): "no",
        ("larger number", "62 95"): "95",
        ("middle word", "lemon tiger spoon"): "tiger",
        ("join with dashes", "lemon tiger spoon"): "lemon-tiger-spoon",
        ("letters of all words", "lemon tiger spoon"): "15",
    }
    for (task, about), answer in expected.items():
        assert answers[task](about) == answer


def test_a_seed_gives_the_same_tasks_and_another_gives_others():
    assert generated_tasks(1) == generated_tasks(1)
    assert generated_tasks(1) != generated_tasks(2)


def test_tasks_can_be_named_and_must_be_known():
    tasks = generated_tasks(held_out=["double"], records_per_task=5, targets_per_task=3)
    assert (tasks.held_out, tasks.n_tasks, len(tasks.target)) == (("double",), 62, 3)
    with pytest.raises(ParameterError, match="no task is named 'treble'"):
        generated_tasks(held_out=["treble"])
    with pytest.raises(ParameterError, match="some must be held out, and not all"):
        generated_tasks(held_out=[])
    with pytest.raises(ParameterError, match="has no 500 different records"):
        generated_tasks(records_per_task=500)


def test_labelled_tasks_are_held_out_whole_and_capped():
    rows = labelled()
    tasks = labelled_tasks(rows, records_per_task=20, targets_per_task=5, held_out=4)
    assert len(tasks.held_out) == 4
    assert Counter(r["task"] for r in tasks.target) == dict.fromkeys(tasks.held_out, 5)
    sizes = Counter(r["task"] for r in tasks.pool)
    assert (len(sizes), set(sizes.values())) == (8, {20})
    assert not set(sizes) & set(tasks.held_out)
    assert tasks.pool[0]["output"].startswith("Thing ")
    other = labelled_tasks(rows, 1, records_per_task=20, targets_per_task=5, held_out=4)
    assert other.held_out == tasks.held_out
    assert other.pool != tasks.pool


def test_an_input_that_two_tasks_share_is_not_in_both_parts():
    rows = labelled(3, 6)
    for row in rows:
        row["definition"] = "Do it."
        row["input"] = row["input"].partition(" and")[0]
    tasks = labelled_tasks(rows, targets_per_task=2, held_out=["task01"])
    asked = [{(r["instruction"], r["input"]) for r in part} for part in (tasks.pool, tasks.target)]
    assert asked[0]
    assert not asked[0] & asked[1]


def test_long_definitions_are_cut_and_long_records_left_out():
    rows = labelled(3, 8)
    rows[0]["input"] = "x" * 200
    tasks = labelled_tasks(rows, targets_per_task=2, held_out=1, longest=60)
    assert {r["instruction"] for r in (*tasks.pool, *tasks.target)} <= {
        f"Do thing {n}." for n in range(3)
    }
    kept = labelled_tasks(rows, targets_per_task=2, held_out=["task02"], longest=60).pool
    assert Counter(r["task"] for r in kept) == {"task00": 7, "task01": 8}


def test_labelled_tasks_say_what_is_missing():
    with pytest.raises(InputError, match="missing: definition, task"):
        labelled_tasks([{"instruction": "a", "input": "b", "output": "c"}])
    with pytest.raises(InputError, match="8 tasks cannot be held out of 3"):
        labelled_tasks(labelled(3))
    with pytest.raises(ParameterError, match="no task is named 'task99'"):
        labelled_tasks(labelled(3), held_out=["task99"])
