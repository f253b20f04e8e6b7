"""Nearest first: the rows nearest to each target, sorted, without the matrix of all."""

import numpy as np
from numpy.typing import NDArray

from instructdiv.core.rows import Floats, Rows
from instructdiv.core.space import Space
from instructdiv.core.threads import in_tiles

Keys = NDArray[np.uint64]
"""A similarity and a row in one number: sorted, the nearest come first, and of equally near
rows the lowest."""

# Most rows that are compared with all targets at once; tiles of rows between two checks of
# the memory; most similarities in memory at once.
_TILE = 2048
_TILES = 64
_STANDING = 8_000_000
# Rows of the sample that lie beyond the threshold which is learned from it; rows of the sample.
_BEYOND = 48
_SAMPLE = 65_536


def nearest_first(
    space: Space, target: Space, rows: Rows, depth: int, *, farthest: bool = False
) -> list[Keys]:
    """The rows nearest to each target, sorted: about `depth` of them, seldom many more, or all.

    Tiles of rows are compared with all targets. A target keeps the rows of a tile that are
    nearer than its threshold, which is learned from a sample of the rows. No row that is left
    out would come before one that is returned.

    Parameters
    ----------
    space
        Where the rows are.
    target
        (t, d) what they are compared with.
    rows
        (m,) int64, ascending: the rows to be found.
    depth
        About how many are wanted for each target.
    farthest
        Whether the farthest rows come first.

    Returns
    -------
    keys
        For each target an array; see :func:`rows_of` and :func:`similarities_of`.
    """
    copied = space.n_distinct < len(space)
    firsts = np.unique(space.first_copies[rows]) if copied else rows
    towards = -target.vectors if farthest else target.vectors
    if depth >= len(firsts):
        found = _all_of(space, towards, firsts)
    else:
        found = _most_of(space, towards, firsts, depth)
    if not copied:
        return found
    copies = _Copies(space, rows)
    return [copies.expanded(keys, max(depth, 1)) for keys in found]


def rows_of(keys: Keys) -> Rows:
    """The rows in these keys, int64."""
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)


def similarities_of(keys: Keys, *, farthest: bool = False) -> Floats:
    """The similarities in these keys, float32."""
    bits = ~(keys >> np.uint64(32)).astype(np.uint32)
    negative = bits < np.uint32(0x80000000)
    worth = np.where(negative, ~bits, bits & np.uint32(0x7FFFFFFF)).view(np.float32)
    return -worth + np.float32(0) if farthest else worth


def keys_of(worth: Floats, rows: Rows) -> Keys:
    """Keys of rows and how near they are: the similarity, or its opposite."""
    bits = (worth.clip(-1, 1) + np.float32(0)).view(np.uint32)
    negative = bits >= np.uint32(0x80000000)
    ascending = np.where(negative, ~bits, bits | np.uint32(0x80000000))
    return (~ascending).astype(np.uint64) << np.uint64(32) | rows.astype(np.uint64)


def _all_of(space: Space, towards: Floats, rows: Rows) -> list[Keys]:
    keys = np.empty((len(towards), len(rows)), np.uint64)

    def compare(tile: slice) -> None:
        keys[:, tile] = keys_of(towards @ space.vectors[rows[tile]].T, rows[tile])

    def sort(lists: slice) -> None:
        keys[lists].sort(axis=1)

    in_tiles(compare, len(rows), _height(len(towards)))
    in_tiles(sort, len(towards), 8)
    return list(keys)


