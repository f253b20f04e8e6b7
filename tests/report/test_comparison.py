"""Comparison: selectors side by side, each number in its place among random draws."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import instructdiv as idv
from instructdiv import Budget, Comparison, Pool, compare
from instructdiv.core.allowance import Allowance
from instructdiv.core.greedy import Picks
from instructdiv.core.neighbors import Distinct
from instructdiv.core.space import Space
from instructdiv.errors import (
    BudgetError,
    InputError,
    InstructdivError,
    ParameterError,
    ShapeError,
    UnknownPart,
)
from instructdiv.metrics import MeanNearestSimilarity, RandomBaseline, Vendi
from instructdiv.metrics import random_baseline as baseline_module
from instructdiv.report.comparison import ComparedRow
from instructdiv.selectors import Maximizer, Selector
from tests.pools import COPIES, DISTINCT, TINY, labels, target_of

FEW: dict[str, Any] = {"n_draws": 8, "metrics": [MeanNearestSimilarity()]}


class _Hidden(Selector):
    """Selectors of these tests, which no list of known ones shows."""


class _OneCorner(_Hidden):
    """The rows nearest to row 0, one on top of another."""

    def pick(
        self, pool: Pool, allowance: Allowance, target: Pool, given: NDArray[np.int64]
    ) -> Picks:
        near = np.argsort(-pool.space.products(pool.space.vectors[0]), kind="stable")
        rows = allowance.fill(near[np.isin(near, allowance.rows)])
        return rows, np.ones(len(rows))


class _Counted(_OneCorner):
    """Remembers what it was asked for."""

    asked: ClassVar[list[int]] = []

    def pick(
        self, pool: Pool, allowance: Allowance, target: Pool, given: NDArray[np.int64]
    ) -> Picks:
        self.asked.append(allowance.limit)
        return super().pick(pool, allowance, target, given)


class _Separate(_Counted):
    nested: ClassVar[bool] = False


class _Broken(_Hidden):
    def pick(
        self, pool: Pool, allowance: Allowance, target: Pool, given: NDArray[np.int64]
    ) -> Picks:
        raise ZeroDivisionError("by nothing")


def row_of(comparison: Comparison, selector: str, budget: str | None = None) -> ComparedRow:
    return next(
        row for row in comparison.rows if row.selector == selector and budget in (None, row.budget)
    )


def values(row: ComparedRow) -> dict[str, float]:
    return {reading.random.metric: reading.random.value for reading in row.metrics}


# The numbers.


def test_two_lines_do():
    pool = Pool.from_embeddings(np.eye(9))
    assert "random 5-95 %" in str(compare(pool, "k_center", 4))


def test_there_is_a_row_for_each_budget_and_selector_in_the_order_given():
    found = compare(DISTINCT, ["random", "k_center"], [30, 10], **FEW)
    assert [(row.budget, row.selector, row.records) for row in found.rows] == [
        ("30 records", "random", 30),
        ("30 records", "k_center", 30),
        ("10 records", "random", 10),
        ("10 records", "k_center", 10),
    ]


def test_the_numbers_are_those_of_the_metrics_on_the_selection():
    found = compare(DISTINCT, ["facility_location"], [12], n_draws=4)
    chosen = idv.FacilityLocation().select(DISTINCT, 12).indices
    numbers = values(found.rows[0])
    assert list(numbers) == [
        "mean_nearest_similarity",
        "coverage_radius(share=0.95)",
        "vendi",
        "effective_clusters",
        "groups_covered",
        "effective_groups",
    ]
    subset = DISTINCT.space.take(np.sort(chosen))
    near = MeanNearestSimilarity().score(subset, DISTINCT.space)
    assert numbers["mean_nearest_similarity"] == near
    assert numbers["vendi"] == pytest.approx(Vendi().score(subset, DISTINCT.space))
    names, counts = np.unique(labels(DISTINCT)[chosen], return_counts=True)
    assert numbers["groups_covered"] == len(names)
    shares = counts / counts.sum()
    assert numbers["effective_groups"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


def test_the_bands_are_those_of_random_and_of_balanced_selections_of_the_same_budget():
    budget = Budget(tokens=700, caps={"group 0": 0.3})
    found = compare(DISTINCT, ["k_center"], [budget], n_draws=5, seed=3, metrics=["vendi"])
    allowance = budget.allowance(DISTINCT.costs, np.arange(len(DISTINCT)), labels(DISTINCT))
    seeds = np.random.SeedSequence(3).generate_state(5).tolist()
    balanced = [idv.GroupBalanced(within=idv.Random(seed=s)) for s in seeds]
    kinds = {
        "random": list(RandomBaseline(DISTINCT, n_draws=5, seed=3).rows(allowance)),
        "balanced": [np.sort(s.select(DISTINCT, budget).indices) for s in balanced],
    }
    for rows in kinds["random"]:
        assert DISTINCT.costs[rows].sum() <= 700
        assert DISTINCT.costs[rows[labels(DISTINCT)[rows] == "group 0"]].sum() <= 0.3 * 700
    for kind, draws in kinds.items():
        spaces = [DISTINCT.space.take(rows) for rows in draws]
        scores = [Vendi().score(space, DISTINCT.space) for space in spaces]
        band = getattr(found.rows[0].metrics[0], kind)
        assert (band.random_low, band.random_median, band.random_high) == pytest.approx(
            tuple(np.percentile(scores, [5, 50, 95]))
        )
        assert band.n_draws == 5


def test_a_choice_from_one_corner_is_below_random_and_says_so():
    found = compare(DISTINCT, [_OneCorner(), "facility_location"], [20], n_draws=16)
    numbers = {r.random.metric: r for r in row_of(found, "_one_corner").metrics}
    near = numbers["mean_nearest_similarity"]
    assert near.random.verdict == "worse than random"
    assert near.balanced is not None
    assert near.balanced.verdict == "worse than random"
    assert str(near) == f"{near.random.value:.3f} below random"
    radius = numbers["coverage_radius(share=0.95)"]
    assert str(radius) == f"{radius.random.value:.3f} worse than random"
    for text in (str(found), found.to_markdown()):
        assert "below random" in text
    assert "Worse than random in one metric at least: _one_corner." in found.headline
    best = row_of(found, "facility_location").metrics[0]
    assert best.random.verdict == "better than random"
    assert str(best) == f"{best.random.value:.3f}"


def test_random_draws_are_like_random_most_of_the_time():
    selectors = [idv.Random(seed=seed) for seed in range(1, 40)]
    found = compare(DISTINCT, selectors, [30], n_draws=64, metrics=["vendi"], labels=None)
    verdicts = [row.metrics[0].random.verdict for row in found.rows]
    assert verdicts.count("like random") >= 0.75 * len(verdicts)


def test_the_random_selector_is_not_itself_in_the_band():
    found = compare(DISTINCT, ["random"], [30], n_draws=1, metrics=["vendi"])
    reading = found.rows[0].metrics[0].random
    assert reading.value != reading.random_median


def test_group_balanced_touches_every_label_as_balanced_draws_do():
    found = compare(DISTINCT, ["group_balanced"], [6], **FEW)
    coverage = found.rows[0].metrics[1]
    assert coverage.random.metric == "groups_covered"
    assert coverage.balanced is not None
    assert coverage.random.value == coverage.balanced.random_low == 6
    assert coverage.balanced.verdict == "like random"


def test_without_labels_there_are_neither_label_numbers_nor_balanced_draws():
    bare = Pool.from_embeddings(DISTINCT.space)
    found = compare(bare, ["random"], [9], **FEW)
    assert found.labels is None
    assert list(values(found.rows[0])) == ["mean_nearest_similarity"]
    assert found.rows[0].metrics[0].balanced is None
    assert "balanced 5-95 %" not in str(found)


def test_labels_are_the_groups_of_the_pool_unless_others_are_given():
    given_ones = np.arange(len(DISTINCT)) % 4
    by_groups = compare(DISTINCT, ["random"], [9], **FEW)
    by_labels = compare(DISTINCT, ["random"], [9], labels=given_ones, **FEW)
    same = compare(replace(DISTINCT, groups=None), ["random"], [9], labels=labels(DISTINCT), **FEW)
    assert (by_groups.labels, by_labels.labels) == (6, 4)
    for one, other in zip(same.rows[0].metrics, by_groups.rows[0].metrics, strict=True):
        for kind in ("random", "balanced"):
            ours, theirs = (getattr(m, kind).model_dump(exclude={"metric"}) for m in (one, other))
            assert ours == theirs


def test_selectors_do_not_see_the_labels_and_floors_keep_naming_the_groups():
    others = np.arange(len(DISTINCT)) % 4
    floored = Budget(records=20, floors={"group 5": 0.2})
    found = compare(DISTINCT, ["group_balanced"], [floored], labels=others, **FEW)
    assert found.rows[0].error is None
    assert "at least 20% group 5" in found.rows[0].budget
    bare = Pool.from_embeddings(DISTINCT.space)
    error = compare(bare, ["group_balanced"], [6], labels=others, **FEW).rows[0].error
    assert error is not None
    assert "group_balanced needs" in error or "by_label needs" in error
    assert "group" in error


def test_the_same_comparison_comes_out_twice_and_on_a_shuffled_list():
    first = compare(DISTINCT, ["k_center", "random"], [5, 20], **FEW)
    second = compare(DISTINCT, ["random", "k_center"], [5, 20], **FEW)
    for row in first.rows:
        assert row_of(second, row.selector, row.budget).metrics == row.metrics


def test_the_seed_reaches_draws_and_selectors_that_have_none_of_their_own():
    one, other = (
        compare(
            DISTINCT, ["random", idv.Random(seed=7)], [30], n_draws=4, seed=s, metrics=["vendi"]
        )
        for s in (1, 2)
    )
    names = [row.selector for row in one.rows]
    assert names == ["random", "random(seed=7)"]
    assert values(one.rows[0]) != values(other.rows[0])
    assert values(one.rows[1]) == values(other.rows[1])
    bands = [c.rows[1].metrics[0].random.random_median for c in (one, other)]
    assert bands[0] != bands[1]


def test_above_the_sample_metrics_look_at_a_part_and_say_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(baseline_module, "SAMPLE", 50)
    found = compare(DISTINCT, ["random"], [9], **FEW)
    assert found.measured_on == 50
    assert [r.random.measured_on for r in found.rows[0].metrics] == [50, 120, 120]
    assert "Metrics are measured on 50 records drawn at random." in found.headline
    monkeypatch.undo()
    assert compare(DISTINCT, ["random"], [9], **FEW).measured_on == 120


def test_tokens_are_counted_where_the_budget_counts_them():
    found = compare(DISTINCT, ["k_center", "random"], [Budget(tokens=500), 9], **FEW)
    in_tokens = row_of(found, "k_center", "500 tokens")
    chosen = idv.KCenter().select(DISTINCT, Budget(tokens=500)).indices
    assert in_tokens.tokens == DISTINCT.costs[chosen].sum() <= 500
    assert in_tokens.records == len(chosen)
    assert row_of(found, "k_center", "9 records").tokens is None
    for table in found.main_tables().values():
        assert table.columns[-2:] == ["tokens", "seconds"]
        assert {len(row) for row in table.rows} == {len(table.columns)}


# What the selections have in common, and their gains.


def test_overlap_is_the_share_of_either_that_is_in_both():
    found = compare(DISTINCT, ["k_center", "facility_location"], [10, 40], **FEW)
    for overlap, budget in zip(found.overlap, (10, 40), strict=True):
        one = set(idv.KCenter().select(DISTINCT, budget).indices.tolist())
        other = set(idv.FacilityLocation().select(DISTINCT, budget).indices.tolist())
        share = len(one & other) / len(one | other)
        assert overlap.jaccard == [[1, share], [share, 1]]
        assert overlap.selectors == ["k_center", "facility_location"]


@given(st.integers(1, 120))
@settings(max_examples=20, deadline=None)
def test_curves_have_at_most_fifty_points_and_end_with_the_whole(budget: int):
    found = compare(DISTINCT, ["facility_location"], [budget], n_draws=1, metrics=["vendi"])
    (curve,) = found.curves
    gains = idv.FacilityLocation().select(DISTINCT, budget).gains
    assert len(curve.ranks) == len(curve.gains) == min(budget, 50)
    assert (curve.ranks[0], curve.ranks[-1]) == (1, budget)
    assert sorted(set(curve.ranks)) == curve.ranks
    np.testing.assert_allclose(curve.gains, np.cumsum(gains)[np.array(curve.ranks) - 1])


def test_curves_are_those_of_the_largest_budget_whatever_it_counts():
    tokens = int(DISTINCT.costs.sum() * 0.9)
    found = compare(DISTINCT, ["k_center"], [9, Budget(tokens=tokens), 20], **FEW)
    assert found.curves[0].budget == f"{tokens:,} tokens"


# Work that is not done twice.


@pytest.mark.parametrize("pool", [DISTINCT, COPIES], ids=["distinct", "copies"])
@pytest.mark.parametrize("name", [n for n, s in Selector.known().items() if s.nested])
def test_a_prefix_has_the_numbers_of_a_run_of_its_own(name: str, pool: Pool):
    budgets: list[Budget | int] = [7, 25, Budget(share=0.1)]
    target = target_of(pool) if Selector.known()[name].needs_target else None
    together = compare(pool, [name], budgets, target=target, **FEW)
    for row, budget in zip(together.rows, budgets, strict=True):
        alone = compare(pool, [name], [budget], target=target, **FEW).rows[0]
        assert (alone.error, row.error) == (None, None)
        assert alone.metrics == row.metrics


def test_a_nested_selector_runs_once_for_plain_budgets_and_others_for_each():
    floored = Budget(records=30, floors={"group 0": 0.5})
    budgets: list[Budget | int] = [5, 40, Budget(share=0.1), Budget(tokens=300), floored]
    _Counted.asked.clear()
    compare(DISTINCT, [_Counted()], budgets, **FEW)
    assert sorted(_Counted.asked) == [30, 40, 300]
    _Counted.asked.clear()
    compare(DISTINCT, [_Separate()], budgets, **FEW)
    assert sorted(_Counted.asked) == [5, 12, 30, 40, 300]


def test_a_selector_that_holds_one_that_is_not_nested_is_not_either():
    within = idv.GroupBalanced(within=_Separate())
    assert within.nested
    _Counted.asked.clear()
    found = compare(DISTINCT, [within], [12, 60], **FEW)
    assert [row.error for row in found.rows] == [None, None]
    assert sum(_Counted.asked) == 12 + 60


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of neighbors that were searched for, in all spaces."""
    made: list[int] = []
    search = Distinct.nearest

    def counted(self: Distinct, tile: Any, k: int) -> Any:
        made.append(k)
        return search(self, tile, k)

    monkeypatch.setattr(Distinct, "nearest", counted)
    return made


