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
"""Tokens of texts as bytes: the 256 bytes, and the end of a response."""

_END = 256
_SPREAD = 0.02
_EVALUATED_TOGETHER = 64

Weights = dict[str, NDArray[np.float32]]
"""Weights of a model by name."""


class Shape(Facts):
    """How large a model is. With the defaults it has 123,200 parameters."""

    vocabulary: int = Field(default=N_BYTES, ge=2)
    """Number of different tokens."""

    length: int = Field(default=96, ge=2)
    """Most tokens of a record."""

    width: int = Field(default=64, ge=1)
    """Components of the state of a token; a multiple of the heads."""

    layers: int = Field(default=2, ge=1)
    """Number of layers."""

    heads: int = Field(default=4, ge=1)
    """Heads of attention in each layer."""

    spread: float = Field(default=_SPREAD, gt=0)
    """Standard deviation of the weights of the layers at the start, but for those that GPT-2
    draws smaller, in proportion; embeddings keep GPT-2's own, 0.02. A narrow model begins
    sooner to learn with more."""

    activation: Literal["gelu_pytorch_tanh", "gelu"] = "gelu_pytorch_tanh"
    """What stands between the two halves of a layer: GELU as GPT-2 has it, by tanh, or the
    exact one, which takes half as long on a CPU."""


class Training(Facts):
    """How a model is trained: AdamW on batches in a given order."""

    learning_rate: float = Field(default=3e-3, gt=0)
    """Highest learning rate."""

    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the learning rate goes on after the warm-up: it stays, or falls to the last share."""

    last_share: float = Field(default=0.1, ge=0, le=1)
    """Learning rate at the end, as a share of the highest; a constant one stays."""

    warm_up: int = Field(default=0, ge=0)
    """Steps over which the learning rate rises from nothing."""

    batch: int = Field(default=16, ge=1)
    """Records of a step."""

    betas: tuple[float, float] = (0.9, 0.999)
    """How slowly AdamW forgets earlier gradients and their squares."""

    weight_decay: float = Field(default=0.01, ge=0)
    """Share of the weights, times the learning rate, that each step takes away."""

    clip: float = Field(default=1.0, gt=0)
    """Longest gradient; a longer one is shortened."""

    def n_steps(self, n_records: int) -> int:
        """Steps that so many records make; the last may have fewer than a batch."""
        return -(-n_records // self.batch)

    def rate(self, step: int, n_steps: int) -> float:
        """Learning rate of a step, from 0.

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
    """Records as token numbers, and which of them are the response.

    Examples
    --------
    >>> tokens = Tokens.of([[5, 6], [7]], [[8], [9, 1]], length=4)
    >>> tokens.numbers.tolist(), tokens.starts.tolist(), tokens.ends.tolist()
    ([[5, 6, 8], [7, 9, 1]], [2, 1], [3, 3])
    """

    numbers: NDArray[np.int64]
    """(n, longest) int64: prompt, response, then zeros to the length of the longest."""

    starts: NDArray[np.int64]
    """(n,) int64: where the response starts."""

    ends: NDArray[np.int64]
    """(n,) int64: where it has ended."""

    @classmethod
    def of(
        cls, prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]], length: int
    ) -> "Tokens":
        """Prompts and responses side by side.

        Raises
        ------
        ShapeError
            There is not one response a prompt, a prompt is empty, or a record is longer than
            `length`; its row is named.
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
        """Texts as their bytes, a line break after the prompt, and an end after the response.

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
        """Texts that answer nothing: every byte but the first counts; cut where too long."""
        cut = [list(text.encode()[:length]) for text in texts]
        return cls.of([text[:1] for text in cut], [text[1:] for text in cut], length)

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, indices: ArrayLike) -> "Tokens":
        """The records at these rows, in this order, as wide as the longest of them."""
        indices = row_numbers(indices, len(self))
        ends = self.ends[indices]
        numbers = self.numbers[indices, : int(ends.max(initial=0))]
        return Tokens(numbers, self.starts[indices], ends)

    def batches(self, order: NDArray[np.int64], size: int) -> "Iterator[Tokens]":
        """The records in an order of rows, so many at a time; a row may come again."""
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            ends = self.ends[rows]
            yield Tokens(self.numbers[rows, : int(ends.max())], self.starts[rows], ends)


class Transformer:
    """A decoder as GPT-2 [1]_, with weights drawn from a seed.

    It runs on the CPU or a graphics card. On the CPU, with one thread, the same seed and the
    same records in the same order give the same losses; see :func:`one_torch_thread`.

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
        """A model of this shape with these weights."""
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
        """Train on records in an order; only responses count.

        Parameters
        ----------
        tokens
            The records.
        order
            Rows of them, in the order of training; a row may come again.
        training
            Batches and learning rates.
        watch
            Called with the number of steps done: before the first, then every so many, and
            after the last.
        every
            Steps between two calls.
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

        A record without a response has none: NaN.
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
        """Whether each response is what the model gives, token by token, (n,) bool.

        It is what greedy decoding would say: as long as all tokens before are right, the next
        one is chosen after the same text. So one pass over the response does.
        """

        def wrong(scores: Any, wanted: Any) -> NDArray[np.float64]:
            return np.asarray((scores.argmax(dim=1) != wanted).cpu().numpy(), np.float64)

        right: NDArray[np.bool_] = self._over_responses(tokens, wrong) == 0
        return right

    def _over_responses(
        self, tokens: Tokens, measure: Callable[[Any, Any], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """Sum over the tokens of each response of what is measured on each, (n,) float64."""
        import torch

        found = np.zeros(len(tokens))
        # Records of like length together: less is computed on padding.
        order = np.argsort(tokens.ends, kind="stable")
        with torch.inference_mode():
            for start in range(0, len(order), _EVALUATED_TOGETHER):
                rows = order[start : start + _EVALUATED_TOGETHER]
                batch = tokens.take(rows)
                owners = rows.repeat(batch.ends - batch.starts)
                np.add.at(found, owners, measure(*self._scores(batch)))
        return found

    def _scores(self, batch: Tokens) -> tuple[Any, Any]:
        """Scores of every token at each place of a response, and the token that stands there."""
        import torch

        numbers = torch.from_numpy(batch.numbers).to(self.device)
        places = np.arange(batch.numbers.shape[1])
        within = (places >= batch.starts[:, None]) & (places < batch.ends[:, None])
        wanted = numbers[torch.from_numpy(within).to(self.device)]
        # A token is told from the state before it. Padding stands behind every response, where
        # causal attention does not look.
        before = torch.from_numpy(np.roll(within, -1, axis=1)).to(self.device)
        last = self._model.transformer.h[-1].mlp
        last.read = before
        try:
            states = self._model.transformer(input_ids=numbers).last_hidden_state
        finally:
            last.read = None
        return self._model.lm_head(states[before]), wanted


# The last layer's second half sees one place at a time, and what it makes of a prompt is never
# read: so it is spared the prompts, a sixth of all the work where they are long.


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
    """Hold torch to one thread: sums round otherwise on two, and small models gain nothing."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
