"""Rewriting: draws rules, and records that apply them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from string import ascii_lowercase

import numpy as np
from numpy.typing import ArrayLike, NDArray

from instructdiv.errors import ParameterError, ShapeError
from instructdiv.lab.rewriting_rules import FREE, Constraint, Rule, apply_rule

LETTERS = ascii_lowercase
"""The default alphabet: 26 letters."""

_TRIES = 200
_LISTED = 1 << 20
_DRAWN = 1000


def sample_rules(
    n_rules: int,
    *,
    alphabet: str = LETTERS,
    search: int = 3,
    replacement: int = 3,
    constraints: Sequence[Constraint] = (),
    forbidden: Iterable[Rule] = (),
    seed: int = 0,
) -> tuple[Rule, ...]:
    """Draw distinct rules uniformly.

    Parameters
    ----------
    n_rules
        Number of rules.
    alphabet
        Letters of both strings.
    search
        Length of the string to find.
    replacement
        Length of its replacement.
    constraints
        Classes of both strings of a rule; several classes share the rules equally, the first
        ones take the remainder. Any string if empty.
    forbidden
        Rules whose strings must not be drawn: no rule shares its string or its replacement with
        one of them. So test rules can differ from all rules of the training.
    seed
        Seed of all that is drawn.

    Raises
    ------
    ParameterError
        There are too few different rules, or a parameter is out of range, or a class does not
        fit the length.

    Examples
    --------
    >>> test = sample_rules(2)
    >>> [str(rule) for rule in test]
    ['wda → okc', 'qop → ccz']
    >>> [str(rule) for rule in sample_rules(1, alphabet="abcd", search=4, replacement=2,
    ...                                     constraints=[Constraint("mirrored", 2)])]
    ['baab → aa']
    >>> sample_rules(9, alphabet="ab", search=1, replacement=2)
    Traceback (most recent call last):
    ...
    instructdiv.errors.ParameterError: 9 different rules of 1 → 2 letters do not exist: ...
    """
    forbidden = tuple(forbidden)
    random = np.random.default_rng(seed)
    _check_alphabet(alphabet)
    for name, value in (("n_rules", n_rules), ("search", search), ("replacement", replacement)):
        if value < 1:
            raise ParameterError(f"{name} must be at least 1, got {value}")
    classes = tuple(constraints) or (FREE,)
    found: dict[Rule, None] = {}
    for place, constraint in enumerate(classes):
        wanted = n_rules // len(classes) + (place < n_rules % len(classes))
        sides = (
            _Strings(alphabet, search, constraint, {rule.search for rule in forbidden}),
            _Strings(alphabet, replacement, constraint, {rule.replacement for rule in forbidden}),
        )
        _draw(wanted, sides, found, random)
    # Classes take turns, so that the first rules are of all of them too.
    drawn = list(found)
    return tuple(drawn[i] for i in _in_turn(len(drawn), len(classes)))


class _Strings:
    """The strings of one side of rules: of a length and a class, without forbidden ones."""

    def __init__(
        self, alphabet: str, length: int, constraint: Constraint, without: Collection[str]
    ) -> None:
        if constraint.k < 1 or length % constraint.k:
            raise ParameterError(
                f"strings of {length} letters cannot be {constraint}; the length must be a "
                "multiple of k"
            )
        self.alphabet = alphabet
        self.length = length
        self.constraint = constraint
        self.without = without
        self.base = length // constraint.k
        in_all = len(alphabet) ** self.base
        self.listed: list[str] | None = None
        if in_all <= max(_LISTED, 2 * len(without)):
            bases = map("".join, product(alphabet, repeat=self.base))
            every = bases if constraint.k == 1 else map(constraint.string, bases)
            self.listed = [string for string in every if string not in without]
            self.n_strings = len(self.listed)
        else:
            # At most half of them are forbidden, so a draw takes two tries on average.
            self.n_strings = in_all - len(without)

    def draw(self, random: np.random.Generator, n: int) -> list[str]:
        """Draw strings with replacement; forbidden ones are left out."""
        if self.listed is not None:
            return [self.listed[i] for i in random.integers(len(self.listed), size=n).tolist()]
        places = random.integers(len(self.alphabet), size=(n, self.base)).tolist()
        drawn = ("".join(self.alphabet[i] for i in row) for row in places)
        every = (self.constraint.string(base) for base in drawn)
        return [string for string in every if string not in self.without]


def _draw(
    wanted: int,
    sides: tuple[_Strings, _Strings],
    found: dict[Rule, None],
    random: np.random.Generator,
) -> None:
    """Add new rules whose replacement differs from their string."""
    searched, put = sides
    n_pairs = searched.n_strings * put.n_strings
    if searched.listed is not None and put.listed is not None:
        known = set(searched.listed), set(put.listed)
        taken = sum(rule.search in known[0] and rule.replacement in known[1] for rule in found)
        n_pairs -= len(known[0] & known[1]) + taken
    if wanted > n_pairs:
        of_class = "" if searched.constraint == FREE else f" of the class {searched.constraint},"
        raise ParameterError(
            f"{wanted:,} different rules of {searched.length} → {put.length} letters do not "
            f"exist: an alphabet of {len(searched.alphabet)}{of_class} leaves {n_pairs:,}; ask "
            "for fewer, or give longer strings or more letters"
        )
    aim = len(found) + wanted
    if searched.listed is not None and put.listed is not None and n_pairs <= _LISTED:
        # Few enough to list, so that the last ones need not be found by chance.
        for place in random.permutation(len(searched.listed) * len(put.listed)).tolist():
            if len(found) == aim:
                return
            x, y = divmod(place, len(put.listed))
            if searched.listed[x] != put.listed[y]:
                found.setdefault(Rule(searched.listed[x], put.listed[y]))
        return
    while len(found) < aim:
        n_drawn = max(_DRAWN, aim - len(found))
        for x, y in zip(searched.draw(random, n_drawn), put.draw(random, n_drawn), strict=False):
            if x != y and len(found) < aim:
                found.setdefault(Rule(x, y))


def _in_turn(n: int, n_classes: int) -> list[int]:
    """Round-robin order of rules that are sorted by class."""
    sizes = [n // n_classes + (place < n % n_classes) for place in range(n_classes)]
    starts = np.cumsum([0, *sizes]).tolist()
    return [
        starts[place] + turn
        for turn in range(max(sizes))
        for place in range(n_classes)
        if turn < sizes[place]
    ]


def _check_alphabet(alphabet: str) -> None:
    if not alphabet or len(set(alphabet)) != len(alphabet):
        raise ParameterError(f"an alphabet is made of different letters, got {alphabet!r}")


@dataclass(frozen=True, eq=False)
class Rewrites:
    """Records, each with a rule to apply to a text. Made by :func:`make_dataset`."""

    rules: tuple[Rule, ...]
    """The rules."""

    rule: NDArray[np.int64]
    """(n,) int64: index of the rule of each record."""

    inputs: tuple[str, ...]
    """Text of each record."""

    outputs: tuple[str, ...]
    """Text after the rule."""

    has_op: NDArray[np.bool_]
    """(n,) bool: whether the string of the rule occurs in the text."""

    def __len__(self) -> int:
        return len(self.inputs)


def equal_counts(n_rules: int, n_records: int) -> NDArray[np.int64]:
    """Number of records of each rule, equal up to one, (n_rules,) int64.

    Examples
    --------
    >>> equal_counts(3, 8).tolist()
    [3, 3, 2]
    """
    share, rest = divmod(n_records, n_rules)
    return share + (np.arange(n_rules) < rest).astype(np.int64)


def make_dataset(
    rules: Sequence[Rule],
    counts: ArrayLike,
    *,
    length: int = 9,
    no_op: float = 0.0,
    occurrences: int | Sequence[int] = 1,
    distractors: bool = False,
    alphabet: str = LETTERS,
    seed: int = 0,
) -> Rewrites:
    """Draw texts for rules, and apply the rules to them.

    Parameters
    ----------
    rules
        The rules.
    counts
        Number of records of each rule, 0 or more; for instance of :func:`equal_counts` or
        :func:`instructdiv.core.apportion.powerlaw_counts`.
    length
        Length of a text.
    no_op
        Share of records whose text does not contain the string of its rule, and so stays as it
        is; rounded to a whole number of records.
    occurrences
        Number of occurrences of the string in the other records, without overlap; one of
        several numbers is drawn for each record.
    distractors
        Whether the other letters of a text may be letters of the string. Without them a single
        letter gives the place away, and the task is easier.
    alphabet
        Letters that texts are filled with.
    seed
        Seed of every draw.

    Raises
    ------
    ShapeError
        The number of counts differs from that of rules, or a count is below 0.
    ParameterError
        The string of a rule does not fit into a text, no letter is left to fill the text with,
        a parameter is out of range, or no such text was found in 200 tries each.

    Examples
    --------
    >>> rewrites = make_dataset([Rule("abc", "xyz")], [3], no_op=0.3)
    >>> list(zip(rewrites.inputs, rewrites.outputs))
    [('kdedhvabc', 'kdedhvxyz'), ('qztabcrpp', 'qztxyzrpp'), ('sdmwpdutw', 'sdmwpdutw')]
    """
    rules = tuple(rules)
    counts = np.asarray(counts, np.int64)
    if counts.shape != (len(rules),) or (counts < 0).any():
        raise ShapeError(
            f"counts must be {len(rules)} numbers from 0, one a rule, got an array of shape "
            f"{counts.shape}" + (f" with {counts.min()}" if counts.size else "")
        )
    _check_alphabet(alphabet)
    if not 0 <= no_op <= 1:
        raise ParameterError(f"no_op must be a share from 0 to 1, got {no_op}")
    often = (occurrences,) if isinstance(occurrences, int) else tuple(occurrences)
    if not often or min(often) < 1:
        raise ParameterError(f"occurrences must be at least 1, got {occurrences!r}")
    random = np.random.default_rng(seed)
    owner = np.repeat(np.arange(len(rules)), counts)
    has_op = np.ones(len(owner), np.bool_)
    has_op[random.permutation(len(owner))[: round(no_op * len(owner))]] = False
    fill = _Fill(alphabet, length, often, distractors, random)
    ends = np.cumsum(counts).tolist()
    inputs: list[str] = []
    for rule, end in zip(rules, ends, strict=True):
        inputs += fill.texts(rule, has_op[len(inputs) : end].tolist())
    outputs = tuple(apply_rule(rules[i], z) for i, z in zip(owner.tolist(), inputs, strict=True))
    return Rewrites(rules, owner.astype(np.int64), tuple(inputs), outputs, has_op)


@dataclass(frozen=True, eq=False)
class _Fill:
    """Draws texts with a number of occurrences of a string."""

    alphabet: str
    length: int
    often: tuple[int, ...]
    distractors: bool
    random: np.random.Generator

    def texts(self, rule: Rule, has_op: list[bool]) -> list[str]:
        if not has_op:
            return []
        x = rule.search
        if any(has_op) and (not x or max(self.often) * len(x) > self.length):
            raise ParameterError(
                f"rule {rule} does not fit {max(self.often)} times into {self.length} letters; "
                "make texts longer, or strings shorter"
            )
        letters = [a for a in self.alphabet if self.distractors or a not in x]
        if not letters:
            raise ParameterError(
                f"rule {rule} leaves no letter to fill texts with; give a larger alphabet, or "
                "allow distractors"
            )
        found = [""] * len(has_op)
        wrong = list(range(len(has_op)))
        for _ in range(_TRIES):
            # A record without an occurrence has nothing to replace.
            drawn = self.random.integers(len(self.often), size=len(wrong)).tolist()
            times = [self.often[i] * has_op[row] for row, i in zip(wrong, drawn, strict=True)]
            filler = self.random.integers(len(letters), size=(len(wrong), self.length)).tolist()
            places = self.random.random((len(wrong), max(self.often))).tolist()
            still = []
            for row, n, numbers, at in zip(wrong, times, filler, places, strict=True):
                text = _placed(x, n, [letters[i] for i in numbers], at)
                found[row] = text
                if text.count(x) != n:
                    still.append(row)
            wrong = still
            if not wrong:
                return found
        raise ParameterError(
            f"no text of {self.length} letters was found in {_TRIES} tries that has the "
            f"string of rule {rule} as often as asked; give a larger alphabet, or other lengths"
        )


def _placed(x: str, n: int, filler: list[str], at: list[float]) -> str:
    """A text as long as the filler, with a string at `n` places."""
    n_fill = len(filler) - n * len(x)
    cuts = sorted(int(share * (n_fill + 1)) for share in at[:n])
    parts, start = [], 0
    for cut in cuts:
        parts += [*filler[start:cut], x]
        start = cut
    return "".join([*parts, *filler[start:n_fill]])