def _height(n_targets: int) -> int:
    """Number of rows to compare with the targets at once."""
    return max(1, min(_TILE, _STANDING // n_targets))


def _most_of(space: Space, towards: Floats, rows: Rows, depth: int) -> list[Keys]:
    least = _thresholds(space, towards, rows, depth)
    found: list[tuple[NDArray[np.int32], Keys]] = []
    height = _height(len(towards))
    for start in range(0, len(rows), height * _TILES):
        part = rows[start : start + height * _TILES]

        def compare(tile: slice, part: Rows = part) -> None:
            worth = towards @ space.vectors[part[tile]].T
            at = np.flatnonzero(worth >= least[:, None])
            target, place = np.divmod(at, worth.shape[1])
            keys = keys_of(worth.ravel()[at], part[tile][place])
            found.append((target.astype(np.int32), keys))

        in_tiles(compare, len(part), height)
        if sum(len(keys) for _, keys in found) > 4 * depth * len(towards):
            lists = [keys[:depth] for keys in _sorted(found, len(towards))]
            last = np.array([keys[-1] if len(keys) == depth else 0 for keys in lists], np.uint64)
            full = last > 0
            least[full] = similarities_of(last[full])
            number = np.repeat(np.arange(len(lists), dtype=np.int32), [len(k) for k in lists])
            found[:] = [(number, np.concatenate(lists))]
    return _sorted(found, len(towards))


def _thresholds(space: Space, towards: Floats, rows: Rows, depth: int) -> Floats:
    """Least similarity of a row that is likely among the first `depth` of each target, (t,)."""
    n_sampled = min(len(rows), max(_TILE, min(_BEYOND * len(rows) // depth, _SAMPLE)))
    expected = depth * n_sampled / len(rows)
    beyond = int(np.ceil(expected + 3 * expected**0.5))
    if beyond >= n_sampled:
        return np.full(len(towards), -np.inf, np.float32)
    sample = np.sort(np.random.default_rng(0).choice(len(rows), n_sampled, replace=False))
    vectors = space.vectors[rows[sample]]
    least = np.empty(len(towards), np.float32)

    def learn(targets: slice) -> None:
        beyond_it = -(towards[targets] @ vectors.T)
        beyond_it.partition(beyond, axis=1)
        least[targets] = -beyond_it[:, beyond]

    in_tiles(learn, len(towards), max(1, min(128, _STANDING // n_sampled)))
    return least


def _sorted(found: list[tuple[NDArray[np.int32], Keys]], n_targets: int) -> list[Keys]:
    """What was found for each target, sorted."""
    number = np.concatenate([target for target, _ in found])
    if n_targets <= 2**15:
        number = number.astype(np.int16)  # which numpy sorts by counting
    keys = np.concatenate([keys for _, keys in found])[np.argsort(number, kind="stable")]
    ends = np.cumsum(np.bincount(number, minlength=n_targets))
    lists = np.split(keys, ends[:-1])

    def sort(some: slice) -> None:
        for one in lists[some]:
            one.sort()

    in_tiles(sort, n_targets, 8)
    return lists


class _Copies:
    """The rows among some that are copies of each other."""

    def __init__(self, space: Space, rows: Rows) -> None:
        first = space.first_copies[rows]
        self._rows = rows[np.argsort(first, kind="stable")]
        self._firsts, starts = np.unique(np.sort(first), return_index=True)
        self._starts = np.append(starts, len(rows))

    def expanded(self, keys: Keys, depth: int) -> Keys:
        """Keys of the copies too, where these are keys of the first of them.

        Of all of them the first `depth`, if there are more.
        """
        number = np.searchsorted(self._firsts, rows_of(keys))
        starts = self._starts[number]
        sizes = np.minimum(self._starts[number + 1] - starts, depth)
        total = np.cumsum(sizes)
        # What is not as near as the last of the first `depth` is cut.
        if len(keys) and total[-1] > depth:
            last = keys[np.searchsorted(total, depth)] | np.uint64(0xFFFFFFFF)
            n = int(np.searchsorted(keys, last, side="right"))
            keys, starts, sizes, total = keys[:n], starts[:n], sizes[:n], total[:n]
        offset = np.arange(sizes.sum()) - np.repeat(total - sizes, sizes)
        rows = self._rows[np.repeat(starts, sizes) + offset].astype(np.uint64)
        worth = np.repeat(keys >> np.uint64(32) << np.uint64(32), sizes)
        return np.sort(worth | rows)[:depth]
