"""The commands about instruction diversity and the recipes of the examples, as users run them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import instructdiv as idv
from instructdiv.cli import app
from tests.shared_data import DATA, ROOT

DOMAINS = {
    "code": "Write a Python function that {} the items of list number {}.",
    "law": "Which court in country {1} hears an appeal when a tenant {0} the contract?",
    "cooking": "How long do I bake a bread with {1} grams of rye so that it {0} well?",
}
VERBS = ("sorts", "breaks", "counts", "rises", "signs", "keeps")


def rows(domain: str, n: int) -> list[dict[str, str]]:
    text = DOMAINS[domain]
    return [
        {"instruction": text.format(VERBS[i % 6], i), "output": "Done.", "domain": domain}
        for i in range(n)
    ]


def write(path: Path, records: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with code.jsonl, law.jsonl, cooking.jsonl, and all of them in all.jsonl."""
    monkeypatch.chdir(tmp_path)
    sizes = {"code": 60, "law": 20, "cooking": 12}
    for domain, n in sizes.items():
        write(tmp_path / f"{domain}.jsonl", rows(domain, n))
    write(tmp_path / "all.jsonl", [r for domain, n in sizes.items() for r in rows(domain, n)])
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def lexical(*arguments: str) -> Result:
    return run(*arguments, "--embedder", "lexical")


def found(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_profile_is_printed_written_and_given_as_json(folder: Path):
    told = lexical("profile", "all.jsonl", "--group", "domain", "-o", "profile.md")
    assert told.exit_code == 0
    assert "92 records" in told.stdout
    assert "| code | 60 |" in (folder / "profile.md").read_text()
    as_json = found(lexical("profile", "all.jsonl", "--group", "domain", "--json"))
    assert as_json["domains"]["distinct"] == 3
    assert [row["domain"] for row in as_json["domain_rows"]] == ["code", "law", "cooking"]


def test_without_an_output_a_plan_is_shown_and_nothing_is_written(folder: Path):
    before = sorted(folder.iterdir())
    told = lexical("diversify", "code.jsonl", "--pool", "law.jsonl")
    assert told.exit_code == 0, told.output
    assert "54 of the core of 60" in told.stdout
    assert "nothing is written" in told.stdout
    assert sorted(folder.iterdir()) == before


def test_a_group_of_the_data_is_the_core_and_the_others_may_come(folder: Path):
    arguments = ("--core", "code", "--group", "domain", "--output", "mix", "--json")
    told = found(lexical("diversify", "all.jsonl", *arguments))
    assert told["output"] == "mix"
    chosen = {row["domain"]: row["chosen"] for row in told["plan"]["domains"]}
    assert chosen == {"core": 54, "law": 3, "cooking": 3}
    lines = (folder / "mix" / "mix.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["domain"] for line in lines) == sorted(
        ["code"] * 54 + ["law"] * 3 + ["cooking"] * 3
    )
    assert told["before"]["records"] == told["after"]["records"] == 60


def test_files_by_name_are_the_domains_that_may_come(folder: Path):
    pools = ("--pool", "courts=law.jsonl", "--pool", "cooking.jsonl")
    told = found(lexical("diversify", "code.jsonl", *pools, "--budget", "40", "--json"))
    assert {row["domain"] for row in told["plan"]["domains"]} == {"core", "courts", "cooking.jsonl"}
    assert told["plan"]["budget"] == 40


def test_a_grid_is_a_folder_of_mixes_and_scripts_with_the_core_alone_among_them(folder: Path):
    arguments = ("--core", "code", "--group", "domain", "--grid", "--output", "grid", "--json")
    told = found(lexical("diversify", "all.jsonl", *arguments))
    names = [cell["name"] for cell in told["plan"]["rows"]]
    assert names == [f"share-{percent:02d}" for percent in (0, 5, 10, 15, 20, 25)]
    for name in names:
        n_lines = (folder / "grid" / name / "mix.jsonl").read_text().count("\n")
        assert (
            n_lines
            == (folder / "grid" / "train" / "trl" / f"{name}.jsonl").read_text().count("\n")
            == 60
        )
    assert (folder / "grid" / "sweep-trl.sh").is_file()


def test_advice_names_the_source_that_adds_most(folder: Path):
    candidates = ("--candidate", "law.jsonl", "--candidate", "more=code.jsonl", "--add", "10")
    told = found(lexical("advise", "code.jsonl", *candidates, "--json"))
    assert told["sources"][0]["source"] == "law.jsonl"
    copies = next(row for row in told["sources"] if row["source"] == "more")
    assert copies["known"] == 60
    assert copies["allocated"] == 0
    printed = lexical("advise", "code.jsonl", *candidates, "-o", "advice.md")
    assert "add law.jsonl" in printed.stdout
    assert "only-if-table-3" in (folder / "advice.md").read_text()


def test_the_groups_of_a_single_candidate_are_sources(folder: Path):
    arguments = ("--candidate", "all.jsonl", "--group", "domain", "--mode", "specialist", "--json")
    told = found(lexical("advise", "code.jsonl", *arguments))
    assert {row["source"] for row in told["sources"]} == {"code", "law", "cooking"}
    assert told["mode"] == "specialist"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("diversify", "code.jsonl"), "--pool"),
        (("diversify", "all.jsonl", "--core", "code"), "--group"),
        (
            ("diversify", "all.jsonl", "--core", "codes", "--group", "domain"),
            "no group is named 'codes'; known: code, cooking, law",
        ),
        (
            ("diversify", "code.jsonl", "--core", "code", "--group", "domain"),
            "all records are of 'code'",
        ),
        (("diversify", "code.jsonl", "--pool", "code.jsonl"), "nothing lies beyond the core"),
        (("diversify", "code.jsonl", "--pool", "law="), "NAME=FILE"),
        (
            ("diversify", "code.jsonl", "--pool", "a=law.jsonl", "--pool", "a=cooking.jsonl"),
            "twice",
        ),
        (("diversify", "code.jsonl", "--pool", "law.jsonl", "--budget", "500"), "which has 60"),
        (("diversify", "code.jsonl", "--pool", "law.jsonl", "--output", "all.jsonl"), "is a file"),
        (("profile", "all.jsonl", "-o", "profile.html"), ".md or .json"),
        (("profile", "nowhere.jsonl"), "nowhere.jsonl"),
        (("advise", "code.jsonl", "--candidate", "law.jsonl", "--mode", "both"), "generalist"),
        (
            ("advise", "all.jsonl", "--candidate", "law.jsonl", "--group", "topic"),
            "no column is named 'topic'",
        ),
        (
            (
                *("advise", "all.jsonl", "--candidate", "law.jsonl"),
                *("--candidate", "code.jsonl", "--group", "domain"),
            ),
            "single candidate",
        ),
    ],
)
def test_a_wrong_argument_ends_with_a_sentence_that_says_what_is_wrong(
    folder: Path, arguments: tuple[str, ...], says: str
):
    result = lexical(*arguments, "--quiet")
    assert result.exit_code in (1, 2), result.output
    assert result.output.startswith("error: ")
    assert says in " ".join(result.output.split())
    assert "Traceback" not in result.output


