"""Long texts are seen in windows if asked, and said to be cut if not."""

import json
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import instructdiv as idv
from instructdiv.cli import app
from instructdiv.embedders import SentenceTransformer
from instructdiv.embedders.sentence_transformer import tokenizer_folder
from instructdiv.embedders.tokenizer import count_tokens, windows
from instructdiv.report.notices import most_are_equal, notices

CATS = "The cat sleeps on the warm roof. " * 60
ATOMS = "An atom has a nucleus of protons. " * 60
CUT = SentenceTransformer()
MEAN = SentenceTransformer(long_texts="mean")


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@given(st.lists(st.text(max_size=400) | st.text("ab c\n", max_size=900), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_windows_hold_the_whole_text_in_order_and_are_no_longer_than_asked(
    texts: list[str],
) -> None:
    folder = tokenizer_folder("minilm")
    for text, pieces in zip(texts, windows(folder, texts, 20), strict=True):
        assert all(1 <= n <= 20 for _, n in pieces)
        if len(pieces) == 1:
            assert pieces == [(text, int(count_tokens(folder, [text])[0]))]
            continue
        place = 0
        for piece, _ in pieces:
            place = text.index(piece, place) + len(piece)
        assert sum(n for _, n in pieces) == count_tokens(folder, [text])[0]


def test_a_text_is_cut_between_words() -> None:
    words = "zymurgy quixotic onomatopoeia " * 30
    pieces = windows(tokenizer_folder("minilm"), [words], 16)[0]
    assert len(pieces) > 5
    for piece, _ in pieces:
        assert set(piece.split()) <= {"zymurgy", "quixotic", "onomatopoeia"}


def test_a_short_text_has_the_same_vector_in_both() -> None:
    texts = ["Name a color.", "", "3 + 4"]
    assert np.array_equal(CUT.embed(texts), MEAN.embed(texts))


def test_the_end_of_a_long_text_is_seen_in_windows_alone() -> None:
    texts = [CATS + ATOMS, CATS, ATOMS]
    cut, mean = CUT.embed(texts), MEAN.embed(texts)
    assert _cosine(cut[0], cut[1]) > 0.999  # of the first it saw cats alone
    assert _cosine(mean[0], mean[2]) > 0.5 > _cosine(cut[0], cut[2])
    assert _cosine(mean[0], mean[1]) < 0.95
    assert mean.dtype == np.float32


def test_the_vector_of_windows_is_their_mean_by_tokens() -> None:
    folder, text = tokenizer_folder("minilm"), CATS + ATOMS
    pieces = windows(folder, [text], 254)[0]
    vectors = CUT.embed([piece for piece, _ in pieces])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = np.average(vectors, axis=0, weights=[n for _, n in pieces])
    assert np.allclose(MEAN.embed(["Hi", text, text])[2], expected, atol=1e-6)


def test_how_many_texts_are_cut_is_known() -> None:
    assert CUT.overlong(["Hi", CATS, "x " * 254, "x " * 255]).tolist() == [False, True, False, True]
    assert not MEAN.overlong(["Hi", CATS]).any()
    assert not idv.Lexical().overlong([CATS]).any()


@given(st.lists(st.text(max_size=300) | st.text("가힣漢é\u0301 a", max_size=400), max_size=4))
@settings(max_examples=60, deadline=None)
def test_texts_that_are_not_counted_are_not_too_long(texts: list[str]) -> None:
    counted = count_tokens(tokenizer_folder("minilm"), texts) if texts else np.empty(0)
    assert CUT.overlong(texts).tolist() == (counted > 254).tolist()


ROWS = [{"instruction": f"Say {n}.", "output": "x"} for n in range(24)]


def test_the_report_says_what_share_was_not_seen_whole() -> None:
    rows = [*ROWS, {"instruction": CATS, "output": "x"}]
    summary = idv.coverage(idv.Pool.of(rows, embedder=CUT), n_draws=1)
    [notice] = summary.notices
    assert summary.provenance.cut_share == 0.04
    assert "4.0% were truncated" in summary.to_html("pca")
    assert notice.startswith("1 of 25 texts (4.0%) are longer than the embedder sees")
    assert '"long_texts": "mean"' in notice
    whole = idv.coverage(idv.Pool.of(rows, embedder=MEAN), n_draws=1)
    assert (whole.notices, whole.provenance.cut_share) == ((), 0.0)


# One instruction for all.

CONSTANT = [
    {"instruction": "Answer the patient.", "input": f"I have {n} {s}.", "output": "x"}
    for n in range(5)
    for s in ("coughs", "aches", "rashes", "cuts", "burns")
]


def test_a_constant_instruction_is_noticed_and_the_default_view_shows_the_input() -> None:
    pool = idv.Pool.of(CONSTANT, embedder="lexical")
    assert most_are_equal(pool.instructions)
    assert not most_are_equal(idv.Pool.of(ROWS, embedder="lexical").instructions)
    assert len(set(pool.texts)) == 25
    summary = idv.coverage(pool, n_draws=1)
    [notice] = summary.notices
    assert "25 of 25 records of list have one instruction, “Answer the patient.”" in notice
    assert "the view prompt shows the input that tells them apart too" in notice
    assert notice in summary.to_markdown()
    assert "Answer the patient." in summary.to_html("pca")
    blind = idv.coverage(idv.Pool.of(CONSTANT, embedder="lexical", view="instruction"), n_draws=1)
    assert "they cannot be told apart: take the view prompt" in blind.notices[0]


def test_of_many_sources_with_one_instruction_each_a_few_are_named(tmp_path: Path) -> None:
    for task in range(6):
        rows = [
            {"definition": f"Task {task}.", "input": str(i), "output": ["x"]} for i in range(25)
        ]
        (tmp_path / f"task{task}.json").write_text(json.dumps(rows))
    found = notices(idv.Pool.of(str(tmp_path), embedder="lexical"))
    assert len(found) == 4
    assert all("25 of 25 records of" in notice for notice in found[:3])
    assert found[3] == "so it is with 3 more sources"


def test_a_profile_tells_domains_from_prompts_where_there_is_one_instruction(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(CONSTANT))
    args = ["profile", str(path), "--embedder", "lexical", "--json"]
    found = CliRunner().invoke(app, args)
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["view"] == "prompt"
    asked = CliRunner().invoke(app, [*args, "--view", "instruction"])
    assert json.loads(asked.stdout)["view"] == "instruction"


def test_first_turns_that_are_all_alike_are_noticed() -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello"},
                {"role": "user", "content": f"What is {n}?"},
            ]
        }
        for n in range(30)
    ]
    [notice] = idv.coverage(idv.Pool.of(rows, embedder="lexical"), n_draws=1).notices
    assert "take the view all_user_turns or conversation" in notice
    assert len(set(idv.Pool.of(rows, embedder="lexical", view="all_user_turns").texts)) == 30
