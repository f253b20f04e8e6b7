"""What the summary of a pool and a selection says, each part against its plainest form."""

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import instructdiv as idv
from instructdiv import KCenter, Pool, Random, Selection, Space, Summary
from instructdiv.clusterers import KMeans
from instructdiv.curation.manifest import selection_of
from instructdiv.errors import InputError, ParameterError, ShapeError, UnknownPart
from instructdiv.metrics import Metric
from instructdiv.report import Difference
from instructdiv.report.clusters_and_groups import by_size, heat
from instructdiv.report.names import Names
from tests import pools
from tests.pools import (
    DISTINCT,
    POOLS,
    TINY,
    labels,
    normal,
    selecting,
)

ROWS = [
    {"instruction": f"{verb} a {noun} in {n} steps.", "output": "Done.", "kind": kind}
    for kind, verb, nouns in (
        ("code", "Sort", ("list", "tuple", "queue")),
        ("baking", "Bake", ("loaf", "cake", "pie")),
        ("law", "Summarize", ("contract", "verdict", "statute")),
    )
    for noun in nouns
    for n in range(2, 12)
]


@cache
def worded() -> Pool:
    return Pool.of(ROWS, embedder="lexical", group="kind")


@pytest.fixture(scope="module")
def code_only() -> Summary:
    """Summary of a selection that has nothing but code."""
    return idv.coverage(worded(), Selection(np.arange(0, 30, 3), np.zeros(10)), n_draws=16)


# Near copies


# Gaps


# Clusters, groups and their names


def test_clusters_are_named_by_words_that_the_others_lack(code_only):
    assert sum(c.records for c in code_only.clusters) == 90
    by_kind = {c.example.split()[0]: c.name for c in code_only.clusters}
    for verb, name in by_kind.items():
        assert verb.lower() in name or any(w in name for w in ("steps", "loaf", "cake", "pie"))
        assert all(other.lower() not in name for other in {"Sort", "Bake", "Summarize"} - {verb})


def test_the_weight_of_a_word_is_class_based_tf_idf():
    names = Names(["apple apple pear", "apple plum fig", "plum plum fig", "plum"], n_parts=3)
    # Records that hold a word: apple 2, pear 1, plum 3, fig 2, in all 8; 8 / 3 a part.
    part = {"plum": 2 / 5 * np.log1p(8 / 3 / 3), "fig": 2 / 5 * np.log1p(8 / 3 / 2)}
    assert sorted(part, key=lambda word: -part[word]) == ["fig", "plum"]
    assert names.of([1, 2]) == "fig, plum, apple"
    assert names.of([1, 2], n_words=2) == "fig, plum"


@pytest.mark.parametrize("texts", [["a", "b"], ["", " "], ["1 2 3", "??"], ["\x00", "\ud800"]])
def test_texts_without_a_word_have_no_name(texts):
    assert Names(texts, 2).of([0, 1]) == ""


def test_examples_are_of_their_cluster_kept_first_in_the_order_of_choice():
    selection = Selection(np.array([40, 3, 77, 5, 90]), np.zeros(5))
    for cluster in idv.coverage(DISTINCT, selection, n_draws=2).clusters:
        kept = [e.row for e in cluster.kept_examples]
        assert kept == [row for row in selection.indices if row in kept][:3]
        assert len(kept) == min(3, cluster.kept or 0)
        assert all(e.kept for e in cluster.kept_examples)
        lacking = [e.similarity or 0 for e in cluster.dropped_examples]
        assert lacking == sorted(lacking)
        assert len(lacking) == min(3, cluster.records - (cluster.kept or 0))
        assert not any(e.kept for e in cluster.dropped_examples)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=200), st.data())
