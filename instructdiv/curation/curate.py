"""Curate: the whole flow, from records to a mix."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

from instructdiv.arrangers import Arranger
from instructdiv.budget import Budget
from instructdiv.curation.manifest import earlier_selection
from instructdiv.curation.mix import Mix, stage
from instructdiv.curation.recipe import Recipe
from instructdiv.data.licenses import UNKNOWN, allowed, licenses_of
from instructdiv.data.load import names_files, read
from instructdiv.data.reading import Reading, ReadingOptions, Values
from instructdiv.data.records import Records, is_dataset
from instructdiv.data.sources import SOURCE, constrained, read_sources
from instructdiv.errors import BudgetError, InputError
from instructdiv.pool import Pool
from instructdiv.report.leakage import leak_check
from instructdiv.selectors import Selector, default_selector

_log = logging.getLogger("instructdiv")


def curate(recipe: Recipe, data: Any = None, target: Any = None) -> Mix:
    """Read, embed and select as a recipe says.

    Parameters
    ----------
    recipe
        The whole run.
    data
        Records to use in place of those the recipe names; whatever :func:`load` reads.
    target
        Records to cover in place of those the recipe names.

    Examples
    --------
    >>> rows = [{"instruction": f"Count to {n}.", "output": "1, 2, ..."} for n in range(2, 9)]
    >>> len(curate(Recipe(budget=3, embedder="lexical"), rows).dataset)
    3
    """
    if data is None and not recipe.data and not recipe.sources:
        raise InputError("the recipe names no data")
    if data is not None and recipe.sources:
        raise InputError("the recipe has sources; give it no other data")
    found = recipe.data if data is None else data
    reading = Reading.of(recipe)
    if recipe.sources and recipe.group is None:
        reading = reading.with_options(group=SOURCE)
    aim = recipe.target or None if target is None else target
    return _curate(recipe, reading, found, aim, recipe.target_group)


def _curate(recipe: Recipe, reading: Reading, data: Any, target: Any, target_group: Values) -> Mix:
    keep = None if recipe.keep is None else earlier_selection(recipe.keep)
    seconds: dict[str, float] = {}
    with stage("read and embed", seconds, None):  # the embedder tells its own progress
        pool, aim = _pools(recipe, reading, data, target, target_group)
    selector = recipe.selector.seeded(recipe.seed)
    budget, notes = recipe.budget, list[str]()
    if recipe.sources and pool.records is not None:
        sizes = Counter(pool.records.source_names)
        budget, notes = constrained(budget, recipe.sources, sizes)
    for note in notes:
        _log.warning("%s", note)
    with stage("select", seconds, reading.progress):
        # A target may be there for the arranger alone.
        covered = aim if selector.covers_target or recipe.arranger is None else None
        try:
            selection = selector.select(
                pool, budget, target=covered, keep=keep, stability=recipe.stability
            )
        except BudgetError as error:
            if budget is recipe.budget:
                raise
            raise BudgetError(
                f"{error}. A share or records of a source are its floor and its cap"
            ) from error
    arrangement = None
    if recipe.arranger is not None:
        with stage("arrange", seconds, reading.progress):
            arranger = recipe.arranger.seeded(recipe.seed)
            # Where all were chosen, the order in which they were says nothing.
            chosen = None if len(selection) == len(pool) else selection
            arrangement = arranger.arrange(pool, chosen, aim)
    return Mix(recipe, pool, selection, seconds, aim, arrangement, tuple(notes))


def _pools(
    recipe: Recipe, reading: Reading, data: Any, target: Any, target_group: Values
) -> tuple[Pool, Pool | None]:
    """The pool to choose from, and the target, if there is one, in one space."""
    if target is None and target_group is not None:
        raise InputError("target_group is a column of a target; give a target too")
    if recipe.sources:
        data = read_sources(recipe.sources, strict=recipe.strict)
    if recipe.allow_license:
        whole = read(data, strict=recipe.strict, encoding=recipe.encoding)
        data = _allowed(whole, recipe.allow_license)
        left = set(data.source_names)
        for source in recipe.sources:
            if (source.share or source.records) and source.name not in left:
                raise InputError(
                    f"the source {source.name!r} has no record under a license that is allowed; "
                    "allow its license, or leave the source out"
                )
    if target is None:
        return Pool.of(data, reading), None
    own: ReadingOptions = {"group": target_group, "costs": None, "quality": None, "schema": None}
    pools = Pool.together({"data": data, "target": target}, reading, each={"target": own})
    return pools["data"], pools["target"]


def _allowed(records: Records, allow: Sequence[str]) -> Records:
    """The records under these licenses."""
    licenses = licenses_of(records)
    fine = allowed(licenses, allow)
    others = Counter(
        f"license {', '.join(own) or UNKNOWN}"
        for own, ok in zip(licenses, fine.tolist(), strict=True)
        if not ok
    )
    return replace(records.take(fine), excluded=tuple(others.most_common())).pruned()


def rebalance(
    data: Any,
    budget: Budget | int,
    reading: Reading | None = None,
    *,
    selector: Selector | str | Mapping[str, Any] | None = None,
    target: Any = None,
    target_group: Values = None,
    arranger: Arranger | str | Mapping[str, Any] | None = None,
    **options: Unpack[ReadingOptions],
) -> Any:
    """Choose the records that cover the most, under a budget, before training.

    Parameters
    ----------
    data
        A ``datasets.Dataset`` or a list of mappings; the same comes back, with the same
        columns and values, in the order chosen. A path gives a ``datasets.Dataset``.
    budget
        Number of records to choose, or a budget of tokens, shares, floors and caps.
    reading
        How the data are read and embedded.
    selector
        Selector, or its name; :func:`default_selector` if not given.
    target
        Data to cover in place of the data itself, such as the prompts of an evaluation:
        whatever :func:`instructdiv.load` reads.
    target_group
        Column of the groups of the target, or a sequence with one group for each record.
    arranger
        Arranger that orders the chosen records, or its name; the order of choice if not given.
    **options
        Parameters of :class:`instructdiv.Reading`, as keywords: embedder, view, group, costs,
        quality, schema, encoding, strict, seed, progress.

    Raises
    ------
    InputError
        The data cannot be read, or no record of it can be used.
    BudgetError
        The data holds less than the budget asks for.

    Examples
    --------
    >>> from instructdiv.embedders import Lexical
    >>> rows = [{"instruction": f"Count to {n}.", "output": "1, 2, ..."} for n in range(2, 9)]
    >>> rebalance(rows, 2, embedder=Lexical())[0] in rows
    True
    """
    reading = Reading.of(reading, **options)
    recipe = Recipe.model_validate(
        reading.columns_alone()
        | {
            "budget": Budget.of(budget),
            "selector": selector or default_selector(),
            "arranger": arranger,
        }
    )
    mix = _curate(recipe, reading, data, target, target_group)
    # Of a mix the summary says it.
    if mix.target is not None and (leaks := leak_check(mix.pool, mix.target)):
        _log.warning("%s", leaks.headline)
    if is_dataset(data) and not any(schema.unfolds for schema in mix.pool.schemas):
        return data.select(mix.records.source_rows)
    rows = isinstance(data, Sequence) and not names_files(data)
    return mix.records.rows if rows else mix.dataset
