"""Instance losses: the mean loss of a model on each answer of a target."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instructdiv.errors import ParameterError, ShapeError

_IGNORED = -100


def instance_losses(
    rows: Iterable[Mapping[str, Any]], *, batch_size: int = 8
) -> "Callable[[Any], NDArray[np.float64]]":
    """Make a function that measures a causal language model on each instance of a target.

    The loss of an instance is the mean cross-entropy, in nats, over the tokens of its answer
    [1]_; NaN where no token of the answer is left, as when it was cut off.

    Parameters
    ----------
    rows
        Tokenized instances: `input_ids`, and `labels` of the same length that are -100 outside
        the answer.
    batch_size
        Number of instances in a forward pass; more need more memory, and change the losses by
        rounding alone.

    Returns
    -------
    measure
        Function from a model of transformers to the losses, (M,) float64, in the order of the
        rows. It restores the mode of the model, and draws no random number.

    Raises
    ------
    ShapeError
        There are no rows, or the labels of a row do not fit its tokens; the row is named.
    ParameterError
        The batch size is below 1.

    References
    ----------
    .. [1] "Improving Zero-Shot Generalization of Instruction Tuning by Data Arrangement",
       arXiv 2406.11721, 2024.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> class Guess(torch.nn.Linear):
    ...     def forward(self, input_ids, attention_mask):
    ...         return SimpleNamespace(logits=torch.zeros(*input_ids.shape, 10))
    >>> rows = [{"input_ids": [1, 2, 3], "labels": [-100, 2, 3]}]
    >>> instance_losses(rows)(Guess(1, 1)).round(3).tolist()
    [2.303]
    """
    if batch_size < 1:
        raise ParameterError(f"batch_size must be at least 1, got {batch_size}")
    tokens = [_checked(number, row) for number, row in enumerate(rows)]
    if not tokens:
        raise ShapeError("a target needs at least one instance")

    def measure(model: Any) -> NDArray[np.float64]:
        import torch

        training = model.training
        model.eval()
        try:
            with torch.no_grad():
                found = [
                    _losses(model, tokens[start : start + batch_size])
                    for start in range(0, len(tokens), batch_size)
                ]
        finally:
            model.train(training)
        return np.concatenate(found)

    return measure


def _checked(number: int, row: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    try:
        ids = np.asarray(row["input_ids"], np.int64)
        labels = np.asarray(row["labels"], np.int64)
    except (KeyError, TypeError, ValueError) as error:
        raise ShapeError(f"instance {number} needs input_ids and labels: {error!r}") from None
    if ids.ndim != 1 or not len(ids) or ids.shape != labels.shape:
        raise ShapeError(
            f"instance {number} has input_ids of shape {ids.shape} and labels of {labels.shape}"
        )
    return ids.tolist(), labels.tolist()


def _losses(model: Any, batch: list[tuple[list[int], list[int]]]) -> NDArray[np.float64]:
    import torch
    from torch.nn.functional import cross_entropy

    device = next(model.parameters()).device
    longest = max(len(ids) for ids, _ in batch)
    # Padded on the right, since tokens attend to the left.
    ids = torch.zeros((len(batch), longest), dtype=torch.long)
    seen = torch.zeros((len(batch), longest), dtype=torch.long)
    for row, (own, _) in enumerate(batch):
        ids[row, : len(own)] = torch.tensor(own)
        seen[row, : len(own)] = 1
    logits = model(input_ids=ids.to(device), attention_mask=seen.to(device)).logits
    found = np.empty(len(batch))
    for row, (_, labels) in enumerate(batch):
        wanted = torch.tensor(labels[1:], device=device)
        given = logits[row, : len(wanted)].float()
        found[row] = float(cross_entropy(given, wanted, ignore_index=_IGNORED))
    return found
