"""Transformer: a small causal language model, trained from scratch on prompts and responses."""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from instructdiv.core.rows import row_numbers
from instructdiv.errors import ShapeError
from instructdiv.results import Facts

N_BYTES = 257
"""Size of the vocabulary of bytes: 256, and the end of a response."""

_END = 256
_SPREAD = 0.02
_EVALUATED_TOGETHER = 64

Weights = dict[str, NDArray[np.float32]]
"""Weights of a model by name."""


class Shape(Facts):
    """Size of a model. The defaults have 122,688 parameters."""

    vocabulary: int = Field(default=N_BYTES, ge=2)
    """Size of the vocabulary."""

    length: int = Field(default=96, ge=2)
    """Largest number of tokens of a record."""

    width: int = Field(default=64, ge=1)
    """Hidden size, a multiple of the number of heads."""

    layers: int = Field(default=2, ge=1)
    """Number of layers."""

    heads: int = Field(default=4, ge=1)
    """Number of attention heads in each layer."""

    spread: float = Field(default=_SPREAD, gt=0)
    """Standard deviation of the initial weights of the layers (those that GPT-2 draws smaller in
    proportion); embeddings keep GPT-2's own, 0.02. A narrow model starts to learn sooner with
    more."""

    activation: Literal["gelu_pytorch_tanh", "gelu"] = "gelu_pytorch_tanh"
    """Activation function: GELU by tanh, as of GPT-2, or exact GELU, which takes half as long on
    a CPU."""


class Training(Facts):
    """Settings of a training: AdamW on batches in a given order."""

    learning_rate: float = Field(default=3e-3, gt=0)
    """Peak learning rate."""

    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """Learning rate after the warm-up: constant, or decaying to the last share."""

    last_share: float = Field(default=0.1, ge=0, le=1)
    """Learning rate at the end, as a share of the peak; not for a constant one."""

    warm_up: int = Field(default=0, ge=0)
    """Number of warm-up steps, over which the learning rate rises from 0."""

    batch: int = Field(default=16, ge=1)
    """Batch size, in records."""

    betas: tuple[float, float] = (0.9, 0.999)
    """Decay rates of AdamW for the mean of gradients and of their squares."""

    weight_decay: float = Field(default=0.01, ge=0)
    """Weight decay of AdamW."""

    clip: float = Field(default=1.0, gt=0)
    """Largest norm of the gradient; a larger one is clipped."""

    def n_steps(self, n_records: int) -> int:
        """Number of steps of a number of records; the last batch may be smaller."""
        return -(-n_records // self.batch)

    def rate(self, step: int, n_steps: int) -> float:
        """Learning rate of a step, counted from 0.

        Examples
        --------
        >>> training = Training(learning_rate=1, schedule="linear", last_share=0)
        >>> [training.rate(step, 4) for step in range(4)]
        [1.0, 0.75, 0.5, 0.25]
        """
        rising = min(1.0, (step + 1) / (self.warm_up + 1))
        done = max(0, step - self.warm_up) / max(1, n_steps - self.warm_up)
        falling = {
            "constant": 1.0,
            "linear": 1 - (1 - self.last_share) * done,
            "cosine": self.last_share + (1 - self.last_share) * (1 + math.cos(math.pi * done)) / 2,
        }[self.schedule]
        return self.learning_rate * rising * falling


@dataclass(frozen=True, eq=False)
class Tokens:
    """Records as token numbers, with the place of the response.

    Examples
    --------
    >>> tokens = Tokens.of([[5, 6], [7]], [[8], [9, 1]], length=4)
    >>> tokens.numbers.tolist(), tokens.starts.tolist(), tokens.ends.tolist()
    ([[5, 6, 8], [7, 9, 1]], [2, 1], [3, 3])
    """

    numbers: NDArray[np.int64]
    """(n, longest) int64: prompt, response, then zeros to the length of the longest."""

    starts: NDArray[np.int64]
    """(n,) int64: start of the response."""

    ends: NDArray[np.int64]
    """(n,) int64: end of the response, exclusive."""

    @classmethod
    def of(
        cls, prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]], length: int
    ) -> "Tokens":
        """Join prompts and responses.

        Raises
        ------
        ShapeError
            The numbers of prompts and responses differ, a prompt is empty, or a record is longer
            than `length`; its row is named.
        """
        if len(prompts) != len(responses):
            raise ShapeError(f"{len(responses)} responses do not fit {len(prompts)} prompts")
        starts = np.array([len(prompt) for prompt in prompts], np.int64)
        ends = starts + np.array([len(response) for response in responses], np.int64)
        if len(starts) and not starts.all():
            raise ShapeError(f"row {int(starts.argmin())} has an empty prompt: nothing to begin by")
        if len(ends) and ends.max() > length:
            row = int(ends.argmax())
            raise ShapeError(f"row {row} has {ends[row]} tokens; the model reads at most {length}")
        numbers = np.zeros((len(starts), int(ends.max(initial=0))), np.int64)
        for row, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
            numbers[row, : ends[row]] = [*prompt, *response]
        return cls(numbers, starts, ends)

    @classmethod
    def of_texts(cls, prompts: Sequence[str], responses: Sequence[str], length: int) -> "Tokens":
        """Encode texts as bytes, with a line break after the prompt and an end after the response.

        Raises
        ------
        ShapeError
            As :meth:`of`.
        """
        return cls.of(
            [list(f"{prompt}\n".encode()) for prompt in prompts],
            [[*response.encode(), _END] for response in responses],
            length,
        )

    @classmethod
    def of_plain_texts(cls, texts: Sequence[str], length: int) -> "Tokens":
        """Encode plain texts, to train on every byte but the first; long texts are cut."""
        cut = [list(text.encode()[:length]) for text in texts]
        return cls.of([text[:1] for text in cut], [text[1:] for text in cut], length)

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, indices: ArrayLike) -> "Tokens":
        """The records at these rows, in this order, padded to the longest."""
        indices = row_numbers(indices, len(self))
        ends = self.ends[indices]
        numbers = self.numbers[indices, : int(ends.max(initial=0))]
        return Tokens(numbers, self.starts[indices], ends)

    def batches(self, order: NDArray[np.int64], size: int) -> "Iterator[Tokens]":
        """Yield batches of records in an order of rows; a row may be repeated."""
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            ends = self.ends[rows]
            yield Tokens(self.numbers[rows, : int(ends.max())], self.starts[rows], ends)


