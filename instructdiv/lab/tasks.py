"""Tasks: instruction records with some tasks held out, generated or read from labelled data."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
"""Generated tasks held out by default: two of each of four families."""

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
    """Records to choose from, and records of other, held-out tasks."""

    pool: tuple[Record, ...]
    """Records to train on: ``instruction``, ``input``, ``output`` and ``task``."""

    target: tuple[Record, ...]
    """Records of the held-out tasks, on which models are measured."""

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
    """One generated task: phrasings, inputs and answers."""

    family: str
    """Name that variants of the task share."""

    name: str
    """Name of the task."""

    phrasings: tuple[str, ...]
    """Instructions that ask for it."""

    draw: Callable[[np.random.Generator], str]
    """Draws an input."""

    answer: Callable[[str], str]
    """Gives the output of an input."""

    def records(self, n_records: int, random: np.random.Generator) -> list[Record]:
        """Draw records that differ in instruction or input.

        Raises
        ------
        ParameterError
            The task has too few different records.
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
        Seed of every draw.
    records_per_task
        Number of records of each task of the pool.
    targets_per_task
        Number of records of each held-out task.
    held_out
        Names of the tasks that are held out of the pool and make up the target.

    Raises
    ------
    ParameterError
        A held-out task does not exist, all or none are held out, or a task has too few records.

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

    A record has the columns ``task``, ``definition`` and ``output`` (texts, or lists of which
    the first is taken) and ``input``. Since a small model reads no long texts, a definition is
    cut after the last sentence, or else word, within half of `longest`; longer records are left
    out, and so are tasks with too few records left.

    Parameters
    ----------
    data
        Anything that :func:`instructdiv.load` reads.
    seed
        Seed of the records that are taken. The held-out tasks do not depend on it, so that
        seeds can be compared.
    records_per_task
        Largest number of records of each task of the pool.
    targets_per_task
        Number of records of each held-out task; tasks with fewer are left out.
    held_out
        Names of the held-out tasks, or how many to draw.
    longest
        Largest number of characters of a record: instruction, input and output together.

    Raises
    ------
    InputError
        A column is missing, or too few tasks are left.
    ParameterError
        A held-out task does not exist, or all or none are held out.

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
    """A record in our layout; None if it is too long, or lacks instruction or output."""
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


# The generated tasks: inputs.


def _word(random: np.random.Generator) -> str:
    words = _LEXICON.split(" ")
    return words[int(random.integers(len(words)))]


def _words(random: np.random.Generator) -> str:
    return " ".join(_word(random) for _ in range(3))


def _number(random: np.random.Generator) -> str:
    return str(random.integers(10, 100))


def _pair(random: np.random.Generator) -> str:
    return f"{_number(random)} {_number(random)}"


def _three(random: np.random.Generator) -> str:
    return f"{_pair(random)} {_number(random)}"


# The generated tasks: family, name, two phrasings, input, answer, and the values that the tasks of
# the line differ in.


