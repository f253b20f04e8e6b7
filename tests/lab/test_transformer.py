"""The small model: its size, its losses, and what changes nothing."""

from typing import Any

import numpy as np
import pytest

from instructdiv.errors import ShapeError
from instructdiv.lab import Shape, Tokens, Training, Transformer
from instructdiv.lab.transformer import one_torch_thread

SHAPE = Shape(length=24, width=16, layers=1)


def test_the_model_is_as_small_as_it_says():
    assert 100_000 < Transformer().n_parameters == 122_688 < 150_000


def a_few(n: int = 12) -> Tokens:
    words = ["one", "two", "three", "four", "five", "six"]
    return Tokens.of_texts([f"{w} {i}" for i in range(n // 6) for w in words],
                           [w[::-1] for _ in range(n // 6) for w in words], 24)  # fmt: skip


def trained(tokens: Tokens, steps: int, seed: int = 0, **more: Any) -> Transformer:
    model = Transformer(SHAPE, seed)
    order = np.random.default_rng(seed).integers(len(tokens), size=4 * steps)
    model.train(tokens, order, Training(batch=4, learning_rate=0.01, **more))
    return model


def test_the_same_seed_gives_the_same_losses_and_another_gives_others():
    tokens = a_few()
    with one_torch_thread():
        first, again, other = (trained(tokens, 5, seed).losses(tokens) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_weights_are_those_of_the_seed_and_global_randomness_is_left_alone():
    import torch

    name = "transformer.h.0.mlp.c_fc.weight"
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first = Transformer(SHAPE).weights[name]
    assert (torch.rand(2) == expected).all()
    assert (Transformer(SHAPE).weights[name] == first).all()
    assert (Transformer(SHAPE, 1).weights[name] != first).any()


def test_only_responses_count():
    """The loss is that of the response, computed the long way."""
    import torch

    tokens = a_few(6)
    model = Transformer(SHAPE)
    for row, loss in enumerate(model.losses(tokens)):
        numbers = torch.tensor(tokens.numbers[row, : tokens.ends[row]])
        with torch.no_grad():
            chances = model._model(numbers[None]).logits[0].log_softmax(-1)
        places = range(tokens.starts[row], tokens.ends[row])
        expected = np.mean([-chances[place - 1, numbers[place]].item() for place in places])
        assert loss == pytest.approx(expected, rel=1e-5)


def test_padding_and_company_change_nothing():
    tokens = a_few()
    model = Transformer(SHAPE)
    together = model.losses(tokens)
    alone = [model.losses(tokens.take([row]))[0] for row in range(len(tokens))]
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    shuffled = np.random.default_rng(0).permutation(len(tokens))
    np.testing.assert_allclose(model.losses(tokens.take(shuffled)), together[shuffled], rtol=1e-5)


def test_an_exact_match_is_what_greedy_decoding_says():
    import torch

    tokens = a_few()
    with one_torch_thread():
        model = trained(tokens, 60)
    matches = model.exact_matches(tokens)
    assert 0 < matches.mean() < 1
    for row, match in enumerate(matches):
        said = tokens.numbers[row, : tokens.starts[row]].tolist()
        while len(said) < tokens.ends[row]:
            with torch.no_grad():
                said.append(int(model._model(torch.tensor([said])).logits[0, -1].argmax()))
        assert match == (said == tokens.numbers[row, : tokens.ends[row]].tolist())


def test_training_keeps_to_its_order_and_tells_its_steps():
    tokens = a_few()
    with one_torch_thread():
        order = np.arange(10)
        first, second = Transformer(SHAPE), Transformer(SHAPE)
        steps: list[int] = []
        first.train(tokens, order, Training(batch=4), steps.append, every=2)
        second.train(tokens, order[::-1], Training(batch=4))
    assert steps == [0, 2, 3]
    assert (first.losses(tokens) != second.losses(tokens)).any()


def test_weights_can_be_taken_elsewhere_and_stay_apart():
    tokens = a_few()
    with one_torch_thread():
        model = trained(tokens, 5)
        weights = model.weights
        before = model.losses(tokens)
        copied = model.with_weights(weights)
        np.testing.assert_array_equal(Transformer(SHAPE, 9).with_weights(weights).losses(tokens),
                                      before)  # fmt: skip
        copied.train(tokens, np.arange(12), Training(batch=4))
    assert (copied.losses(tokens) != before).all()
    np.testing.assert_array_equal(model.losses(tokens), before)
    np.testing.assert_array_equal(weights["transformer.wte.weight"],
                                  model.weights["transformer.wte.weight"])  # fmt: skip


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("constant", [0.5, 1, 1, 1, 1]),
        ("linear", [0.5, 1, 0.775, 0.55, 0.325]),
        ("cosine", [0.5, 1, 0.868198, 0.55, 0.231802]),
    ],
)
def test_learning_rates_rise_and_fall(schedule: Any, rates: list[float]):
    training = Training(learning_rate=1, schedule=schedule, warm_up=1)
    assert [training.rate(step, 5) for step in range(5)] == pytest.approx(rates, abs=1e-5)


def test_records_that_do_not_fit_are_named():
    with pytest.raises(ShapeError, match="row 1 has 9 tokens; the model reads at most 8"):
        Tokens.of_texts(["a", "abcdef"], ["b", "c"], 8)
    with pytest.raises(ShapeError, match="row 1 has an empty prompt"):
        Tokens.of([[1], []], [[2], [3]], 8)
    with pytest.raises(ShapeError, match="1 responses do not fit 2 prompts"):
        Tokens.of_texts(["a", "b"], ["c"], 8)


def test_a_record_without_a_response_has_no_loss():
    losses = Transformer(SHAPE).losses(Tokens.of([[1, 2], [3]], [[], [4]], 24))
    assert np.isnan(losses).tolist() == [True, False]