@settings(max_examples=60, deadline=None)
def test_the_heat_holds_every_record_once(values, data):
    parts = by_size(np.unique(values, return_inverse=True)[1])
    groups = np.array(
        data.draw(
            st.lists(
                st.sampled_from([f"g{i}" for i in range(30)]),
                min_size=len(parts),
                max_size=len(parts),
            )
        )
    )
    kept = np.flatnonzero(
        data.draw(st.lists(st.booleans(), min_size=len(parts), max_size=len(parts)))
    )
    found = heat(groups, parts, kept)
    before, after = np.array(found.before), np.array(found.after)
    assert before.shape == (len(found.groups), len(found.clusters))
    assert before.sum() == len(parts)
    assert after.sum() == len(kept)
    for i, group in enumerate(found.groups):
        for j, cluster in enumerate(found.clusters):
            if group != "(other)" and cluster != -1:
                inside = (groups == group) & (parts == cluster)
                assert before[i, j] == inside.sum()
                assert after[i, j] == inside[kept].sum()


# Histograms and the curve


def test_histograms_count_every_conversation_once(code_only):
    for histogram in code_only.histograms:
        assert sum(histogram.before) == 90
        assert sum(histogram.after or []) == 10
        assert len(histogram.edges) == len(histogram.before) + 1
        assert histogram.edges == sorted(set(histogram.edges))
    characters, turns = code_only.histograms
    lengths = [len(r["instruction"]) + len(r["output"]) for r in ROWS]
    assert characters.median_before == np.median(lengths)
    assert (turns.of, turns.median_before) == ("turns", 2)


def test_the_curve_is_coverage_at_each_budget():
    selection = KCenter().select(DISTINCT, 30)
    curve = idv.coverage(DISTINCT, selection, n_draws=20).curve
    assert curve.budgets == [1, 2, 5, 10, 20, 30, 50, 100, 120]
    for values in (curve.random_low, curve.random_median, curve.random_high):
        assert (np.diff(values) >= 0).all()
    assert curve.random_low[-1] == curve.random_high[-1] == 1
    metric = idv.metrics.MeanNearestSimilarity()
    assert curve.selection is not None
    for budget, value in zip(curve.budgets, curve.selection, strict=True):
        if budget <= 30:
            subset = DISTINCT.space.take(selection.prefix(budget).indices)
            assert value == pytest.approx(metric.score(subset, DISTINCT.space), abs=1e-6)
        else:
            assert value is None
    low, middle = curve.random_median[0], curve.random_median
    level = low + 0.9 * (1 - low)
    place = curve.budgets.index(
        min(b for b, m in zip(curve.budgets, middle, strict=True) if m >= level)
    )
    assert curve.budgets[place - 1] <= curve.flattens_at <= curve.budgets[place]
    assert curve.random_equivalent is not None
    assert curve.random_equivalent > 30


# References


def test_a_domain_that_the_data_lacks_comes_first():
    both = Pool.together(
        {"data": ROWS[:60], "reference": ROWS[::5]}, embedder="lexical", group="kind"
    )
    selection = Selection(np.arange(10), np.zeros(10))
    summary = idv.coverage(
        both["data"], selection, references={"wanted": both["reference"]}, n_draws=2
    )
    found = summary.references[0]
    assert (found.name, found.records) == ("wanted", 18)
    assert found.domains[0].domain == "law"
    assert found.domains[0].covered == 0
    assert found.domains[-1].covered == 1
    assert "Summarize" in found.domains[0].missing[0].text
    code = next(row for row in found.domains if row.domain == "code")
    assert code.covered == 1
    assert not code.missing
    assert code.kept_covered is not None
    assert code.kept_covered < 1
    assert "## Reference: wanted" in summary.to_markdown()


def test_a_reference_without_groups_is_taken_cluster_by_cluster():
    found = idv.coverage(
        DISTINCT, references={"other": Pool.from_embeddings(-DISTINCT.space.vectors)}
    )
    assert len(found.references[0].domains) == 11
    assert sum(row.records for row in found.references[0].domains) == 120


# What stands for any input


@pytest.mark.parametrize("name", POOLS)
@pytest.mark.parametrize("of_target", [False, True])
def test_any_pool_gives_a_summary_that_comes_back_from_json(name, of_target):
    pool = POOLS[name]
    target = Space.of(-pool.space.vectors[:1]) if of_target else None
    for selection in (None, Random().select(pool, 1), Random().select(pool, len(pool))):
        summary = idv.coverage(pool, selection, target, n_draws=3)
        assert summary == idv.coverage(pool, selection, target, n_draws=3)
        assert Summary.model_validate_json(summary.to_json()) == summary
        assert summary.to_markdown().startswith("# Coverage report")
        assert (summary.target is not None) == of_target


