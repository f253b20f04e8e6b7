"""Redundancy: groups of near copies, with the rows and similarities that show it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.near_pairs import near_pairs
from instructdiv.core.space import Space
from instructdiv.report.facts import DuplicateGroup, Example, Redundancy

if TYPE_CHECKING:
    from scipy.sparse import coo_array

_SHOWN = 20
_EXAMPLES = 5


def find_redundancy(
    space: Space,
    similarity_threshold: float,
    kept: NDArray[np.int64] | None,
    example: Callable[[int, float], Example],
) -> Redundancy:
    """Groups of rows that are linked by pairs at least so similar.

    Parameters
    ----------
    space
        The pool.
    least_similarity
        Similarity from which two rows are near copies.
    kept
        Rows that were chosen, if there is a selection.
    example
        Shows a row, with its similarity to another.
    """
    from scipy.sparse.csgraph import minimum_spanning_tree

    firsts = space.first_copies
    copies = np.flatnonzero(firsts != np.arange(len(space)))
    graph, label = near_copies(space, similarity_threshold)
    sizes = np.bincount(label)
    # Of the links that hold a group together, those of the tree of the strongest ones.
    tree = minimum_spanning_tree(graph).tocoo()
    weakest = np.ones(len(sizes))
    np.minimum.at(weakest, label[tree.row], 2 - tree.data)
    n_kept = None if kept is None else np.bincount(label[kept], minlength=len(sizes))
    several = sizes > 1
    largest = [int(g) for g in np.argsort(-sizes, kind="stable")[:_SHOWN] if several[g]]
    rows_of = {g: np.flatnonzero(label == g) for g in largest}
    return Redundancy(
        similarity_threshold=similarity_threshold,
        exact_copies=len(copies),
        groups=int(several.sum()),
        records=int(sizes[several].sum()),
        superfluous=int((sizes - 1).sum()),
        kept_superfluous=None if n_kept is None else int((n_kept - 1).clip(0).sum()),
        largest=[
            DuplicateGroup(
                records=int(sizes[g]),
                kept=None if n_kept is None else int(n_kept[g]),
                similarity_threshold=float(weakest[g]),
                examples=_examples(space, rows_of[g], example),
            )
            for g in largest
        ],
    )


def near_copies(
    space: Space, similarity_threshold: float
) -> "tuple[coo_array[Any, tuple[int, int]], NDArray[np.int64]]":
    """What is linked by pairs at least so similar.

    Returns
    -------
    links
        (n, n): 2 less the similarity of each pair.
    label
        (n,) number of the group of each row; one that is linked to none is a group of its own.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    firsts = space.first_copies
    copies = np.flatnonzero(firsts != np.arange(len(space)))
    pairs, similarity = near_pairs(space, similarity_threshold)
    # The trees of older scipy (1.12) take row numbers of 32 bits alone.
    links = np.concatenate([pairs, np.stack([firsts[copies], copies], axis=1)]).astype(np.int32)
    strength = np.concatenate([similarity, np.ones(len(copies), np.float32)])
    shape = (len(space), len(space))
    graph = coo_array((2 - strength.astype(np.float64), (links[:, 0], links[:, 1])), shape)
    _, label = connected_components(graph, directed=False)
    return graph, label.astype(np.int64)


def _examples(
    space: Space, rows: NDArray[np.int64], example: Callable[[int, float], Example]
) -> list[Example]:
    shown = rows[:_EXAMPLES]
    similarities = space.similarity(shown[:1], shown)[0]
    return [
        example(row, float(similarity))
        for row, similarity in zip(shown.tolist(), similarities, strict=True)
    ]