PRESETS = {
    "code-specialist.yaml": {
        "code.jsonl": "code/gpteacher_codegen.json.gz",
        "general.jsonl": "human/dolly_dev.jsonl.gz",
        "maths.jsonl": "maths/gsm8k_train.jsonl.gz",
        "dialogue.jsonl": "dialogue/gpteacher_roleplay.json.gz",
    },
    "generalist.yaml": {
        "reasoning.jsonl": "maths/gsm8k_train.jsonl.gz",
        "general.jsonl": "human/dolly_dev.jsonl.gz",
        "dialogue.jsonl": "dialogue/gpteacher_roleplay.json.gz",
    },
}


def preset(name: str, files: dict[str, str]) -> dict[str, Any]:
    """A recipe of the examples, with other files in the place of those it names."""
    import yaml

    text = (ROOT / "examples" / name).read_text(encoding="utf-8")
    for placeholder, file in files.items():
        text = text.replace(placeholder, file)
    content: dict[str, Any] = yaml.safe_load(text)
    return content | {"embedder": "lexical", "n_draws": 2}


def test_the_specialist_of_the_examples_takes_a_tenth_beyond_its_core(folder: Path):
    names = ("code", "law", "cooking")
    files = dict(zip(PRESETS["code-specialist.yaml"], [f"{n}.jsonl" for n in names], strict=False))
    content = preset("code-specialist.yaml", files) | {"budget": 40}
    content["data"] = [f"{name}.jsonl" for name in names]
    mix = idv.curate(idv.Recipe.model_validate(content))
    domains = [row["domain"] for row in mix.records.rows]
    assert {name: domains.count(name) for name in names} == {"code": 36, "law": 2, "cooking": 2}


def test_the_generalist_of_the_examples_takes_half_beyond_its_first_source(folder: Path):
    names = ("code", "law", "cooking")
    files = dict(zip(PRESETS["generalist.yaml"], [f"{n}.jsonl" for n in names], strict=True))
    content = preset("generalist.yaml", files) | {"budget": 20}
    mix = idv.curate(idv.Recipe.model_validate(content))
    domains = [row["domain"] for row in mix.records.rows]
    assert {name: domains.count(name) for name in names} == {"code": 10, "law": 6, "cooking": 4}


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="the development data is not there")
@pytest.mark.parametrize("name", PRESETS)
def test_the_recipes_of_the_examples_run_on_real_data(name: str):
    files = {old: str(DATA / new) for old, new in PRESETS[name].items()}
    content = preset(name, files) | {"budget": 4000}
    mix = idv.curate(idv.Recipe.model_validate(content))
    sources = mix.records.column("source")
    core = str(DATA / next(iter(PRESETS[name].values())))
    assert len(sources) == 4000
    assert sources.count(core) == (3600 if "specialist" in name else 2000)