@pytest.mark.parametrize(
    "texts",
    [
        ["a", "b", "c"],
        ["same"] * 5,
        ["x" * 66_000, "short", "y " * 33_000],
        ["</script><b>{{ 7 * 7 }}", "\u202eright to left", "nul \x00 and \ud800"],
        ["only one"],
    ],
    ids=["one character", "all equal", "66,000 characters", "hostile", "one record"],
)
def test_any_text_can_be_reported(texts):
    pool = Pool.of([{"instruction": t, "output": "o"} for t in texts], embedder="lexical")
    summary = idv.coverage(pool, Random().select(pool, 1), n_draws=3)
    json.loads(summary.to_json())
    summary.to_markdown().encode()
    assert all(len(e.text) <= 300 for c in summary.clusters for e in c.kept_examples)


def test_a_target_in_another_language_is_far_from_everything():
    greek = [
        {
            "instruction": "\u03c0\u03bf\u03cd \u03b5\u03af\u03bd\u03b1\u03b9;",
            "output": "\u03b5\u03b4\u03ce",
        }
    ]
    pools = Pool.together({"data": ROWS, "target": greek}, embedder="lexical")
    summary = idv.coverage(pools["data"], None, pools["target"])
    assert summary.pool_metrics["coverage_at"] == 0
    assert [gap.of for gap in summary.gaps] == ["target"]
    assert summary.gaps[0].examples[0].text == greek[0]["instruction"]


def test_a_metric_that_is_asked_for_is_told_even_where_it_is_full():
    asked = idv.coverage(DISTINCT, metrics="coverage_radius").pool_metrics
    assert asked["coverage_radius"] == 0


def test_a_pool_against_itself_has_no_metrics_that_are_always_full():
    assert "mean_nearest_similarity" not in idv.coverage(DISTINCT).pool_metrics
    assert "vendi" in idv.coverage(DISTINCT).pool_metrics


def test_metrics_of_the_users_choice_are_named_by_their_parameters():
    chosen: list[Any] = ["vendi", {"name": "vendi", "order": 2}, "group_coverage"]
    found = idv.coverage(DISTINCT, Random().select(DISTINCT, 9), metrics=chosen, n_draws=3).metrics
    assert [m.metric for m in found][-3:] == ["vendi", "vendi(order=2.0)", "group_coverage"]


def test_the_fingerprints_tell_selections_apart():
    a, b = (
        idv.coverage(DISTINCT, Random(seed=s).select(DISTINCT, 9), n_draws=2).provenance
        for s in (1, 2)
    )
    assert a.vectors == b.vectors
    assert a.selection != b.selection
    assert a.selector["name"] == "random"
    assert a.budget == "9 records"


@pytest.mark.parametrize(
    ("problem", "parameters"),
    [
        ("similarity_threshold must lie in -1..1, got 1.5", {"similarity_threshold": 1.5}),
        ("radius must lie in 0..2, got -1", {"radius": -1}),
        ("no metric is named", {"metrics": ["beauty"]}),
        ("a random band needs at least 1 draw", {"n_draws": 0}),
    ],
)
def test_a_parameter_out_of_range_is_named(problem, parameters):
    with pytest.raises((ParameterError, ShapeError, UnknownPart), match=problem):
        idv.coverage(DISTINCT, Random().select(DISTINCT, 9), **parameters)


# One space for several data sets


def test_data_sets_embedded_together_lie_in_one_space():
    pools = Pool.together({"a": ROWS, "b": ROWS[10:20]}, embedder="lexical", group="kind")
    assert (pools["a"].space.nearest_similarity(pools["b"].space) == 1).all()
    assert labels(pools["b"]).tolist() == [r["kind"] for r in ROWS[10:20]]
    assert pools["a"].texts[3] == ROWS[3]["instruction"]


