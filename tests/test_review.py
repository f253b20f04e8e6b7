"""What a stranger found: each of these once crashed, lied, or lost something."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, Image
from PIL import Image as Picture

import instructdiv as idv
from instructdiv import Budget, Pool, Selection, Space
from instructdiv.clusterers import ByLabel, KMeans
from instructdiv.core.files import new_folder
from instructdiv.errors import OutputError, ShapeError
from instructdiv.metrics import Metric, Vendi
from instructdiv.selectors import ConcaveFacilityLocation, Selector
from tests.pools import DISTINCT, clustered

ROWS = [{"instruction": f"Task {i}, with {i * i} things", "output": "done"} for i in range(40)]


def recipe(**options) -> idv.Recipe:
    return idv.Recipe.model_validate(
        {"budget": 12, "embedder": {"name": "lexical", "dimensions": 8}, "n_draws": 2} | options
    )


def test_the_cheapest_copy_stands_for_its_copies_under_a_token_budget():
    dear = Pool.from_embeddings(np.array([[1, 0], [1, 0]]), costs=[100, 1])
    for start in ("mean", "first"):
        chosen = idv.KCenter(start=start).select(dear, Budget(tokens=50))
        assert chosen.indices.tolist() == [1]
    pool = Pool.from_embeddings(
        np.array([[1, 0], [0, 1], [0, 1], [1, 0.01], [1, 0.02]]), costs=[1, 100, 1, 1, 1]
    )
    assert idv.KCenter(start="first").select(pool, Budget(tokens=3)).indices.tolist()[:2] == [0, 2]


@pytest.mark.parametrize("selector", ["random", "concave_facility_location", "group_balanced"])
def test_the_manifest_rebuilds_a_mix_of_any_seed(selector, tmp_path):
    mix = idv.curate(recipe(seed=5, selector=selector, group="output"), ROWS)
    mix.export(tmp_path / "mix")
    manifest = json.loads((tmp_path / "mix" / "manifest.json").read_text())
    mix.recipe.save(tmp_path / "recipe.yaml")
    for again in (
        idv.Recipe.model_validate(manifest["recipe"]),
        idv.Recipe.load(tmp_path / "recipe.yaml"),
    ):
        rebuilt = idv.curate(again, ROWS)
        np.testing.assert_array_equal(rebuilt.selection.indices, mix.selection.indices)


def test_a_seed_that_was_set_is_kept_and_one_that_was_not_follows_the_recipe():
    assert idv.Random(seed=0).seeded(9).seed == 0
    assert Selector.from_mapping(idv.Random().to_mapping()).seeded(9) == idv.Random(seed=9)


def test_a_hub_name_with_a_dot_is_asked_for_on_the_hub(monkeypatch):
    import datasets

    asked = []

    def load_dataset(name, _config, split):
        asked.append((name, split))
        return Dataset.from_list(ROWS)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert len(idv.load("somebody/Data-2.5")) == 40
    assert asked == [("somebody/Data-2.5", "train")]


def test_an_interrupt_while_replacing_a_mix_loses_neither(tmp_path, monkeypatch):
    (tmp_path / "mix").mkdir()
    (tmp_path / "mix" / "manifest.json").write_text("old")
    rename = Path.rename

    def interrupted(self, target):
        if self.name.startswith(".mix.") and Path(target).name == "mix":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "mix", overwrite=True):
        pass
    assert (tmp_path / "mix" / "manifest.json").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["mix"]


def test_overwriting_through_a_link_replaces_what_it_leads_to(tmp_path):
    (tmp_path / "disk" / "mix").mkdir(parents=True)
    (tmp_path / "disk" / "mix" / "manifest.json").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "mix")
    with new_folder(tmp_path / "link", overwrite=True) as folder:
        (folder / "manifest.json").write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "disk" / "mix" / "manifest.json").read_text() == "new"


def test_a_place_that_cannot_be_written_to_is_noticed_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    for place in ("file/mix", ".", ""):
        with (
            pytest.raises(OutputError, match="give a|cannot be replaced"),
            new_folder(place, overwrite=False),
        ):
            pytest.fail("begun")


def test_a_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    idv.curate(recipe(), ROWS).export("~/mix")
    assert (tmp_path / "mix" / "mix.jsonl").is_file()


def test_a_mix_inside_the_data_folder_is_not_data(tmp_path):
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    idv.curate(recipe(), tmp_path).export(tmp_path / "mix")
    assert len(idv.load(tmp_path)) == 40


def test_near_copies_cost_no_more_memory_than_others():
    import tracemalloc

    center = np.random.default_rng(0).standard_normal(256)
    rows = center + 1e-3 * np.random.default_rng(1).standard_normal((2000, 256))
    space = Space.of(rows)
    tracemalloc.start()
    space.neighbors(128)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # the vectors of all pairs would be 260 MB


@pytest.mark.parametrize("take", [DISTINCT.take, DISTINCT.space.take])
def test_a_mask_is_a_mask_and_half_rows_are_none(take):
    mask = np.arange(len(DISTINCT)) % 2 == 1
    assert len(take(mask)) == 60
    for rows in ([0.5], [-1], [120], mask[:5], [[1]]):
        with pytest.raises(ShapeError, match="whole numbers 0..119"):
            take(rows)


def test_system_text_and_tool_calls_are_tokens_too():
    spoken = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}]
    system = {"role": "system", "content": "word " * 1000}
    add = {"function": {"name": "add", "arguments": "word " * 500}}
    call = {"role": "assistant", "content": None, "tool_calls": [add]}
    rows = [{"messages": spoken}, {"messages": [system, *spoken]}, {"messages": [*spoken, call]}]
    costs = Pool.of(rows, embedder="lexical").costs
    assert costs[0] == 2
    assert costs[1] > 1000
    assert costs[2] > 500


@pytest.mark.parametrize("costs", [[1e300, 1], [2**62, 1], [0, 1], [float("inf"), 1], [1.5, 1]])
def test_costs_that_cannot_be_added_up_are_refused(costs):
    with pytest.raises(ShapeError, match=r"whole numbers from 1 to .*row 0"):
        Pool.from_embeddings(np.eye(2), costs=costs)


@pytest.mark.parametrize("budget", [Budget(records=10), Budget(tokens=10)])
def test_what_is_given_counts_toward_the_quota_of_its_group(budget):
    pool = clustered(100, 8, 4)
    pool = Pool.from_embeddings(pool.space, ["a"] * 60 + ["b"] * 40, np.ones(100))
    chosen = idv.GroupBalanced().select(pool, budget, given=np.arange(50)).indices
    assert (chosen >= 60).all()
    assert len(chosen) == 10


def test_of_two_classes_of_one_name_the_later_is_meant_but_ours_stay_ours():
    def define(n: int) -> type:
        class ReviewedPart(idv.Random):
            count: int = n

        return ReviewedPart

    first, second = define(1), define(2)
    assert Selector.known()["reviewed_part"] is second is not first

    class Random(idv.Random):
        pass

    assert Selector.known()["random"] is idv.Random


def test_a_picture_is_carried_along_and_read_by_no_one(tmp_path):
    picture = Picture.new("RGB", (2, 2), (200, 10, 10))
    data = Dataset.from_list([row | {"image": picture} for row in ROWS])
    assert isinstance(data.features["image"], Image)
    chosen = idv.rebalance(data, 5, embedder="lexical")
    assert chosen.features == data.features
    assert chosen[0]["image"].getpixel((0, 0)) == (200, 10, 10)
    digests = [idv.curate(recipe(), data).records.digests() for _ in range(2)]
    assert digests[0] == digests[1]


@pytest.mark.parametrize("order", [0.5, 3.0, float("inf")])
def test_an_order_of_any_size_comes_back_from_its_mapping(order):
    assert Metric.from_mapping(json.loads(json.dumps(Vendi(order=order).to_mapping()))) == Vendi(
        order=order
    )


def test_a_target_may_be_an_array():
    target = np.array(DISTINCT.space.vectors[:5])
    selection = idv.FacilityLocation().select(DISTINCT, 5, target=target)
    assert idv.coverage(DISTINCT, selection, target=target).selected == 5


def test_arrays_of_the_caller_stay_the_callers():
    rows, vectors = np.array([3, 1, 2]), np.eye(3, dtype=np.float32)
    selection = Selection(rows[:2], np.zeros(2))
    Space(vectors)
    rows[0], vectors[0, 0] = 7, 2
    assert selection.indices.tolist() == [3, 1]
    groups = clustered(5, 3, 2).groups
    assert groups is not None
    with pytest.raises(ValueError, match="read-only"):
        groups[0] = "other"


def test_pools_and_spaces_travel_to_other_processes():
    pool = DISTINCT.take([5, 6, 7])
    again = pickle.loads(pickle.dumps(pool))
    np.testing.assert_array_equal(again.space.vectors, pool.space.vectors)
    np.testing.assert_array_equal(again.space.nearest(pool.space, 1)[1][:, 0], [0, 1, 2])


def test_names_of_groups_cannot_steer_a_terminal_or_break_a_table():
    pool = Pool.from_embeddings(np.eye(3), ["x\n\x1b]0;pwn\x07|y", "b", "b"])
    text = idv.coverage(pool).to_markdown()
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "| x ]0;pwn \\|y | 1 |" in text


def test_every_view_leaves_out_the_same_records():
    rows = [*ROWS, {"instruction": "   ", "input": "", "output": "a"}]
    for view in ("prompt", "instruction", "response", "conversation"):
        assert len(Pool.of(rows, embedder="lexical", view=view)) == 40


def test_the_prompt_is_the_first_thing_that_was_asked():
    row = {
        "messages": [
            {"role": "user", "content": ""},
            {"role": "assistant", "content": "?"},
            {"role": "user", "content": "later"},
        ]
    }
    assert Pool.of([row], embedder="lexical").text(0) == "later"


def test_one_long_group_name_costs_no_memory():
    pool = Pool.from_embeddings(np.eye(3), ["a" * 10**6, "b", "c"])
    assert pool.groups is not None
    assert pool.groups.nbytes < 10_000


def test_set_reaches_into_defaults_that_are_not_written(tmp_path):
    (tmp_path / "r.yaml").write_text("data: x\nbudget: 5\nselector: concave_facility_location\n")
    loaded = idv.Recipe.load(tmp_path / "r.yaml", ["selector.clusterer.n_clusters=3"])
    assert loaded.selector == ConcaveFacilityLocation(clusterer=KMeans(n_clusters=3))


def test_rows_that_cancel_out_can_be_clustered():
    opposite = Space.of([[1, 0], [-1, 0]])
    assert KMeans(n_clusters=1).cluster(opposite).tolist() == [0, 0]
    with pytest.raises(ShapeError, match="by_label needs groups"):
        ByLabel().cluster(opposite)


def test_lexical_takes_texts_that_share_nothing():
    texts = [chr(0x4E00 + i) for i in range(1100)]
    assert len(Space.of(idv.Lexical().embed(texts))) == 1100
