"""Plan: the time and memory of a run, from small runs of the same; long: data, numbers, vectors."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Unpack

import numpy as np
from pydantic import Field

from instructdiv.arrangers import Arranger
from instructdiv.budget import Budget
from instructdiv.core.space import Space
from instructdiv.curation.embedding_cost import EmbeddingCost, embedding_cost
from instructdiv.curation.growth import (
    Traced,
    available_bytes,
    extrapolated,
    extrapolated_bytes,
    most_resident_bytes,
    resident_bytes,
    seconds_of,
)
from instructdiv.curation.made_up import (
    GROUP,
    GROUPS,
    QUALITY,
    made_up_vectors,
    stand_in,
    unequal,
    write_made_up,
)
from instructdiv.curation.recipe import Recipe
from instructdiv.curation.trial import Trial
from instructdiv.data.reading import Reading, ReadingOptions
from instructdiv.embedders import Precomputed
from instructdiv.errors import BudgetError, ParameterError, ShapeError
from instructdiv.pool import Pool
from instructdiv.pool_input import as_pool, as_target
from instructdiv.results import HIDDEN, Facts, Number, Result, Shown
from instructdiv.selectors import Selector, default_selector

_HOUR = 3600
# Records that are made up where there are no data, and those of a target.
_MADE_UP_RECORDS, _MADE_UP_VECTORS, _MADE_UP_TARGET = 4_500, 13_500, 500


def _duration(seconds: float) -> Number:
    """Seconds, rounded to what can be known, in the unit that reads well."""
    if seconds < 1:
        return Number("less than a second", seconds)
    for unit, length in (("h", _HOUR), ("min", 60)):
        if seconds >= 1.5 * length:
            amount = seconds / length
            shown = f"{amount:.1f}" if amount < 10 else f"{amount:,.0f}"
            return Number(f"{shown} {unit}", seconds)
    return Number(f"{seconds:.0f} s", seconds)


def _size(n_bytes: float) -> Number:
    """Bytes in the unit that reads well."""
    for unit, length in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= length:
            amount = n_bytes / length
            shown = f"{amount:.1f}" if amount < 10 else f"{amount:,.0f}"
            return Number(f"{shown} {unit}", n_bytes)
    return Number(f"{n_bytes / 1e3:,.0f} kB", n_bytes)


Seconds = Annotated[float, Shown(_duration)]
Bytes = Annotated[int, Shown(_size)]


class Stage(Facts):
    """One stage of a run."""

    stage: str
    """What is done: load (libraries and model), read, embed, select, arrange, measure, write."""

    seconds: Seconds = Field(title="time")
    """Wall time of the stage in seconds."""

    peak_bytes: Bytes = Field(title="peak memory")
    """Memory of the process at the peak of the stage, libraries and data included."""

    told_from: str
    """What was run to tell it."""


class Plan(Result):
    """Time and memory that a run will take on this machine, stage by stage."""

    title: ClassVar[str] = "Plan of a run"

    records: int
    """Records of the pool."""

    n_dimensions: int
    """Components of a vector."""

    chosen: int
    """Number of records to choose; with a budget of tokens about so many."""

    selector: dict[str, Any]
    """Name and parameters of the selector."""

    stages: list[Stage]
    """The stages in their order."""

    seconds: Seconds
    """Wall time of all stages, in seconds."""

    peak_bytes: Bytes
    """Memory of the process at its peak."""

    available_bytes: int | None
    """Memory that is free on this machine; None where the system does not report it."""

    fits: bool | None
    """Whether the peak fits into the memory that is free; None where that is not known."""

    notes: Annotated[list[str], HIDDEN]
    """What was made up for the plan, and what speaks against the run; part of the headline."""


def plan(
    data: Any,
    budget: Budget | int,
    selector: Selector | Mapping[str, Any] | str | None = None,
    *,
    target: Any = None,
    arranger: Arranger | Mapping[str, Any] | str | None = None,
    n_dimensions: int | None = None,
    n_draws: int = 64,
    page: bool = False,
    reading: Reading | None = None,
    **options: Unpack[ReadingOptions],
) -> Plan:
    """Tell how long a run will take on this machine and how much memory, before it is started.

    The run is tried on a few hundred and a few thousand records - reading, selecting,
    measuring against random draws, writing - and the time and the memory of each stage are
    extrapolated. Embedding is timed on texts of the data of several lengths; in the trials
    made-up vectors stand in for the embeddings.

    Parameters
    ----------
    data
        The data, whatever :func:`instructdiv.load` reads. Or a pool or vectors, so that
        nothing has to be read and embedded. Or a number of records: the trials then run on
        made-up records.
    budget
        Number of records to choose, or a budget.
    selector
        A selector, its name, or a mapping of its name and parameters;
        :func:`instructdiv.default_selector` if not given.
    target
        What should be covered in place of the data themselves; a pool or vectors where the
        data are a pool or vectors.
    arranger
        What orders the chosen records, or its name.
    n_dimensions
        With a number of records: components of their vectors, where they are embedded already.
    n_draws
        Size-matched random draws that the selection is compared with.
    page
        Whether the report is written as a page too.
    reading
        How the data are read and embedded.
    **options
        Parameters of :class:`instructdiv.Reading`, as keywords.

    Raises
    ------
    BudgetError
        The budget asks for more than there is, or for tokens of a mere number of records.
    ShapeError
        The number of records or of dimensions is not a whole number above 0.
    ParameterError
        An option is given that has no place with a pool or a number of records.
    InputError
        The data cannot be read.
    UnknownPart
        No selector has the name.

    Examples
    --------
    >>> found = plan(1_000, 100, "random", n_dimensions=16)
    >>> [stage.stage for stage in found.stages]
    ['load', 'select', 'measure', 'write']
    """
    how = Reading.of(reading, **options)
    recipe = Recipe.model_validate(
        {
            "budget": Budget.of(budget),
            "selector": default_selector() if selector is None else selector,
            "embedder": how.embedder,
            "seed": how.seed,
            "arranger": arranger,
            "n_draws": n_draws,
            "page": page,
        }
    )
    if isinstance(data, Pool | Space | np.ndarray):
        _refuse(how, n_dimensions, "a pool or vectors")
        pool = as_pool(data)
        return _planned(pool, None if target is None else as_target(target), recipe, len(pool))
    if isinstance(data, int | float | np.number):
        _refuse(how, None, "a number of records", but=("embedder",))
        if target is not None:
            raise ParameterError(
                "a target is covered by data; with a number of records leave it out"
            )
        n_records = _whole(data, "the number of records")
        _check_number(n_records, recipe.budget)
        if n_dimensions is None:
            return _plan_for_number(n_records, recipe)
        n_dimensions = _whole(n_dimensions, "the number of dimensions")
        return _plan_for_vectors(n_records, n_dimensions, recipe)
    _refuse(Reading(), n_dimensions, "data")
    return _plan_for_data(data, target, recipe, how)


def _plan_for_data(data: Any, target: Any, recipe: Recipe, reading: Reading) -> Plan:
    at_hand = isinstance(recipe.embedder, Precomputed)
    embedder = recipe.embedder if at_hand else stand_in(recipe.embedder)
    sets = {"data": data} if target is None else {"data": data, "target": target}
    highest, seconds = most_resident_bytes(), dict[str, float]()
    with seconds_of(seconds, "read"):
        pools = list(Pool.together(sets, reading, embedder=embedder).values())
    n_read, peak = sum(map(len, pools)), most_resident_bytes()
    ahead = [
        Stage(
            stage="read",
            seconds=seconds["read"],
            peak_bytes=max(0, peak - resident_bytes()) if peak > highest else 0,
            told_from=f"all {n_read:,} records",
        )
    ]
    if at_hand:
        return _planned(pools[0], pools[1] if pools[1:] else None, recipe, len(pools[0]), ahead)
    texts = [text for pool in pools for text in pool.texts]
    cost = embedding_cost(recipe.embedder, texts, n_read)
    pool, *targets = _with_vectors(pools, texts, cost.n_dimensions)
    return _planned(
        pool,
        targets[0] if targets else None,
        recipe,
        len(pool),
        [*ahead, _embed_stage(cost, n_read)],
        load_seconds=cost.load_seconds,
        notes=["In the trials made-up vectors stood for the embeddings."],
    )


def _plan_for_number(n_records: int, recipe: Recipe) -> Plan:
    n = min(n_records, _MADE_UP_RECORDS)
    sizes = {"data": n} | ({"target": _MADE_UP_TARGET} if recipe.selector.needs_target else {})
    with tempfile.TemporaryDirectory() as folder:
        files = {
            name: write_made_up(Path(folder) / f"{name}.jsonl", size, seed)
            for seed, (name, size) in enumerate(sizes.items())
        }
        reading = Reading(embedder=stand_in(recipe.embedder), group=GROUP, quality=QUALITY)
        seconds: dict[str, float] = {}
        with seconds_of(seconds, "read"):
            pools = list(Pool.together(files, reading).values())
        with Traced() as traced:
            again = Pool.of(files["data"], reading)
            held, peak = (n_bytes / len(again) for n_bytes in (traced.held(), traced.peak()))
    texts = [text for pool in pools for text in pool.texts]
    n_texts = n_records + sum(map(len, pools[1:]))
    cost = embedding_cost(recipe.embedder, texts, n_texts)
    pool, *targets = _with_vectors(pools, texts, cost.n_dimensions)
    read = Stage(
        stage="read",
        seconds=seconds["read"] * n_records / n,
        peak_bytes=round((peak - held) * n_records),
        told_from=f"{n:,} made-up records",
    )
    return _planned(
        pool,
        targets[0] if targets else None,
        recipe,
        n_records,
        [read, _embed_stage(cost, n_texts)],
        load_seconds=cost.load_seconds,
        held_bytes=(held + 4 * cost.n_dimensions) * n_records,
        notes=[
            "There are no data: records and vectors of the trials are made up, with "
            f"{int(np.mean([len(text) for text in texts])):,} characters in the mean prompt. "
            "Plan with the data for an estimate of their own."
        ],
    )


def _plan_for_vectors(n_records: int, n_dimensions: int, recipe: Recipe) -> Plan:
    n, seed = min(n_records, _MADE_UP_VECTORS), 0
    random = np.random.default_rng(seed)

    def made_up(size: int) -> Pool:
        vectors = made_up_vectors(size, n_dimensions, random)
        groups = [f"group {i}" for i in unequal(random, GROUPS, size).tolist()]
        return Pool.from_embeddings(vectors, groups, quality=random.random(size))

    return _planned(
        made_up(n),
        made_up(_MADE_UP_TARGET) if recipe.selector.needs_target else None,
        recipe,
        n_records,
        held_bytes=4 * n_dimensions * n_records,
        notes=[
            "There are no data: the vectors of the trials are made up. Reading and embedding "
            "come on top."
        ],
    )


def _with_vectors(pools: Sequence[Pool], texts: Sequence[str], n_dimensions: int) -> list[Pool]:
    """The same pools with made-up vectors, equal for equal texts."""
    numbers = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    made_up = Space.of(made_up_vectors(len(numbers), n_dimensions, np.random.default_rng(0)))
    found, start = [], 0
    for pool in pools:
        rows = [numbers[text] for text in texts[start : start + len(pool)]]
        found.append(replace(pool, space=made_up.take(rows)))
        start += len(pool)
    return found


def _embed_stage(cost: EmbeddingCost, n_texts: int) -> Stage:
    vector_bytes = 4 * cost.n_dimensions * n_texts  # held afterwards, and counted as such
    return Stage(
        stage="embed",
        seconds=cost.seconds,
        peak_bytes=max(0, round(cost.n_bytes) - vector_bytes),
        told_from=cost.told_from,
    )


def _planned(
    pool: Pool,
    target: Pool | None,
    recipe: Recipe,
    n_records: int,
    ahead: Sequence[Stage] = (),
    *,
    load_seconds: float = 0,
    held_bytes: float = 0,
    notes: Sequence[str] = (),
) -> Plan:
    """Try a run, and tell what it takes.

    Parameters
    ----------
    pool
        All records, or some like them.
    target
        What is to be covered, if not the pool.
    recipe
        What the run does.
    n_records
        Records of the run.
    ahead
        Reading and embedding; the bytes of each are those beside what the process holds.
    load_seconds
        Seconds until the embedder is ready.
    held_bytes
        Bytes of records and vectors of the run that this process does not hold.
    notes
        What was made up.
    """
    if len(pool) == n_records:
        _check_budget(recipe.budget, pool)
    trial = Trial(pool, target, recipe, n_records)
    load_seconds += trial.warm_up()
    base = resident_bytes() + round(held_bytes)
    seconds = trial.seconds()
    peaks = trial.peaks(seconds)
    load_seconds -= sum(min(costs.values()) for costs in seconds.values())
    stages = [
        Stage(
            stage="load",
            seconds=max(0.0, load_seconds),
            peak_bytes=base - round(held_bytes),
            told_from="the first of the trials",
        ),
        *(stage.model_copy(update={"peak_bytes": base + stage.peak_bytes}) for stage in ahead),
        *(
            Stage(
                stage=stage,
                seconds=extrapolated(seconds[stage], n_records),
                peak_bytes=base + round(extrapolated_bytes(peaks[stage], n_records)),
                told_from=_sizes(seconds[stage], n_records),
            )
            for stage in trial.stages
        ),
    ]
    free, now = available_bytes(), resident_bytes()
    total, peak = sum(s.seconds for s in stages), max(s.peak_bytes for s in stages)
    n_chosen = recipe.budget.records or round(
        (recipe.budget.share or trial.chosen_share) * n_records
    )
    longest = max(stages, key=lambda stage: stage.seconds)
    told = (
        f"{n_records:,} records, {max(1, n_chosen):,} to choose by {recipe.selector.name}: "
        f"about {_duration(total).text}, {_size(peak).text} of memory at the peak. "
        f"The longest stage is {longest.stage}: {_duration(longest.seconds).text}."
    )
    notes = [*notes, *_warnings(total, peak - now, free)]
    return Plan(
        headline=" ".join([told, *notes]),
        records=n_records,
        n_dimensions=pool.space.n_dimensions,
        chosen=max(1, n_chosen),
        selector=recipe.selector.to_mapping(),
        stages=stages,
        seconds=total,
        peak_bytes=peak,
        available_bytes=free,
        fits=None if free is None else peak - now <= free,
        notes=notes,
    )


def _warnings(seconds: float, more_bytes: int, free: int | None) -> Iterator[str]:
    if free is None:
        yield "The system does not report how much memory is free."
    elif more_bytes > free:
        yield (
            f"It does not fit: {_size(free).text} of memory are free. Choose from a part of the "
            "pool, or take a selector or parameters that need less."
        )
    if seconds > _HOUR:
        yield "It takes more than an hour: try it on a part of the pool first."


def _sizes(costs: Mapping[int, float], n_records: int) -> str:
    if n_records in costs:
        return f"all {n_records:,} records"
    return f"{min(costs):,} to {max(costs):,} records"


def _check_budget(budget: Budget, pool: Pool) -> None:
    if (budget.records or 0) > len(pool):
        raise BudgetError(
            f"the budget asks for {budget.records:,} records, but the pool holds {len(pool):,}; "
            f"ask for at most {len(pool):,}"
        )
    if budget.constrained:
        budget.check_groups(pool.groups_by(budget.group_by))


def _check_number(n_records: int, budget: Budget) -> None:
    if budget.tokens is not None:
        raise BudgetError(
            f"a number of records does not tell how many have {budget.tokens:,} tokens; plan "
            "with the data, or with a budget of records"
        )
    if (budget.records or 0) > n_records:
        raise BudgetError(
            f"the budget asks for {budget.records:,} records, but there are {n_records:,}; "
            f"ask for at most {n_records:,}"
        )


def _whole(number: Any, name: str) -> int:
    whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
    if not whole or number < 1:
        raise ShapeError(f"{name} must be a whole number above 0, got {number!r}")
    return int(number)


def _refuse(
    reading: Reading, n_dimensions: int | None, given: str, but: Sequence[str] = ()
) -> None:
    """Raise if something is said of reading, or of vectors, that has no meaning here."""
    named = sorted(reading.model_fields_set.difference(but, ["progress"]))
    if n_dimensions is not None:
        named.append("n_dimensions")
    if named:
        raise ParameterError(f"{', '.join(named)}: has no meaning with {given}")