class Transformer:
    """A decoder like GPT-2 [1]_, with weights drawn from a seed.

    Runs on CPU or GPU. On a CPU, with one thread, the same seed and the same records in the same
    order give the same losses; see :func:`one_torch_thread`.

    References
    ----------
    .. [1] A. Radford et al., "Language Models are Unsupervised Multitask Learners", 2019.

    Examples
    --------
    >>> tokens = Tokens.of_texts(["Say a.", "Say b."], ["a", "b"], length=16)
    >>> with one_torch_thread():
    ...     model = Transformer(Shape(length=16, width=16, layers=1))
    ...     before = model.losses(tokens).mean()
    ...     model.train(tokens, [0, 1] * 60, Training(batch=2, learning_rate=0.01))
    ...     bool(model.losses(tokens).mean() < before), model.exact_matches(tokens).tolist()
    (True, [True, True])
    """

    def __init__(self, shape: Shape | None = None, seed: int = 0, device: str = "cpu") -> None:
        import torch
        from transformers import GPT2Config, GPT2LMHeadModel

        self.shape = shape or Shape()
        self.device = device
        config = GPT2Config(
            vocab_size=self.shape.vocabulary,
            n_positions=self.shape.length,
            n_embd=self.shape.width,
            n_layer=self.shape.layers,
            n_head=self.shape.heads,
            # By tanh it is the same function as GPT-2's own, in one operation rather than eight.
            activation_function=self.shape.activation,
            initializer_range=_SPREAD,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            use_cache=False,
            bos_token_id=None,
            eos_token_id=None,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model: Any = GPT2LMHeadModel(config)
        if self.shape.spread != _SPREAD:
            with torch.no_grad():
                for weight in model.transformer.h.parameters():
                    if weight.dim() > 1:
                        weight.mul_(self.shape.spread / _SPREAD)
        last = model.transformer.h[-1].mlp
        last.read = None
        last.register_forward_pre_hook(_taken)
        last.register_forward_hook(_put_back)
        self._model: Any = model.to(device)

    @property
    def n_parameters(self) -> int:
        """Number of weights."""
        return sum(weight.numel() for weight in self._model.parameters())

    @property
    def weights(self) -> Weights:
        """A copy of the weights."""
        return {
            name: weight.detach().cpu().numpy().copy()
            for name, weight in self._model.named_parameters()
        }

    def with_weights(self, weights: Weights) -> "Transformer":
        """A copy of the model with these weights."""
        import torch

        other = copy.copy(self)
        other._model = copy.deepcopy(self._model)
        with torch.no_grad():
            for name, weight in other._model.named_parameters():
                weight.copy_(torch.from_numpy(weights[name]))
        return other

    def train(
        self,
        tokens: Tokens,
        order: ArrayLike,
        training: Training | None = None,
        watch: Callable[[int], None] | None = None,
        every: int = 1,
    ) -> None:
        """Train on records in an order; the loss is that of the responses.

        Parameters
        ----------
        tokens
            The records.
        order
            Rows in the order of training; a row may be repeated.
        training
            Batch size and learning rate.
        watch
            Called with the number of finished steps: before the first, after every `every`
            steps, and after the last.
        every
            Number of steps between two calls.
        """
        import torch

        training = training or Training()
        order = np.asarray(order, np.int64)
        n_steps = training.n_steps(len(order))
        optimizer = torch.optim.AdamW(
            self._model.parameters(),
            betas=training.betas,
            weight_decay=training.weight_decay,
            fused=True,
        )
        watch = watch or (lambda _step: None)
        watch(0)
        for step, batch in enumerate(tokens.batches(order, training.batch)):
            for group in optimizer.param_groups:
                group["lr"] = training.rate(step, n_steps)
            scores, wanted = self._scores(batch)
            optimizer.zero_grad()
            loss: Any = torch.nn.functional.cross_entropy(scores, wanted)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._model.parameters(), training.clip)
            optimizer.step()
            if (step + 1) % every == 0 or step + 1 == n_steps:
                watch(step + 1)

    def losses(self, tokens: Tokens) -> NDArray[np.float64]:
        """Mean cross-entropy of the tokens of each response, (n,) float64, in nats.

        NaN for a record without a response.
        """
        from torch.nn.functional import cross_entropy

        def summed(scores: Any, wanted: Any) -> NDArray[np.float64]:
            found = cross_entropy(scores, wanted, reduction="none")
            return np.asarray(found.cpu().numpy(), np.float64)

        sums = self._over_responses(tokens, summed)
        lengths = tokens.ends - tokens.starts
        means = np.full(len(tokens), np.nan)
        np.divide(sums, lengths, out=means, where=lengths > 0)
        return means

    def exact_matches(self, tokens: Tokens) -> NDArray[np.bool_]:
        """Whether greedy decoding gives each response, token by token, (n,) bool.

        One forward pass suffices: as long as all earlier tokens are right, the next one is
        predicted from the same text.
        """

        def wrong(scores: Any, wanted: Any) -> NDArray[np.float64]:
            return np.asarray((scores.argmax(dim=1) != wanted).cpu().numpy(), np.float64)

        right: NDArray[np.bool_] = self._over_responses(tokens, wrong) == 0
        return right

    def _over_responses(
        self, tokens: Tokens, measure: Callable[[Any, Any], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """Sum of a measure over the tokens of each response, (n,) float64."""
        import torch

        found = np.zeros(len(tokens))
        # Records of similar length together, so that less is computed on padding.
        order = np.argsort(tokens.ends, kind="stable")
        with torch.inference_mode():
            for start in range(0, len(order), _EVALUATED_TOGETHER):
                rows = order[start : start + _EVALUATED_TOGETHER]
                batch = tokens.take(rows)
                owners = rows.repeat(batch.ends - batch.starts)
                np.add.at(found, owners, measure(*self._scores(batch)))
        return found

    def _scores(self, batch: Tokens) -> tuple[Any, Any]:
        """Logits at each place of the responses, and the tokens that stand there."""
        import torch

        numbers = torch.from_numpy(batch.numbers).to(self.device)
        places = np.arange(batch.numbers.shape[1])
        within = (places >= batch.starts[:, None]) & (places < batch.ends[:, None])
        wanted = numbers[torch.from_numpy(within).to(self.device)]
        # A token is predicted from the state before it. Padding comes after the response, where
        # causal attention does not look.
        before = torch.from_numpy(np.roll(within, -1, axis=1)).to(self.device)
        last = self._model.transformer.h[-1].mlp
        last.read = before
        try:
            states = self._model.transformer(input_ids=numbers).last_hidden_state
        finally:
            last.read = None
        return self._model.lm_head(states[before]), wanted


# The MLP of the last layer works on each place alone, and its output for prompts is never used:
# these two hooks skip the prompts, a sixth of all the work where they are long.


def _taken(mlp: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return inputs if mlp.read is None else (inputs[0][mlp.read],)


def _put_back(mlp: Any, _inputs: tuple[Any, ...], output: Any) -> Any:
    if mlp.read is None:
        return output
    whole = output.new_zeros((*mlp.read.shape, output.shape[-1]))
    whole[mlp.read] = output
    return whole


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Limit torch to one thread: two would round differently, and gain nothing here."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