def test_the_graph_of_neighbors_is_shared_by_all_who_cover_and_made_once(searches: list[int]):
    covering = [
        n for n, s in Selector.known().items()
        if issubclass(s, Maximizer) and "n_neighbors" in s.model_fields
    ]  # fmt: skip
    assert len(covering) >= 5
    others: list[dict[str, object] | str] = [
        "density_balanced",
        "k_center",
        {"name": "facility_location", "n_neighbors": 9},
    ]
    pool = replace(DISTINCT, space=Space(DISTINCT.space.vectors))
    found = compare(pool, [*others, *covering], [5, 20], **FEW)
    assert all(row.error is None for row in found.rows)
    assert searches.count(120) == 1
    assert found.shared_seconds > 0


@pytest.mark.parametrize("name", ["random", "facility_location", "density_balanced"])
def test_nothing_is_held_for_a_single_run(name: str, searches: list[int]):
    pool = replace(DISTINCT, space=Space(DISTINCT.space.vectors))
    # Of vectors near each other the bands would search too.
    found = compare(pool, [name], [5, 20], n_draws=2, metrics=["vendi"])
    assert found.shared_seconds == 0
    assert len([k for k in searches if k > 1]) == (name != "random")


# Selectors that cannot run.


def test_a_selector_that_cannot_run_has_a_row_that_says_why():
    bare = Pool.from_embeddings(DISTINCT.space)
    found = compare(bare, ["quality_diversity", "random"], [5, 9], **FEW)
    failed = row_of(found, "quality_diversity", "5 records")
    assert failed.error is not None
    assert "needs a score for each row" in failed.error
    assert (failed.metrics, failed.records, failed.seconds) == ([], None, None)
    assert row_of(found, "random", "9 records").records == 9
    assert found.overlap[0].selectors == ["random"]
    assert [curve.selector for curve in found.curves] == ["random"]
    assert "Could not run: quality_diversity." in found.headline
    for table in found.main_tables().values():
        assert table.columns[-1] == "note"
        assert {len(row) for row in table.rows} == {len(table.columns)}
    assert "cannot run: quality_diversity needs a score" in found.to_markdown()