def test_a_data_set_without_the_column_has_no_groups():
    bare = [{"instruction": "Count.", "output": "1"}]
    pools = Pool.together({"a": ROWS, "b": bare}, embedder="lexical", group="kind")
    assert pools["a"].groups is not None
    assert pools["b"].groups is None
    with pytest.raises(InputError, match="no column is named 'sort'"):
        Pool.together({"a": ROWS, "b": bare}, embedder="lexical", group="sort")
    with pytest.raises(InputError, match="no column is named 'kind'"):
        Pool.together({"a": ROWS, "b": bare}, embedder="lexical", each={"b": {"group": "kind"}})
    renamed = [{"instruction": "Count.", "output": "1", "topic": "maths"}]
    three = {"a": ROWS, "b": renamed, "c": ROWS[:2]}
    pools = Pool.together(three, embedder="lexical", group="kind", each={"b": {"group": "topic"}})
    assert labels(pools["b"]).tolist() == ["maths"]
    assert labels(pools["c"]).tolist() == ["code", "code"]
    with pytest.raises(InputError, match="no data set is named 'd'; known: a, b, c"):
        Pool.together(three, embedder="lexical", each={"d": {"group": "kind"}})


def test_vectors_of_two_calls_of_an_embedder_that_learns_are_not_compared():
    other = Pool.of(ROWS, embedder="lexical")
    with pytest.raises(ShapeError, match="two calls of lexical cannot be compared.*Pool.together"):
        idv.coverage(worded(), None, other)
    with pytest.raises(ShapeError, match="two calls of lexical"):
        idv.diff(worded(), other)
    assert idv.coverage(worded(), None, worded().take([1, 2])).target is not None


# Difference


@pytest.mark.parametrize("ending", ["txt", "HTM", ""])
def test_a_file_of_another_kind_is_refused(tmp_path, ending):
    summary = idv.coverage(TINY)
    with pytest.raises(InputError, match=r"written as \.html, \.json or \.md, not as"):
        summary.save(tmp_path / f"report.{ending}")
    with pytest.raises(InputError, match=r"\.json or \.md"):
        idv.diff(TINY, TINY).save(tmp_path / "difference.html")


def test_a_mix_that_is_reported_again_still_says_who_chose(tmp_path):
    recipe = idv.Recipe(budget=7, embedder="lexical", selector="herding", group="kind", n_draws=4)
    mix = idv.curate(recipe, ROWS)
    mix.export(tmp_path / "mix")
    again = idv.coverage(mix.pool, selection_of(tmp_path / "mix", mix.pool), n_draws=4)
    assert again.provenance.selector == mix.selection.selector
    assert again.provenance.budget == "7 records"
    assert again == mix.summary


@pytest.mark.parametrize(("n_clusters", "sizes"), [(1, {90}), (90, {1})], ids=["one", "of one"])
@pytest.mark.parametrize("n_chosen", [None, 1, 90])
def test_all_in_one_cluster_and_clusters_of_one_can_be_reported(n_clusters, sizes, n_chosen):
    selection = None if n_chosen is None else Random().select(worded(), n_chosen)
    clusterer = KMeans(n_clusters=n_clusters)
    summary = idv.coverage(worded(), selection, clusterer=clusterer, n_draws=3)
    assert {cluster.records for cluster in summary.clusters} == sizes
    assert len(summary.clusters) == n_clusters
    touched = {None: n_clusters, 1: 1, 90: n_clusters}[n_chosen]
    assert sum(cluster.kept != 0 for cluster in summary.clusters) == touched
    assert all(cluster.name in summary.to_html("pca") for cluster in summary.clusters[:3])


def test_a_target_may_be_an_array():
    target = np.array(DISTINCT.space.vectors[:5])
    selection = idv.FacilityLocation().select(DISTINCT, 5, target=target)
    assert idv.coverage(DISTINCT, selection, target=target).selected == 5


def test_names_of_groups_cannot_steer_a_terminal_or_break_a_table():
    pool = Pool.from_embeddings(np.eye(3), ["x\n\x1b]0;pwn\x07|y", "b", "b"])
    text = idv.coverage(pool).to_markdown()
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "| x ]0;pwn \\|y | 1 |" in text


@pytest.mark.parametrize("seed", range(4))
def test_the_whole_pool_is_worth_as_many_random_records(seed):
    pool, target = Pool.from_embeddings(normal(300)), Pool.from_embeddings(normal(200, 16, 9))
    order = np.random.default_rng(seed).permutation(300)
    curve = idv.coverage(pool, selecting(order), target, metrics=[], n_draws=2).curve
    assert curve.random_equivalent == pytest.approx(300, abs=1)


