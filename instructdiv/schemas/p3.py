"""P3: inputs and targets as texts, with their token ids beside."""

from instructdiv.schemas.flan import Flan


class P3(Flan):
    """Columns ``inputs_pretokenized`` and ``targets_pretokenized``.

    Examples
    --------
    >>> row = {"inputs_pretokenized": "2 + 2 =", "targets_pretokenized": "4", "inputs": [3, 1]}
    >>> P3().messages(row)[1]
    {'role': 'assistant', 'content': '4'}
    """

    rank = 39

    inputs_column: str = "inputs_pretokenized"
    """Column of the prompt."""

    targets_column: str = "targets_pretokenized"
    """Column of the answer."""
