"""Tasks: instruction records with some tasks held out, generated or read from labelled data."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from instructdiv.data.load import load
from instructdiv.errors import InputError, ParameterError

Record = dict[str, str]

HELD_OUT = (
    "replace e with a",
    "replace o with i",
    "count e",
    "count o",
    "add 4",
    "add 7",
    "prefix un",
    "prefix mis",
)
"""Generated tasks that are the target unless others are named: two of each of four families."""

_VOWELS = "aeiou"
_LEXICON = (
    "apple basin bread bridge candle canoe castle cedar chalk cherry circle clover copper corner "
    "cotton dinner dragon eagle engine fabric falcon farmer feather finger flame forest garden "
    "ginger glove hammer harbor honey island jacket kettle ladder lemon linen market meadow melon "
    "mirror monkey mountain needle ocean onion orange oyster pepper pilot planet pocket pottery "
    "ribbon river rocket saddle salmon silver spider spoon station stone summer table temple "
    "thunder tiger timber tomato tower tunnel valley velvet violin wagon walnut window winter"
)
_TRIES = 1000


@dataclass(frozen=True)
class Tasks:
    """Records to choose from, and records of tasks that are not among them."""

    pool: tuple[Record, ...]
    """Records to train on: ``instruction``, ``input``, ``output`` and ``task``."""

    target: tuple[Record, ...]
    """Records of the held-out tasks, which are measured."""

    @property
    def held_out(self) -> tuple[str, ...]:
        """Names of the held-out tasks, in order."""
        return tuple(dict.fromkeys(record["task"] for record in self.target))

    @property
    def n_tasks(self) -> int:
        """Number of tasks in the pool."""
        return len({record["task"] for record in self.pool})


@dataclass(frozen=True)
class Task:
    """One generated task: how it is asked for, and how an input is made and answered."""

    family: str
    """What it has in common with its variants."""

    name: str
    """What tells it apart."""

    phrasings: tuple[str, ...]
    """Instructions that ask for it."""

    draw: Callable[[np.random.Generator], str]
    """Makes an input."""

    answer: Callable[[str], str]
    """Gives the output of an input."""

    def records(self, n_records: int, random: np.random.Generator) -> list[Record]:
        """So many records, distinct in instruction and input.

        Raises
        ------
        ParameterError
            The task has not so many.
        """
        found: dict[tuple[str, str], Record] = {}
        for _ in range(_TRIES + 4 * n_records):
            if len(found) == n_records:
                break
            about = self.draw(random)
            asked = self.phrasings[int(random.integers(len(self.phrasings)))]
            record = {"instruction": asked, "input": about, "output": self.answer(about)}
            found.setdefault((asked, about), record | {"task": self.name})
        else:
            raise ParameterError(
                f"task {self.name!r} has no {n_records:,} different records; ask for fewer"
            )
        return list(found.values())


def generated_tasks(
    seed: int = 0,
    *,
    records_per_task: int = 82,
    targets_per_task: int = 16,
    held_out: Sequence[str] = HELD_OUT,
) -> Tasks:
    """Small instruction tasks on words and numbers, some of them held out.

    There are 63 tasks in 18 families, such as *replace e with a*, *replace i with o* and
    *add 7*, each asked for in two ways, on 80 words and the numbers from 10 to 99. With the
    defaults the pool has 4,510 records of 55 tasks, and the target 128 of 8.

    Parameters
    ----------
    seed
        Seed of all that is drawn.
    records_per_task
        Records of each task of the pool.
    targets_per_task
        Records of each held-out task.
    held_out
        Names of the tasks that are kept out of the pool and make up the target.

    Raises
    ------
    ParameterError
        No task has such a name, all or none are held out, or one has too few records.

    Examples
    --------
    >>> tasks = generated_tasks()
    >>> len(tasks.pool), tasks.n_tasks, len(tasks.target), len(tasks.held_out)
    (4510, 55, 128, 8)
    >>> print(tasks.target[0]["instruction"], tasks.target[0]["task"])
    Replace the letter e with a. replace e with a
    """
    known = {task.name: task for task in every_task()}
    _check_held_out(held_out, known)
    random = np.random.default_rng(seed)
    pool = [
        record
        for task in known.values()
        if task.name not in held_out
        for record in task.records(records_per_task, random)
    ]
    target = [r for name in held_out for r in known[name].records(targets_per_task, random)]
    return Tasks(tuple(pool), tuple(target))


def labelled_tasks(
    data: Any,
    seed: int = 0,
    *,
    records_per_task: int = 82,
    targets_per_task: int = 16,
    held_out: Sequence[str] | int = 8,
    longest: int = 240,
) -> Tasks:
    """Real records with their tasks, in the layout of Super-NaturalInstructions [1]_.

    A record has the columns ``task``, ``definition`` and ``output`` (texts, or lists whose
    first is taken) and ``input``. A small model reads no long texts: a definition is cut
    after the sentence, or else the word, that ends within half of `longest`; a record that is
    longer all the same is left out, and so is a task that has too few left.

    Parameters
    ----------
    data
        Whatever :func:`instructdiv.load` reads.
    seed
        Seed of which records stay. Which tasks are held out does not depend on it, so that
        several seeds can be compared.
    records_per_task
        Most records of each task of the pool.
    targets_per_task
        Records of each held-out task, and the fewest that a task may have.
    held_out
        Names of the held-out tasks, or how many to draw.
    longest
        Most characters of a record, instruction, input and output together.

    Raises
    ------
    InputError
        A column is missing, or too few tasks are left.
    ParameterError
        No task has such a name, or all or none are held out.

    References
    ----------
    .. [1] Y. Wang et al., "Super-NaturalInstructions: Generalization via Declarative
       Instructions on 1600+ NLP Tasks", EMNLP 2022.

    Examples
    --------
    >>> rows = [
    ...     {"task": task, "definition": [f"{task} it."], "input": str(i), "output": [str(-i)]}
    ...     for task in ("Negate", "Turn", "Mirror")
    ...     for i in range(20)
    ... ]
    >>> tasks = labelled_tasks(rows, targets_per_task=4, held_out=["Turn"])
    >>> len(tasks.pool), len(tasks.target), tasks.target[0]["instruction"]
    (40, 4, 'Turn it.')
    """
    dataset = load(data)
    missing = {"task", "definition", "input", "output"} - set(dataset.column_names)
    if missing:
        raise InputError(
            f"labelled tasks need the columns task, definition, input and output; "
            f"missing: {', '.join(sorted(missing))}"
        )
    by_task: dict[str, dict[tuple[str, str], Record]] = {}
    for row in dataset:
        record = _labelled(row, longest)
        if record is not None:
            own = by_task.setdefault(record["task"], {})
            own.setdefault((record["instruction"], record["input"]), record)
    usable = {
        task: list(own.values())
        for task, own in sorted(by_task.items())
        if len(own) >= targets_per_task
    }
    if isinstance(held_out, int):
        if not 0 < held_out < len(usable):
            raise InputError(
                f"{held_out} tasks cannot be held out of {len(usable)} that have "
                f"{targets_per_task} records of at most {longest} characters"
            )
        names = np.random.default_rng(0).permutation(np.array(list(usable), object))
        held_out = sorted(names[:held_out])
    _check_held_out(held_out, usable)
    random = np.random.default_rng(seed)
    drawn = {
        task: [records[i] for i in random.permutation(len(records))]
        for task, records in usable.items()
    }
    target = [r for task in held_out for r in drawn[task][:targets_per_task]]
    seen = {(record["instruction"], record["input"]) for record in target}
    pool = [
        record
        for task, records in drawn.items()
        if task not in held_out
        for record in records[:records_per_task]
        if (record["instruction"], record["input"]) not in seen
    ]
    return Tasks(tuple(pool), tuple(target))


def _labelled(row: Mapping[str, Any], longest: int) -> Record | None:
    """A record in our layout, or none if it is too long or lacks something."""
    asked, answer = _first(row["definition"]), _first(row["output"])
    about = str(row["input"] or "").strip()
    asked = _beginning(asked, longest // 2)
    if not asked or not answer or len(asked) + len(about) + len(answer) > longest:
        return None
    return {"instruction": asked, "input": about, "output": answer, "task": str(row["task"])}


def _first(value: Any) -> str:
    if isinstance(value, list | tuple):
        value = value[0] if value else ""
    return str(value or "").strip()


def _beginning(text: str, longest: int) -> str:
    """Whole sentences, or else whole words, from the start of a text."""
    if len(text) <= longest:
        return text
    start = text[: longest + 1]
    end = max(start.rfind(mark) for mark in (". ", "? ", "! ", ".\n"))
    return start[: end + 1] if end > 0 else start[: max(0, start.rfind(" "))] or text[:longest]


def _check_held_out(held_out: Sequence[str], known: Mapping[str, Any]) -> None:
    unknown = [name for name in held_out if name not in known]
    if unknown:
        raise ParameterError(
            f"no task is named {', '.join(map(repr, unknown))}; known: {', '.join(known)}"
        )
    if not 0 < len(set(held_out)) < len(known):
        raise ParameterError(f"of {len(known)} tasks some must be held out, and not all")


# What is generated: inputs.


def _word(random: np.random.Generator) -> str:
    words = _LEXICON.split(" ")
    return words[int(random.integers(len(words)))]


def _words(random: np.random.Generator) -> str:
    return " ".join(_word(random) for _ in range(3))


def _number(random: np.random.Generator) -> str:
    return str(random.integers(10, 100))


def _numbers(random: np.random.Generator, n_numbers: int = 3) -> str:
    return " ".join(_number(random) for _ in range(n_numbers))


# What is generated: tasks.


def every_task() -> Iterator[Task]:
    """Every generated task, family by family.

    Examples
    --------
    >>> tasks = list(every_task())
    >>> len(tasks), len({task.family for task in tasks})
    (63, 18)
    >>> add_seven = next(task for task in tasks if task.name == "add 7")
    >>> add_seven.answer("35")
    '42'
    """
    for a, b in ("ae", "ea", "io", "oi", "ou", "ue", "ai"):
        yield Task(
            "replace",
            f"replace {a} with {b}",
            (f"Replace the letter {a} with {b}.", f"Change every letter {a} to {b}."),
            _word,
            partial(_replaced, a, b),
        )
    for letter in "aeiou":
        yield Task(
            "count",
            f"count {letter}",
            (f"How often does the letter {letter} occur?", f"Count the letter {letter}."),
            _word,
            partial(_counted, letter),
        )
    for n in (1, 2, 3, 4, 7, 9):
        yield Task(
            "add", f"add {n}", (f"Add {n}.", f"What is {n} more?"), _number, partial(_sum, n)
        )
    for n in (1, 2, 3, 5):
        yield Task(
            "subtract",
            f"subtract {n}",
            (f"Subtract {n}.", f"What is {n} less?"),
            _number,
            partial(_sum, -n),
        )
    yield Task("double", "double", ("Double it.", "What is twice this?"), _number, _doubled)
    for place, name in enumerate(("first", "second", "third", "last")):
        yield Task(
            "letter",
            f"{name} letter",
            (f"Give the {name} letter.", f"Which letter is {name}?"),
            _word,
            partial(_at, -1 if name == "last" else place),
        )
    for start in ("un", "re", "mis", "pre", "sub"):
        yield Task(
            "prefix",
            f"prefix {start}",
            (f"Put {start} before the word.", f"Begin the word with {start}."),
            _word,
            partial(_around, start, ""),
        )
    for end in ("ing", "ed", "ly", "ness"):
        yield Task(
            "suffix",
            f"suffix {end}",
            (f"Put {end} after the word.", f"End the word with {end}."),
            _word,
            partial(_around, "", end),
        )
    for n, name in ((2, "twice"), (3, "three times"), (4, "four times")):
        yield Task(
            "repeat",
            f"repeat {name}",
            (f"Write the word {name}.", f"Say this {name}."),
            _word,
            partial(_repeated, n),
        )
    for name, asked, change in (
        ("all", "all letters", str.upper),
        ("first", "the first letter", str.capitalize),
        ("last", "the last letter", _last_upper),
    ):
        yield Task(
            "upper",
            f"upper {name}",
            (f"Make {asked} upper case.", f"Use a capital for {asked}."),
            _word,
            change,
        )
    yield Task("reverse", "reverse letters", ("Spell it backwards.", "Reverse it."), _word, _back)
    yield Task(
        "reverse",
        "reverse words",
        ("Put the words in reverse order.", "Reverse the order of the words."),
        _words,
        partial(_reordered, slice(None, None, -1)),
    )
    yield Task("sort", "sort letters", ("Sort the letters.", "Order its letters."), _word, _sorted)
    for name, draw in (("words", _words), ("numbers", _numbers)):
        yield Task(
            "sort",
            f"sort {name}",
            (f"Sort the {name}.", f"Put the {name} in order."),
            draw,
            _sorted_words,
        )
    yield Task(
        "vowels",
        "keep vowels",
        ("Keep the vowels only.", "Which vowels are there?"),
        _word,
        partial(_kept, vowels=True),
    )
    yield Task(
        "vowels",
        "drop vowels",
        ("Drop the vowels.", "Write it without vowels."),
        _word,
        partial(_kept, vowels=False),
    )
    for letter in "lmst":
        yield Task(
            "contains",
            f"contains {letter}",
            (f"Is there a letter {letter}?", f"Does it contain the letter {letter}?"),
            _word,
            partial(_has, letter),
        )
    for name, choose in (("larger", max), ("smaller", min)):
        yield Task(
            "compare",
            f"{name} number",
            (f"Which number is {name}?", f"Give the {name} of the two."),
            partial(_numbers, n_numbers=2),
            partial(_of_numbers, choose),
        )
    for place, name in ((0, "first"), (1, "middle"), (2, "last")):
        yield Task(
            "pick",
            f"{name} word",
            (f"Give the {name} word.", f"Which word is {name}?"),
            _words,
            partial(_reordered, slice(place, place + 1)),
        )
    for sign, name in (("-", "dashes"), ("+", "plus signs"), ("/", "slashes")):
        yield Task(
            "join",
            f"join with {name}",
            (f"Join the words with {name}.", f"Put {name} between the words."),
            _words,
            partial(_joined, sign),
        )
    yield Task("length", "letters", ("How long is the word?", "Count its letters."), _word, _length)
    yield Task(
        "length",
        "letters of all words",
        ("How many letters are there in all?", "Count the letters of all words."),
        _words,
        _length,
    )


def _replaced(a: str, b: str, about: str) -> str:
    return about.replace(a, b)


def _counted(letter: str, about: str) -> str:
    return str(about.count(letter))


def _sum(n: int, about: str) -> str:
    return str(int(about) + n)


def _doubled(about: str) -> str:
    return str(2 * int(about))


def _at(place: int, about: str) -> str:
    return about[place]


def _around(start: str, end: str, about: str) -> str:
    return start + about + end


def _repeated(n: int, about: str) -> str:
    return " ".join([about] * n)


def _last_upper(about: str) -> str:
    return about[:-1] + about[-1].upper()


def _back(about: str) -> str:
    return about[::-1]


def _reordered(places: slice, about: str) -> str:
    return " ".join(about.split()[places])


def _sorted(about: str) -> str:
    return "".join(sorted(about))


def _sorted_words(about: str) -> str:
    return " ".join(sorted(about.split()))


def _kept(about: str, vowels: bool) -> str:
    return "".join(letter for letter in about if (letter in _VOWELS) is vowels)


def _has(letter: str, about: str) -> str:
    return "yes" if letter in about else "no"


def _of_numbers(choose: Callable[[list[int]], int], about: str) -> str:
    return str(choose([int(number) for number in about.split()]))


def _joined(sign: str, about: str) -> str:
    return sign.join(about.split())


def _length(about: str) -> str:
    return str(len(about.replace(" ", "")))
