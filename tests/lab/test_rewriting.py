"""The rewriting study: its rules, its records, its runs, and what it finds."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from typer.testing import CliRunner

from instructdiv.cli import app
from instructdiv.core.apportion import powerlaw_counts
from instructdiv.errors import OutputError, ParameterError, ShapeError
from instructdiv.lab import (
    LETTERS,
    Constraint,
    MarkovAlgorithm,
    RewritingPlan,
    RewritingRun,
    RewritingStudy,
    Rule,
    Shape,
    Training,
    Transformer,
    apply_rule,
    equal_counts,
    generalization,
    make_dataset,
    rewriting_study,
    sample_rules,
)
from instructdiv.lab.generalization import ToRewrite, train
from instructdiv.lab.rewriting_plan import STUDIES
from instructdiv.lab.rewriting_studies import datasets_of, rules_of, studies_of
from instructdiv.lab.transformer import one_torch_thread
from tests.shared_data import ROOT

SMALL: dict[str, Any] = {
    "instructions": (5, 10, 20),
    "slope": (10, 10),
    "few": 5,
    "many": 20,
    "restricted": 20,
    "restricted_letters": (3, 5),
    "long_tail": (10,),
    "no_op": (10,),
    "records": 40,
    "steps": 2,
    "batch": 8,
    "width": 8,
    "layers": 1,
    "test_rules": 5,
    "test_records": 20,
}
TINY = RewritingPlan(**SMALL)
FULL = RewritingPlan.full(**SMALL).asking(seeds=1)
TEXTS = st.text("ab", max_size=12)


# Rules.


@given(st.text("ab", max_size=3), TEXTS, TEXTS)
def test_a_rule_replaces_the_leftmost_occurrence_once(x: str, y: str, z: str):
    result = apply_rule(Rule(x, y), z)
    assert result == z.replace(x, y, 1)
    place = z.find(x)
    assert result == (z if place < 0 else z[:place] + y + z[place + len(x) :])


@pytest.mark.parametrize(
    ("x", "y", "text", "result"),
    [
        ("aa", "bac", "caaba", "cbacba"),
        ("iss", "art", "mississippi", "martissippi"),
        ("iss", "art", "canada", "canada"),
        ("ss", "tr", "mississipi", "mitrissipi"),
    ],
)
def test_rules_do_what_the_paper_says(x: str, y: str, text: str, result: str):
    assert apply_rule(Rule(x, y), text) == result


def doubling() -> MarkovAlgorithm:
    """The algorithm of the paper's appendix A: a text, and the same turned around.

    Its markers alpha and beta are * and # here.
    """
    letters = "ab"
    return MarkovAlgorithm(
        (
            *(Rule(f"*{x}", f"{x}*#{x}") for x in letters),
            *(Rule(f"#{x}{y}", f"{y}#{x}") for x in letters for y in letters),
            *(Rule(f"*#{x}", f"{x}*") for x in letters),
            Rule("*", "", stops=True),
            Rule("", "*"),
        )
    )


def test_the_worked_example_of_the_paper_comes_out():
    assert doubling().apply("abb") == "abbbba"


@given(st.text("ab", max_size=6))
def test_the_algorithm_of_the_paper_puts_the_reverse_behind(text: str):
    assert doubling().apply(text) == text + text[::-1]


def test_the_first_rule_that_occurs_goes_first_and_a_stop_ends():
    first = MarkovAlgorithm((Rule("b", "c"), Rule("a", "b")))
    assert list(first.steps("ab")) == ["ab", "ac", "bc", "cc"]
    assert MarkovAlgorithm((Rule("a", "b", stops=True),)).apply("aaa") == "baa"
    assert MarkovAlgorithm(()).apply("a") == "a"


def test_an_algorithm_without_an_end_is_stopped():
    with pytest.raises(ParameterError, match="has not ended after 50 steps"):
        MarkovAlgorithm((Rule("a", "a"),)).apply("a", most_steps=50)
    assert MarkovAlgorithm((Rule("a", ""),)).apply("a" * 50, most_steps=50) == ""


# What rules are drawn from.


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 30), st.integers(0, 5), st.sampled_from([3, 6, 26]))
def test_train_and_test_rules_share_no_string(n_train: int, n_test: int, seed: int, letters: int):
    test = sample_rules(n_test, alphabet=LETTERS[:letters], seed=seed)
    free_x = letters**3 - len({rule.search for rule in test})
    free_y = letters**3 - len({rule.replacement for rule in test})
    assume(free_x * free_y - min(free_x, free_y) >= n_train)
    rules = sample_rules(n_train, alphabet=LETTERS[:letters], forbidden=test, seed=seed + 1)
    assert not {r.search for r in rules} & {r.search for r in test}
    assert not {r.replacement for r in rules} & {r.replacement for r in test}
    assert len(set(rules)) == n_train
    assert all(rule.search != rule.replacement for rule in rules)


@pytest.mark.parametrize("size", [{}, {"search": 20, "replacement": 20}], ids=["short", "long"])
def test_rules_have_their_lengths_and_letters_and_come_again(size: Any):
    rules = sample_rules(500, alphabet="abcdefgh", seed=3, **size)
    assert {len(rule.search) for rule in rules} == {size.get("search", 3)}
    assert {len(rule.replacement) for rule in rules} == {size.get("replacement", 3)}
    assert set("".join(rule.search + rule.replacement for rule in rules)) == set("abcdefgh")
    assert len(set(rules)) == 500
    assert rules == sample_rules(500, alphabet="abcdefgh", seed=3, **size)
    assert rules != sample_rules(500, alphabet="abcdefgh", seed=4, **size)


@pytest.mark.parametrize("pattern", ["repeated", "periodic", "mirrored"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_constrained_strings_are_of_their_class(pattern: Any, k: int):
    rules = sample_rules(40, search=6, replacement=6, constraints=[Constraint(pattern, k)])
    for text in [side for rule in rules for side in (rule.search, rule.replacement)]:
        size = 6 // k
        parts = [text[i : i + size] for i in range(0, 6, size)]
        if pattern == "repeated":
            assert all(len(set(text[i : i + k])) == 1 for i in range(0, 6, k))
        elif pattern == "periodic":
            assert set(parts) == {parts[0]}
        else:
            assert [part[:: (-1) ** i] for i, part in enumerate(parts)] == [parts[0]] * k


def test_several_classes_have_as_many_rules_each():
    classes = [Constraint("repeated", 2), Constraint("periodic", 2), Constraint("mirrored", 2)]
    rules = sample_rules(31, search=4, replacement=4, constraints=classes, seed=1)
    kinds = Counter(
        next(i for i, one in enumerate(classes) if r.search in (one.string(r.search[:2]),
                                                               one.string(r.search[::2])))
        for r in rules if len(set(r.search)) > 1
    )  # fmt: skip
    assert len(rules) == 31
    assert all(8 <= kinds[i] <= 11 for i in range(3))


def test_all_rules_there_are_can_be_drawn():
    rules = sample_rules(2 * 4, alphabet="ab", search=1, replacement=2)
    assert set(rules) == {Rule(x, y) for x in "ab" for y in ("aa", "ab", "ba", "bb")}
    # One side has 3 strings, the other 2 others, one of which is the same.
    some = sample_rules(4 * 3, alphabet="abcd", search=1, replacement=1)
    assert len(set(some)) == 12


def test_too_small_a_space_is_an_error_and_no_endless_search():
    began = time.monotonic()
    with pytest.raises(ParameterError, match=r"9 different rules of 1 → 2 letters .* leaves 8;"):
        sample_rules(9, alphabet="ab", search=1, replacement=2)
    test = sample_rules(200, alphabet=LETTERS[:16], search=2, replacement=2)
    x_left = 256 - len({rule.search for rule in test})
    y_left = 256 - len({rule.replacement for rule in test})
    with pytest.raises(ParameterError, match="give longer strings or more letters"):
        sample_rules(
            x_left * y_left + 1, alphabet=LETTERS[:16], search=2, replacement=2, forbidden=test
        )
    every = [Rule(x, x) for x in "abc"]
    with pytest.raises(ParameterError, match="leaves 0"):
        sample_rules(1, alphabet="abc", search=1, forbidden=every)
    with pytest.raises(ParameterError, match=r"of the class repeated, k = 3, leaves 650"):
        sample_rules(651, constraints=[Constraint("repeated", 3)])
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"alphabet": ""}, "made of different letters, got ''"),
        ({"alphabet": "aba"}, "made of different letters, got 'aba'"),
        ({"search": 0}, "search must be at least 1, got 0"),
        ({"replacement": -1}, "replacement must be at least 1, got -1"),
        ({"n_rules": 0}, "n_rules must be at least 1, got 0"),
        ({"constraints": [Constraint("periodic", 2)]}, "strings of 3 letters cannot be periodic"),
        ({"constraints": [Constraint("periodic", 0)]}, "strings of 3 letters cannot be periodic"),
    ],
)
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, Any], said: str):
    with pytest.raises(ParameterError, match=said):
        sample_rules(**({"n_rules": 3} | wrong))


# Records.


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 12),
    st.integers(0, 60),
    st.floats(0, 1),
    st.sampled_from([1, 2, (1, 2, 3)]),
    st.booleans(),
    st.integers(0, 9),
)
def test_no_op_records_never_hold_the_string_and_others_do_as_often_as_asked(
    n_rules: int, n: int, no_op: float, occurrences: Any, distractors: bool, seed: int
):
    rules = sample_rules(n_rules, alphabet="abcdef", search=2, replacement=3, seed=seed)
    counts = powerlaw_counts(n_rules, n, 0.5, seed)
    rows = make_dataset(rules, counts, no_op=no_op, occurrences=occurrences, length=9,
                        distractors=distractors, alphabet="abcdef", seed=seed)  # fmt: skip
    assert len(rows) == len(rows.inputs) == len(rows.outputs) == n
    assert np.bincount(rows.rule, minlength=n_rules).tolist() == counts.tolist()
    assert int((~rows.has_op).sum()) == round(no_op * n)
    often = {occurrences} if isinstance(occurrences, int) else set(occurrences)
    for rule, z, result, has_op in zip(rows.rule, rows.inputs, rows.outputs, rows.has_op,
                                       strict=True):  # fmt: skip
        x, y = rules[rule].search, rules[rule].replacement
        assert len(z) == 9
        assert (z.count(x) in often) if has_op else (x not in z)
        assert result == z.replace(x, y, 1)
        if not distractors:
            assert not set(z.replace(x, "")) & set(x)


@given(st.integers(1, 50), st.integers(0, 500))
def test_equal_counts_add_up_and_are_equal(n_rules: int, n: int):
    counts = equal_counts(n_rules, n)
    assert counts.sum() == n
    assert counts.max() - counts.min() <= 1


def test_every_place_of_a_text_is_used_and_a_seed_gives_the_same_records():
    rule = Rule("abc", "xyz")
    rows = make_dataset([rule], [300], seed=1)
    assert {z.index("abc") for z in rows.inputs} == set(range(7))
    assert rows.inputs == make_dataset([rule], [300], seed=1).inputs
    assert rows.inputs != make_dataset([rule], [300], seed=2).inputs
    full = make_dataset([rule], [5], occurrences=3)
    assert set(full.inputs) == {"abcabcabc"}


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"counts": [1]}, ShapeError, "2 numbers from 0, one a rule"),
        ({"counts": [1, -1]}, ShapeError, r"array of shape \(2,\) with -1"),
        ({"no_op": 1.5}, ParameterError, "share from 0 to 1, got 1.5"),
        ({"no_op": float("nan")}, ParameterError, "share from 0 to 1, got nan"),
        ({"occurrences": 0}, ParameterError, "occurrences must be at least 1, got 0"),
        ({"occurrences": ()}, ParameterError, "occurrences must be at least 1"),
        ({"occurrences": 4}, ParameterError, "does not fit 4 times into 9 letters"),
        ({"length": 2}, ParameterError, "does not fit 1 times into 2 letters"),
        ({"alphabet": "abc"}, ParameterError, "leaves no letter to fill texts with"),
        ({"alphabet": "aab"}, ParameterError, "made of different letters"),
    ],
)
def test_records_that_cannot_be_are_refused(arguments: Any, error: type[Exception], said: str):
    rules = [Rule("abc", "xyz"), Rule("cab", "zyx")]
    with pytest.raises(error, match=said):
        make_dataset(**({"rules": rules, "counts": [2, 2]} | arguments))


def test_a_text_that_is_not_to_be_had_is_no_endless_search():
    with pytest.raises(ParameterError, match="no text of 9 letters was found in 200 tries"):
        make_dataset([Rule("a", "b")], [1], no_op=1, distractors=True, alphabet="a")


# Plans.


def test_the_quick_plan_is_the_default_and_has_what_is_to_be_shown():
    plan = RewritingPlan()
    assert plan == RewritingPlan.quick()
    n_runs = len(
        {(c, s) for one in studies_of(plan) for c, n in one.seeds.items() for s in range(n)}
    )
    assert [one.name for one in studies_of(plan)] == [
        "emergence", "more_of_the_same", "restricted_domains",
    ]  # fmt: skip
    assert n_runs == 10
    emergence = studies_of(plan)[0]
    assert [c.instructions for c in emergence.conditions.values()] == [
        100, 300, 500, 1000, 3000, 10_000,
    ]  # fmt: skip
    assert {c.instructions * c.examples_per_instruction for c in emergence.conditions.values()} <= {
        *range(18_000, 20_001)
    }


def test_the_full_plan_has_every_study_and_three_seeds():
    studies = studies_of(RewritingPlan.full())
    assert tuple(one.name for one in studies) == STUDIES
    assert {n for one in studies for n in one.seeds.values()} == {3}
    assert len(studies_of(RewritingPlan.full())[2].conditions) == 8


def test_conditions_that_two_studies_share_are_one():
    emergence, more, _, tail, _ = studies_of(RewritingPlan.full())
    shared = set(emergence.conditions.values()) & set(more.conditions.values())
    assert {one.instructions for one in shared} == {300, 1000}
    assert len(set(emergence.conditions.values()) & set(tail.conditions.values())) == 3


@pytest.mark.parametrize(
    "condition",
    [condition for one in studies_of(FULL) for condition in one.conditions.values()],
    ids=[f"{one.name}: {label}" for one in studies_of(FULL) for label in one.conditions],
)
def test_no_string_of_a_test_rule_was_trained_on(condition: Any):
    rules, test = rules_of(FULL, condition, 0)
    trained, seen, unseen = datasets_of(FULL, condition, 0)
    assert (len(rules), len(test), len(trained)) == (
        condition.instructions, 5, condition.records,
    )  # fmt: skip
    assert not {r.search for r in trained.rules} & {r.search for r in unseen.rules}
    assert not {r.replacement for r in trained.rules} & {r.replacement for r in unseen.rules}
    assert set(seen.rules) <= set(trained.rules)
    letters = set(LETTERS[: condition.letters])
    assert set("".join(r.search + r.replacement for r in rules)) <= letters
    assert len(seen) == len(unseen) == 20
    for rows in (trained, seen, unseen):
        assert int((~rows.has_op).sum()) == round(condition.no_op * len(rows))


def test_rules_with_a_long_tail_are_seen_only_if_they_were_trained_on():
    plan = FULL.model_copy(update={"test_rules": 100})
    condition = plan.condition(300, alpha=0.1)
    trained, seen, _ = datasets_of(plan, condition, 0)
    assert set(seen.rules) == {trained.rules[i] for i in trained.rule.tolist()}


def test_plans_that_make_no_sense_are_refused():
    with pytest.raises(ValidationError, match="a text of 2 letters cannot hold 3"):
        RewritingPlan(length=2)
    with pytest.raises(ValidationError, match="at least 3"):
        RewritingPlan(instructions=(1, 2))
    with pytest.raises(ParameterError, match="no study is named 'emergent'; known: emergence"):
        RewritingPlan().asking(studies=["emergent"])


# The study.


@pytest.fixture(scope="module")
def full() -> RewritingStudy:
    return rewriting_study(FULL, workers=1)


def runs_of(folder: Path) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = json.loads((folder / "runs.json").read_text())["runs"]
    return [{k: v for k, v in run.items() if k != "seconds"} for run in runs]


def test_every_study_has_its_rows(full: RewritingStudy):
    assert [(p.instructions, p.examples_per_instruction, p.seed) for p in full.points] == [
        (5, 8, 0), (10, 4, 0), (20, 2, 0),
    ]  # fmt: skip
    assert [one.study for one in full.comparisons] == list(STUDIES[1:])
    more = full.comparison("more_of_the_same")
    assert [(row.instructions, row.records) for row in more.rows] == [
        (5, 40), (5, 120), (5, 120), (20, 40),
    ]  # fmt: skip
    for row in full.comparison("no_op").rows:
        with_no_ops = "30%" in row.condition
        assert (row.unseen_no_op is not None) == with_no_ops
        assert (row.unseen_has_op is not None) == with_no_ops
    assert (full.threshold, full.interval) == (None, None)
    assert "no emergence" in full.headline


def test_the_same_study_comes_out_twice(full: RewritingStudy):
    again = rewriting_study(TINY, workers=1)
    assert [point for point in again.points if point.seed == 0] == full.points
    assert [point.seed for point in again.points] == [0, 0, 1, 0]


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing(tmp_path: Path):
    for workers in (1, 2):
        rewriting_study(TINY, workers=workers, output=tmp_path / str(workers))
    assert runs_of(tmp_path / "1") == runs_of(tmp_path / "2")


@pytest.mark.parametrize("study", STUDIES[1:])
def test_each_study_can_be_run_alone(study: Any, full: RewritingStudy):
    alone = rewriting_study(FULL.asking(studies=[study]), workers=1)
    assert (alone.points, alone.threshold) == ([], None)
    assert alone.comparisons == [full.comparison(study)]
    assert alone.headline == full.comparison(study).sentence


def test_the_emergence_can_be_run_alone(full: RewritingStudy):
    alone = rewriting_study(FULL.asking(studies=["emergence"]), workers=1)
    assert (alone.points, alone.comparisons) == (full.points, [])


def a_run(condition: Any, seed: int, seen: float, unseen: float) -> RewritingRun:
    return RewritingRun(condition=condition, seed=seed, seen=seen, unseen=unseen, seconds=1.0,
                        unseen_has_op=unseen, unseen_no_op=None)  # fmt: skip


def test_the_threshold_is_that_of_the_points(monkeypatch: pytest.MonkeyPatch):
    curve = {100: 0.005, 300: 0.07, 500: 0.22, 1000: 0.82, 3000: 0.93, 10_000: 0.96}

    def known(job: ToRewrite) -> RewritingRun:
        at = curve[job.condition.instructions] + 0.01 * job.seed
        return a_run(job.condition, job.seed, 0.99, at)

    monkeypatch.setattr(generalization, "train", known)
    study = rewriting_study(RewritingPlan(studies=("emergence",)), workers=1)
    assert study.threshold is not None
    assert study.interval is not None
    assert 500 < study.threshold < 1000
    assert study.interval[0] <= study.threshold <= study.interval[1]
    assert study.unseen(1000) == pytest.approx(0.825)
    assert study.seen(100) == 0.99
    with pytest.raises(KeyError):
        study.unseen(7)
    assert f"{study.threshold:,.0f} instructions" in study.headline
    html = study.to_html()
    assert f"half of the plateau, {study.threshold:,.0f}" in html


def test_a_model_is_measured_on_both_kinds_of_records():
    condition = FULL.condition(10, no_op=0.5, distractors=True)
    with one_torch_thread():
        run = train(ToRewrite(FULL, condition, 0))
        plain = train(ToRewrite(FULL, FULL.condition(10), 0))
    assert run.unseen_has_op is not None
    assert run.unseen_no_op is not None
    assert run.unseen == (run.unseen_has_op + run.unseen_no_op) / 2
    assert plain.unseen_no_op is None


def test_a_model_that_has_room_learns_the_rules_it_is_trained_on():
    plan = RewritingPlan(letters=5, pattern=1, length=3, records=60, test_rules=2, width=32,
                         layers=1, test_records=40, steps=100, batch=16, warm_up=10)  # fmt: skip
    with one_torch_thread():
        run = train(ToRewrite(plan, plan.condition(4), 0))
    assert run.seen > 0.6


def test_what_a_record_asks_for_stands_before_its_answer():
    rows = make_dataset([Rule("ab", "cd")], [2], length=4, seed=1)
    tokens = generalization._tokens(rows, LETTERS)
    assert tokens.numbers.shape == (2, 12)
    for numbers, z, result in zip(tokens.numbers.tolist(), rows.inputs, rows.outputs, strict=True):
        assert "".join(LETTERS[i] for i in numbers) == f"abcd{z}{result}"
    assert (tokens.starts.tolist(), tokens.ends.tolist()) == ([8, 8], [12, 12])


def test_layers_start_as_wide_as_asked_and_embeddings_as_ever():
    usual, wide = (Transformer(Shape(spread=spread)).weights for spread in (0.02, 0.06))
    for name, weight in usual.items():
        times = 3 if weight.ndim > 1 and ".h." in name else 1
        np.testing.assert_allclose(wide[name], times * weight, rtol=1e-6)
    assert usual["transformer.h.0.mlp.c_fc.weight"].std() == pytest.approx(0.02, rel=0.05)


def test_what_is_spared_in_the_last_layer_changes_nothing():
    rows = make_dataset(sample_rules(4), [5] * 4)
    tokens = generalization._tokens(rows, LETTERS)
    shape = Shape(vocabulary=26, length=24, width=16, layers=2)
    spared, whole = Transformer(shape), Transformer(shape)
    last = whole._model.transformer.h[-1].mlp
    last._forward_hooks.clear()
    last._forward_pre_hooks.clear()
    with one_torch_thread():
        for model in (spared, whole):
            model.train(tokens, list(range(20)) * 5, Training(batch=5, learning_rate=0.01))
        np.testing.assert_allclose(spared.losses(tokens), whole.losses(tokens), rtol=1e-4)


# What is written, and what is kept.


def test_a_folder_gets_results_a_table_and_a_page(tmp_path: Path):
    study = rewriting_study(FULL, output=tmp_path, workers=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "curves.html", "results.json", "results.md", "runs.json",
    ]  # fmt: skip
    content = json.loads((tmp_path / "results.json").read_text())
    assert RewritingStudy.model_validate(content) == study
    markdown = (tmp_path / "results.md").read_text()
    page = (tmp_path / "curves.html").read_text()
    assert "chart-emergence" in page
    for one in study.comparisons:
        assert f"chart-{one.study}" in page
        assert f"## {one.title}" in markdown
        for row in one.rows:
            assert f"| {row.condition} |" in markdown
            assert row.condition in page


def test_an_interrupted_study_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    done: list[tuple[str, int]] = []
    broken = [True]

    def counted(job: ToRewrite) -> RewritingRun:
        if len(done) == 3 and broken.pop():
            raise KeyboardInterrupt
        run = train(job)
        done.append(run.key)
        return run

    monkeypatch.setattr(generalization, "train", counted)
    with pytest.raises(KeyboardInterrupt):
        rewriting_study(TINY, output=tmp_path / "out", workers=1)
    assert len(runs_of(tmp_path / "out")) == 3
    broken.append(False)
    rewriting_study(TINY, output=tmp_path / "out", workers=1)
    n_runs = len(runs_of(tmp_path / "out"))
    assert len(done) == len(set(done)) == n_runs == 6
    # More studies and seeds take what is there.
    more = FULL.asking(seeds=2, studies=["emergence", "long_tail"])
    rewriting_study(more, output=tmp_path / "out", workers=1)
    assert len(done) == len(set(done)) == len(runs_of(tmp_path / "out")) == 6 + 2 + 4
    monkeypatch.undo()
    rewriting_study(TINY, output=tmp_path / "new", workers=1)
    first = runs_of(tmp_path / "out")
    assert all(run in first for run in runs_of(tmp_path / "new"))


def test_runs_of_another_study_are_not_mixed_in(tmp_path: Path):
    rewriting_study(TINY, output=tmp_path / "out", workers=1)
    other = TINY.model_copy(update={"learning_rate": 1e-3})
    with pytest.raises(OutputError, match="holds runs of another study"):
        rewriting_study(other, output=tmp_path / "out", workers=1)
    found = rewriting_study(other, output=tmp_path / "out", overwrite=True, workers=1)
    assert "AdamW at 0.001" in found.made_from["model"]


def test_wrong_arguments_are_said_before_the_work(tmp_path: Path):
    with pytest.raises(ParameterError, match="at least 1 worker"):
        rewriting_study(TINY, workers=0)
    few_letters = TINY.model_copy(update={"letters": 2, "pattern": 1, "test_rules": 1})
    with pytest.raises(ParameterError, match="an alphabet of 2 leaves"):
        rewriting_study(few_letters, workers=1)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not empty, and holds no study"):
        rewriting_study(TINY, output=tmp_path, overwrite=True, workers=1)
    with pytest.raises(ParameterError, match="no study is asked for"):
        rewriting_study(TINY.model_copy(update={"studies": ()}))


def test_the_sizes_of_the_paper_need_a_graphics_card(monkeypatch: pytest.MonkeyPatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    plan = RewritingPlan.paper()
    assert (plan.records, plan.layers, plan.width, plan.device) == (1_000_000, 6, 256, "cuda")
    with pytest.raises(ParameterError, match="need a graphics card.*the quick and the full study"):
        rewriting_study(plan)
    result = CliRunner().invoke(app, ["lab", "rewriting", "--paper"])
    assert result.exit_code == 2
    assert "graphics card" in result.stderr


# The command.


@pytest.fixture
def tiny_command(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(RewritingPlan, "quick", classmethod(lambda _cls: TINY))
    return lambda *arguments: CliRunner().invoke(
        app, ["lab", "rewriting", *map(str, arguments), "--workers", "1"]
    )


def test_the_command_prints_points_threshold_and_interval(tiny_command: Any, tmp_path: Path):
    result = tiny_command("--quick", "--json", "--quiet", "--output", tmp_path / "out")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert {"points", "threshold", "interval"} <= set(found)
    for point in found["points"]:
        assert set(point) == {"instructions", "examples_per_instruction", "seed", "seen", "unseen"}
    assert RewritingStudy.model_validate(found).comparison("restricted_domains").rows


def test_the_command_prints_tables_and_says_where_the_page_is(tiny_command: Any, tmp_path: Path):
    result = tiny_command("--study", "emergence", "--seeds", 1, "--output", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "unseen, seed by seed" in result.stdout
    assert "no rule for language models" in result.stdout
    assert "curves.html" in result.stdout
    assert "train" in result.stderr
    assert len(runs_of(tmp_path / "out")) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--full", "--paper"), "give one"),
        (("--study", "emergent"), "no study is named 'emergent'"),
        (("--seeds", 0), "--seeds"),
    ],
)
def test_the_command_refuses_what_makes_no_sense(tiny_command: Any, arguments: Any, said: str):
    result = tiny_command(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are sent")
def test_ctrl_c_ends_the_processes_and_keeps_the_runs(tmp_path: Path):
    script = tmp_path / "study.py"
    script.write_text(
        "from instructdiv.lab import RewritingPlan, rewriting_study\n"
        "if __name__ == '__main__':\n"
        "    plan = RewritingPlan(steps=60, records=500, instructions=(5, 10, 20, 30, 40, 50),\n"
        "                         slope=(1, 1))\n"
        "    rewriting_study(plan, output='out', workers=2)\n"
    )
    with subprocess.Popen(
        [sys.executable, script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        kept = tmp_path / "out" / "runs.json"
        until = time.monotonic() + 240
        while not (kept.exists() and json.loads(kept.read_text())["runs"]):
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < until
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode not in (0, None)
    assert "KeyboardInterrupt" in said
    assert "SpawnProcess" not in said
    assert 0 < len(runs_of(tmp_path / "out")) < 9
    assert not (tmp_path / "out" / "results.json").exists()


# What it finds: minutes of training.


@pytest.mark.slow
def test_many_instructions_generalize_and_many_records_of_few_do_not():
    """The findings that hold on this scale; see docs/explanation/rewriting.md."""
    study = rewriting_study()
    assert study.unseen(100) < 0.05
    assert study.unseen(3000) > 0.80
    assert study.seen(100) > 0.95
    assert study.threshold is not None
    assert 300 <= study.threshold <= 1000
    more = study.comparison("more_of_the_same")
    few, many = (
        more.row(f"{n} records") for n in ("300 instructions, 60,000", "1,000 instructions, 20,000")
    )
    assert many.unseen.mean > few.unseen.mean + 0.4
    restricted = study.comparison("restricted_domains").row("9 of 26 letters")
    assert (restricted.instructions, restricted.unseen.mean < 0.05) == (2000, True)
