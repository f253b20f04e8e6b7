"""Rewriting rules: a string and its replacement, Markov algorithms, and classes of strings."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from instructdiv.errors import ParameterError

Pattern = Literal["repeated", "periodic", "mirrored"]


@dataclass(frozen=True, order=True)
class Rule:
    """An instruction: replace the leftmost occurrence of a string by another, once.

    Examples
    --------
    >>> apply_rule(Rule("aa", "bac"), "caaba")
    'cbacba'
    """

    search: str
    """String to find; the empty string is found at the start of any text."""

    replacement: str
    """String to put in its place."""

    stops: bool = False
    """Whether a Markov algorithm ends with this rule."""

    def __str__(self) -> str:
        return f"{self.search} →{'·' if self.stops else ''} {self.replacement}"


def apply_rule(rule: Rule, text: str) -> str:
    """Replace the leftmost occurrence once; a text without one stays as it is.

    Examples
    --------
    >>> apply_rule(Rule("iss", "art"), "mississippi"), apply_rule(Rule("iss", "art"), "canada")
    ('martissippi', 'canada')
    """
    return text.replace(rule.search, rule.replacement, 1)


@dataclass(frozen=True)
class MarkovAlgorithm:
    """Rules in order of precedence, applied repeatedly: a universal model of computation.

    Each step applies the first rule whose string occurs. The algorithm ends when none occurs, or
    with a rule that stops. The task of the lab, rewriting with one rule, is one such step [1]_.

    References
    ----------
    .. [1] D. Zhang, J. Wang, F. Charton, "Only-IF: Revealing the Decisive Effect of Instruction
       Diversity on Generalization", 2024, arXiv:2410.04717, appendix A.

    Examples
    --------
    Numbers in binary become strokes:

    >>> rules = (Rule("|0", "0||"), Rule("1", "0|"), Rule("0", ""))
    >>> MarkovAlgorithm(rules).apply("101")
    '|||||'
    """

    rules: tuple[Rule, ...]
    """The rules, highest precedence first."""

    def steps(self, text: str) -> Iterator[str]:
        """Yield the text after each step, from the first on, possibly without end.

        Examples
        --------
        >>> list(MarkovAlgorithm((Rule("aa", "a"),)).steps("aaa"))
        ['aaa', 'aa', 'a']
        """
        yield text
        while rule := next((rule for rule in self.rules if rule.search in text), None):
            text = apply_rule(rule, text)
            yield text
            if rule.stops:
                return

    def apply(self, text: str, most_steps: int = 10_000) -> str:
        """The final text.

        Raises
        ------
        ParameterError
            The algorithm has not ended after `most_steps`.
        """
        seen = list(islice(self.steps(text), most_steps + 2))
        if len(seen) > most_steps + 1:
            raise ParameterError(
                f"the algorithm has not ended after {most_steps:,} steps; it may have no end"
            )
        return seen[-1]


@dataclass(frozen=True)
class Constraint:
    """A class of strings that are built from a shorter string: the larger `k`, the fewer.

    Examples
    --------
    >>> [Constraint(kind, 3).string("abc") for kind in ("repeated", "periodic", "mirrored")]
    ['aaabbbccc', 'abcabcabc', 'abccbaabc']
    """

    pattern: Pattern
    """How the short string is extended: each letter `k` times; the string `k` times; or the
    string `k` times, every second time reversed."""

    k: int
    """Number of repetitions; with 1 every string is of the class."""

    def string(self, base: str) -> str:
        """The string built from a shorter one."""
        if self.pattern == "repeated":
            return "".join(letter * self.k for letter in base)
        if self.pattern == "periodic":
            return base * self.k
        return "".join(base if place % 2 == 0 else base[::-1] for place in range(self.k))

    def __str__(self) -> str:
        return f"{self.pattern}, k = {self.k}"


FREE = Constraint("periodic", 1)
"""No constraint."""