def test_even_an_error_that_is_not_ours_sinks_nothing(caplog: pytest.LogCaptureFixture):
    logging.getLogger("instructdiv").propagate = True
    found = compare(DISTINCT, [_Broken(), "random"], [5], **FEW)
    assert row_of(found, "_broken").error == "ZeroDivisionError: by nothing"
    assert row_of(found, "random").records == 5


def test_where_nothing_can_run_there_is_still_a_comparison():
    bare = Pool.from_embeddings(DISTINCT.space)
    found = compare(bare, ["quality_diversity"], [5], **FEW)
    assert found.curves == []
    assert "cannot run" in str(found)
    assert Comparison.model_validate_json(found.to_json()) == found


# What is wrong is said before any work.


@pytest.mark.parametrize(
    ("selectors", "budgets", "more", "error", "said"),
    [
        ([], [5], {}, ParameterError, "there is no selector; name at least one"),
        (["greedy"], [5], {}, UnknownPart, "no selector is named 'greedy'; known: "),
        ([5], [5], {}, ParameterError, "expected a selector, got 5"),
        (["random", "random"], [5], {}, ParameterError, "random is there twice"),
        (["random", idv.Random(seed=0)], [5], {}, ParameterError, "is there twice with the same"),
        (["k_center", {"name": "k_center", "start": "mean"}], [5], {}, ParameterError, "twice"),
        ([{"name": "k_center", "end": 1}], [5], {}, ParameterError, "no parameter 'end'"),
        (["random"], [], {}, BudgetError, "there is no budget to compare at"),
        (["random"], [5, 5], {}, BudgetError, "the budget of 5 records is there twice"),
        (["random"], [5, Budget(records=5)], {}, BudgetError, "is there twice"),
        (["random"], [5, 121], {}, BudgetError, "asks for 121 records, but only 120"),
        (["random"], [0], {}, BudgetError, "records = 0"),
        (["random"], [Budget(tokens=10**6)], {}, BudgetError, "ask for at most"),
        (
            ["random"],
            [5],
            {"labels": ["a"] * 119},
            ShapeError,
            "each of 120 rows, got shape (119,)",
        ),
        (["random"], [5], {"labels": np.ones((120, 2))}, ShapeError, "got shape (120, 2)"),
        (["random"], [5], {"labels": "topic"}, InputError, "no records"),
        (["random"], [5], {"n_draws": 0}, ShapeError, "at least 1 draw, got 0"),
        (["random"], [5], {"metrics": []}, ParameterError, "there is no metric"),
        (["random"], [5], {"metrics": ["beauty"]}, UnknownPart, "no metric is named 'beauty'"),
        (["random"], [5], {"metrics": ["vendi", "vendi"]}, ParameterError, "vendi is there twice"),
    ],
)
def test_what_is_wrong_is_said_before_any_work(
    selectors: Any,
    budgets: Any,
    more: dict[str, Any],
    error: type[InstructdivError],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(idv.Random, "pick", lambda *_: pytest.fail("the work was begun"))
    monkeypatch.setattr(baseline_module.RandomBaseline, "rows", lambda *_: pytest.fail("measured"))
    with pytest.raises(error) as raised:
        compare(DISTINCT, selectors, budgets, **more)
    assert said in str(raised.value)


def test_two_of_a_name_are_told_apart_by_the_parameters_that_differ():
    selectors = [
        idv.FacilityLocation(),
        idv.FacilityLocation(n_neighbors=64),
        idv.GroupBalanced(within=idv.KCenter(start="first")),
    ]
    found = compare(DISTINCT, selectors, [5], **FEW)
    assert [row.selector for row in found.rows] == [
        "facility_location",
        "facility_location(n_neighbors=64)",
        "group_balanced(within=k_center(start='first'))",
    ]
    assert [Selector.of(row.parameters) for row in found.rows] == selectors


# As text.


def test_it_is_one_json_object_that_can_be_read_back():
    found = compare(DISTINCT, ["random", "k_center"], [5, Budget(tokens=90)], n_draws=3)
    assert Comparison.model_validate_json(found.to_json()) == found
    read = json.loads(found.to_json())
    first = read["rows"][0]["metrics"][0]
    assert first["random"]["verdict"] in ("better than random", "like random", "worse than random")


def test_markdown_has_the_bands_the_overlap_and_the_gains():
    text = compare(DISTINCT, ["random", "k_center"], [5, 9], **FEW).to_markdown()
    for said in ("## 5 records", "## 9 records", "| random 5-95 % |", "| balanced 5-95 % |"):
        assert said in text
    assert "## Records in common, 9 records" in text
    assert "## Gains, 9 records" in text
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 5
    for table in tables:
        assert len({line.count("|") for line in table}) == 1


def test_a_notebook_shows_it_as_a_table():
    found = compare(DISTINCT, ["random"], [5], **FEW)
    assert "\n" not in repr(found)
    assert "<td" in found._repr_html_()
    lines = str(found).splitlines()
    assert (lines[2], lines[3].split()[0]) == ("5 records", "selector")
    assert len(lines) == 7


@pytest.mark.parametrize("ending", ["json", "md"])
def test_it_is_saved_by_its_ending(ending: str, tmp_path: Path):
    found = compare(DISTINCT, ["random"], [5], **FEW)
    text = found.save(tmp_path / f"deep/c.{ending}").read_text()
    assert text.rstrip() == (found.to_json() if ending == "json" else found.to_markdown()).rstrip()
    with pytest.raises(InputError, match=r"\.json or \.md, not as"):
        found.save(tmp_path / "c.txt")


def test_progress_is_told_from_start_to_end():
    told: list[tuple[str, int, int]] = []
    compare(DISTINCT, ["random", "k_center"], [5, 9], n_draws=3, metrics=["vendi"],
            progress=lambda *stage: told.append(stage))  # fmt: skip
    assert told[:3] == [("select", 0, 2), ("select", 1, 2), ("select", 2, 2)]
    assert told[-1] == ("measure", 12, 12)


def test_with_a_target_what_covers_it_comes_nearest_to_it():
    target = DISTINCT.take(np.flatnonzero(labels(DISTINCT) == "group 3"))
    found = compare(DISTINCT, ["test_centric", "k_center"], [6], target=target, **FEW)
    aimed, usual = (values(row_of(found, s)) for s in ("test_centric", "k_center"))
    assert aimed["mean_nearest_similarity"] > usual["mean_nearest_similarity"] + 0.05
    assert found.measured_on == len(target)
    assert f"measured on {len(target)} records of the target" in found.headline
    with pytest.raises(ShapeError, match="4 dimensions"):
        compare(DISTINCT, ["random"], [6], target=TINY, **FEW)


@pytest.mark.parametrize("aimed", [False, True])
def test_all_selectors_are_those_that_need_no_target_where_there_is_none(aimed: bool):
    pool = Pool.from_embeddings(np.eye(6), groups=list("aabbcc"))
    found = compare(pool, "all", 3, pool.take([0, 3]) if aimed else None, **FEW)
    known = {n: s for n, s in Selector.known().items() if aimed or not s.needs_target}
    assert [row.selector for row in found.rows] == list(known)