def _families() -> tuple[tuple[Any, ...], ...]:
    return (
        (
            "replace", "replace {} with {}",
            "Replace the letter {} with {}.", "Change every letter {} to {}.",
            _word, lambda text, a, b: text.replace(a, b),
            ("ae", "ea", "io", "oi", "ou", "ue", "ai"),
        ),
        (
            "count", "count {}", "How often does the letter {} occur?", "Count the letter {}.",
            _word, lambda text, letter: str(text.count(letter)), "aeiou",
        ),
        (
            "add", "add {}", "Add {}.", "What is {} more?",
            _number, lambda text, n: str(int(text) + int(n)), "123479",
        ),
        (
            "subtract", "subtract {}", "Subtract {}.", "What is {} less?",
            _number, lambda text, n: str(int(text) - int(n)), "1235",
        ),
        (
            "double", "double", "Double it.", "What is twice this?",
            _number, lambda text: str(2 * int(text)), [()],
        ),
        (
            "letter", "{} letter", "Give the {} letter.", "Which letter is {}?",
            _word, lambda text, _, place: text[place],
            [("first", 0), ("second", 1), ("third", 2), ("last", -1)],
        ),
        (
            "prefix", "prefix {}", "Put {} before the word.", "Begin the word with {}.",
            _word, lambda text, start: start + text,
            [("un",), ("re",), ("mis",), ("pre",), ("sub",)],
        ),
        (
            "suffix", "suffix {}", "Put {} after the word.", "End the word with {}.",
            _word, lambda text, end: text + end, [("ing",), ("ed",), ("ly",), ("ness",)],
        ),
        (
            "repeat", "repeat {}", "Write the word {}.", "Say this {}.",
            _word, lambda text, _, n: " ".join([text] * n),
            [("twice", 2), ("three times", 3), ("four times", 4)],
        ),
        (
            "upper", "upper {}", "Make {1} upper case.", "Use a capital for {1}.",
            _word, lambda text, _, __, change: change(text),
            [
                ("all", "all letters", str.upper),
                ("first", "the first letter", str.capitalize),
                ("last", "the last letter", lambda text: text[:-1] + text[-1].upper()),
            ],
        ),
        (
            "reverse", "reverse letters", "Spell it backwards.", "Reverse it.",
            _word, lambda text: text[::-1], [()],
        ),
        (
            "reverse", "reverse words",
            "Put the words in reverse order.", "Reverse the order of the words.",
            _words, lambda text: " ".join(text.split()[::-1]), [()],
        ),
        (
            "sort", "sort letters", "Sort the letters.", "Order its letters.",
            _word, lambda text: "".join(sorted(text)), [()],
        ),
        (
            "sort", "sort words", "Sort the words.", "Put the words in order.",
            _words, lambda text: " ".join(sorted(text.split())), [()],
        ),
        (
            "sort", "sort numbers", "Sort the numbers.", "Put the numbers in order.",
            _three, lambda text: " ".join(sorted(text.split())), [()],
        ),
        (
            "vowels", "keep vowels", "Keep the vowels only.", "Which vowels are there?",
            _word, lambda text: "".join(a for a in text if a in _VOWELS), [()],
        ),
        (
            "vowels", "drop vowels", "Drop the vowels.", "Write it without vowels.",
            _word, lambda text: "".join(a for a in text if a not in _VOWELS), [()],
        ),
        (
            "contains", "contains {}",
            "Is there a letter {}?", "Does it contain the letter {}?",
            _word, lambda text, letter: "yes" if letter in text else "no", "lmst",
        ),
        (
            "compare", "{} number", "Which number is {}?", "Give the {} of the two.",
            _pair, lambda text, _, choose: choose(text.split(), key=int),
            [("larger", max), ("smaller", min)],
        ),
        (
            "pick", "{} word", "Give the {} word.", "Which word is {}?",
            _words, lambda text, _, place: text.split()[place],
            [("first", 0), ("middle", 1), ("last", 2)],
        ),
        (
            "join", "join with {}", "Join the words with {}.", "Put {} between the words.",
            _words, lambda text, _, sign: text.replace(" ", sign),
            [("dashes", "-"), ("plus signs", "+"), ("slashes", "/")],
        ),
        (
            "length", "letters", "How long is the word?", "Count its letters.",
            _word, lambda text: str(len(text)), [()],
        ),
        (
            "length", "letters of all words",
            "How many letters are there in all?", "Count the letters of all words.",
            _words, lambda text: str(len(text.replace(" ", ""))), [()],
        ),
    )  # fmt: skip


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
    for family, name, one, other, draw, answer, variants in _families():
        for values in variants:

            def answered(text: str, answer: Any = answer, values: Any = values) -> str:
                return str(answer(text, *values))

            phrasings = (one.format(*values), other.format(*values))
            yield Task(family, name.format(*values), phrasings, draw, answered)