def test_half_a_character_in_a_name_breaks_no_form_of_the_report(tmp_path):
    pool = Pool.from_embeddings(normal(4), groups=["\ud800", "\udfff\0x", "", "fine"])
    summary = idv.coverage(pool, selecting([1]), references={"\udcff": pool}, n_draws=2)
    for ending in (".html", ".md", ".json"):
        assert summary.save(tmp_path / f"report{ending}").stat().st_size
    read = Summary.model_validate_json((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert {row.group for row in read.groups} == {"?", "?\0x", "", "fine"}
    assert json.loads(idv.diff(pool, pool, ("\udcff", "b")).to_json())["a"]["name"] == "?"


def test_a_reference_named_like_html_stays_text_in_markdown():
    pool = Pool.from_embeddings(normal(4))
    summary = idv.coverage(pool, references={"<img src=x>": pool}, metrics=[])
    assert "<img" not in summary.to_markdown()


def test_what_a_selection_of_one_kind_lacks_is_said(code_only):
    first = code_only.gaps[0]
    assert first.of == "pool"
    assert {example.group for example in first.examples} <= {"baking", "law"}
    assert first.records >= 10
    assert first.similarity < first.similarity_then
    assert first.nearest is not None
    assert first.nearest.kept
    assert not first.examples[0].kept
    named = " ".join(gap.name for gap in code_only.gaps[:3])
    assert "bake" in named
    assert "summarize" in named


def test_a_difference_says_what_each_lacks():
    pools = Pool.together({"a": ROWS[:60], "b": ROWS[20:]}, embedder="lexical", group="kind")
    found = idv.diff(pools["a"], pools["b"], ("a.jsonl", "b.jsonl"))
    assert (found.a.records, found.a.shared) == (60, 40)
    assert (found.b.records, found.b.shared) == (70, 40)
    assert {e.group for e in found.b.lacking[0].examples} == {"law"}
    assert "Sort" in found.a.lacking[0].examples[0].text
    assert found.groups[0].group in ("law", "code")
    assert sum(g.a for g in found.groups) == 60
    assert sum(g.b for g in found.groups) == 70
    assert Difference.model_validate_json(found.to_json()) == found
    for title in ("Coverage of each other", "What the second lacks of the first", "Groups"):
        assert f"## {title}" in found.to_markdown()


@pytest.mark.parametrize(
    ("pool", "kinds"),
    [
        (Pool.from_embeddings(np.eye(4)), {"vectors"}),
        (Pool.from_embeddings(np.eye(4), list("aabb")), {"vectors", "groups"}),
        (Pool.of(ROWS, embedder="lexical"), {"vectors", "texts"}),
    ],
    ids=["vectors", "groups", "texts"],
)
def test_all_metrics_are_those_that_the_pool_has_everything_for(
    pool: Pool, kinds: set[str]
) -> None:
    found = idv.coverage(pool, metrics="all").pool_metrics
    measured = {title.partition("(")[0] for title in found}
    known = {n: m for n, m in Metric.known().items() if m.__module__.startswith("instructdiv.")}
    assert measured >= {name for name, metric in known.items() if metric.looks_at in kinds}
    assert measured.isdisjoint({n for n, metric in known.items() if metric.looks_at not in kinds})


# In a notebook


def test_results_are_one_line_and_light_in_a_notebook():
    pool = pools.readable(pools.clustered(2000, 16, 12))
    selection = Random().select(pool, 200)
    found = [
        idv.coverage(pool, selection, references={"all": pool.take(np.arange(300))}, n_draws=4),
        idv.compare(pool, ["random", "k_center"], [20, 200], n_draws=4),
        idv.diff(pool, pool.take(np.arange(700))),
        idv.instruction_profile(pool),
        idv.leak_check(pool, pool.take(np.arange(500))),
    ]
    for one in found:
        assert "\n" not in repr(one)
        assert len(repr(one)) < 200
        assert len(str(one)) < 20_000
        assert len(one._repr_html_()) < 50_000
        assert one.headline in str(one)
