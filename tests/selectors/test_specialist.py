"""Specialist: a core, and what lies beyond it."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instructdiv import Pool
from instructdiv.errors import ShapeError
from instructdiv.selectors import Specialist
from tests.pools import far, labels


def specialists() -> st.SearchStrategy[tuple[Pool, Specialist]]:
    sizes = st.lists(st.integers(1, 12), min_size=2, max_size=5)
    return st.builds(
        lambda sizes, share, balance, seed: (
            Pool.joined(far({f"group {i}": n for i, n in enumerate(sizes)}, seed)),
            Specialist(core="group 0", beyond_share=share, balance=balance),
        ),
        sizes,
        st.just(0.0) | st.floats(0.001, 1),
        st.sampled_from([0.0, 0.5, 1.0]),
        st.integers(0, 3),
    )


@settings(max_examples=80, deadline=None)
@given(specialists())
def test_every_prefix_holds_the_share_as_far_as_there_are_records(case: tuple[Pool, Specialist]):
    pool, selector = case
    core = labels(pool) == "group 0"
    chosen = selector.select(pool, len(pool)).indices
    assert sorted(chosen.tolist()) == list(range(len(pool)))
    beyond = np.cumsum(~core[chosen])
    for n, n_beyond in enumerate(beyond.tolist(), 1):
        wanted = selector.beyond_share * n
        # Until one side is used up.
        if n_beyond < (~core).sum() and n - n_beyond < core.sum():
            assert abs(n_beyond - wanted) <= 0.5 + 1e-9


@settings(max_examples=30, deadline=None)
@given(specialists(), st.data())
def test_a_smaller_budget_of_a_specialist_is_a_prefix(
    case: tuple[Pool, Specialist], data: st.DataObject
):
    pool, selector = case
    n = data.draw(st.integers(1, len(pool)))
    whole = selector.select(pool, len(pool)).indices
    assert selector.select(pool, n).indices.tolist() == whole[:n].tolist()


@settings(max_examples=50, deadline=None)
@given(specialists(), st.data())
def test_no_domain_has_a_record_that_another_has_a_better_claim_to(
    case: tuple[Pool, Specialist], data: st.DataObject
):
    pool, selector = case
    n = data.draw(st.integers(1, len(pool)))
    chosen = labels(pool)[selector.select(pool, n).indices]
    names, sizes = np.unique(labels(pool), return_counts=True)
    # What comes when the core is used up is shared out evenly if no share is beyond it.
    power = 1 - selector.balance if selector.beyond_share else 0
    domains = [
        (int((chosen == name).sum()), int(size), float(size) ** power)
        for name, size in zip(names[1:], sizes[1:], strict=True)
    ]
    # The method of Webster: the next record of one is worth no more than the last of another.
    last = min((w / (2 * c - 1) for c, _, w in domains if c), default=np.inf)
    following = max((w / (2 * c + 1) for c, size, w in domains if c < size), default=0)
    assert following <= last * (1 + 1e-9)


def test_equal_domains_and_proportional_ones():
    pool = Pool.joined(far({"core": 100, "large": 60, "small": 20}))
    equal, proportional = (
        Counter(
            labels(pool)[
                Specialist(core="core", beyond_share=0.4, balance=balance).select(pool, 50).indices
            ].tolist()
        )
        for balance in (1.0, 0.0)
    )
    assert equal == {"core": 30, "large": 10, "small": 10}
    assert proportional == {"core": 30, "large": 15, "small": 5}


def test_the_most_redundant_records_of_the_core_leave():
    random = np.random.default_rng(1)
    once = np.hstack([random.standard_normal((20, 12)), np.zeros((20, 4))])
    copies = np.repeat(once[:5], 4, axis=0) + 0.001 * random.standard_normal((20, 16))
    law = np.hstack([np.zeros((20, 12)), random.standard_normal((20, 4))])
    pool = Pool.from_embeddings([*once, *copies, *law], ["core"] * 40 + ["law"] * 20)
    chosen = Specialist(core="core", beyond_share=0.5).select(pool, 40).indices
    kept = chosen[chosen < 40]
    assert len(kept) == 20
    # Of each of the five that are there five times one stays.
    kind = np.concatenate([np.arange(20), np.repeat(np.arange(5), 4)])
    assert sorted(kind[kept]) == list(range(20))


def test_what_is_near_the_core_comes_last():
    sets = far({"core": 10, "law": 10, "food": 10})
    near = sets["core"].space.vectors + 0.02
    pool = Pool.joined({**sets, "near": Pool.from_embeddings(near)})
    for share in (0.0, 0.3, 1.0):
        chosen = labels(pool)[Specialist(core="core", beyond_share=share).select(pool, 40).indices]
        assert set(chosen[30:]) == {"near"}
    wide = Specialist(core="core", beyond_share=0.5, radius=0).select(pool, 20).indices
    assert (labels(pool)[wide] == "near").any()


def test_the_other_side_gives_where_one_has_too_few():
    pool = Pool.joined(far({"core": 5, "law": 20, "food": 20}))
    chosen = labels(pool)[Specialist(core="core", beyond_share=0.2).select(pool, 20).indices]
    assert Counter(chosen.tolist()) == {"core": 5, "food": 8, "law": 7}
    pool = Pool.joined(far({"core": 30, "law": 3}))
    chosen = labels(pool)[Specialist(core="core", beyond_share=0.5).select(pool, 20).indices]
    assert Counter(chosen.tolist()) == {"core": 17, "law": 3}


def test_the_largest_group_is_the_core_unless_it_is_named():
    pool = Pool.joined(far({"law": 4, "code": 9, "music": 6}))
    assert set(labels(pool)[Specialist(beyond_share=0).select(pool, 9).indices]) == {"code"}
    named = Specialist(core="music", beyond_share=0).select(pool, 6).indices
    assert set(labels(pool)[named]) == {"music"}


def test_a_core_that_is_none_is_said():
    pool = Pool.joined(far({"law": 4, "code": 9}))
    with pytest.raises(ShapeError, match="'art' is no group.*; known: code, law"):
        Specialist(core="art").select(pool, 3)
    with pytest.raises(ShapeError, match="specialist needs the group of each record"):
        Specialist().select(Pool.from_embeddings(np.eye(3)), 2)
