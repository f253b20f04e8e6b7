"""Hub folder: a folder that the Hugging Face Hub can show."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from instructdiv.data.hub import quiet_datasets
from instructdiv.data.licenses import UNKNOWN, licenses_of
from instructdiv.exporters._base import Exporter, Files, Splits, tables

if TYPE_CHECKING:
    from datasets import Dataset

_SHARD_BYTES = 500_000_000
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
)
# Names of splits that the Hub shows as what they are.
_NAMES = {"train": "train", "eval": "validation"}


class HubFolder(Exporter):
    """``data/train-*.parquet`` and a ``README.md`` card, ready to be pushed to the Hub or loaded.

    The card lists every source with its records and licenses; the license of the mix is that of all
    its sources together.

    Examples
    --------
    >>> import tempfile
    >>> from instructdiv.exporters._base import Split
    >>> from instructdiv.data.load import read
    >>> records = read([{"instruction": "Name a color.", "output": "Blue"}])
    >>> files = HubFolder().write({"train": Split(records, ())}, Path(tempfile.mkdtemp()))
    >>> [path.name for several in files.values() for path in several]
    ['train-00000-of-00001.parquet', 'README.md']
    """

    pretty_name: str = "Instruction mix"
    """Title of the data set on its card."""

    license: str | None = None
    """License identifier for the card; the licenses of the records if not given."""

    def write(self, splits: Splits, folder: Path) -> Files:
        (folder / "data").mkdir()
        files = {name: _shards(name, table, folder) for name, table in tables(splits).items()}
        card = folder / "README.md"
        card.write_text(self._card(splits), encoding="utf-8", errors="backslashreplace")
        return files | {"settings": [card]}

    def _card(self, splits: Splits) -> str:
        from huggingface_hub import DatasetCardData

        licenses: dict[str, Counter[str]] = {}
        counts: Counter[str] = Counter()
        for split in splits.values():
            names = split.records.source_names
            counts.update(names)
            for name, own in zip(names, licenses_of(split.records), strict=True):
                licenses.setdefault(name, Counter()).update(own or (UNKNOWN,))
        union = sorted({one for own in licenses.values() for one in own})
        n = sum(counts.values())
        data = DatasetCardData(
            pretty_name=self.pretty_name,
            license=self.license or _one_or_list(union),
            size_categories=[next((name for most, name in _SIZES if n < most), "n>100M")],
            task_categories=["text-generation"],
            tags=["instruction-tuning", "sft", "instructdiv"],
            source_datasets=[name for name in counts if _is_on_the_hub(name)] or None,
            configs=[
                {
                    "config_name": "default",
                    "data_files": [
                        {"split": _NAMES.get(s, s), "path": f"data/{_NAMES.get(s, s)}-*"}
                        for s in splits
                    ],
                }
            ],
        )
        sizes = ", ".join(f"{_NAMES.get(s, s)} {len(split):,}" for s, split in splits.items())
        rows = [
            f"| {_cell(name)} | {count:,} | {', '.join(sorted(licenses[name]))} |"
            for name, count in counts.most_common()
        ]
        terms = (
            f"The records are under: {', '.join(union)}. A mix may be used as all of them allow"
            if union != [UNKNOWN]
            else "No record states a license"
        )
        unknown = sum(own[UNKNOWN] for own in licenses.values())
        if unknown and union != [UNKNOWN]:
            terms += f"; {unknown:,} records state no license"
        return "\n".join(
            [
                f"---\n{data.to_yaml()}\n---",
                f"\n# {self.pretty_name}\n",
                f"{n:,} instruction records ({sizes}), chosen and ordered with instructdiv. "
                "`manifest.json` holds the recipe that rebuilds the mix, the versions, and the "
                "digests of the input files; `summary.md` describes what the records cover.\n",
                f"{terms}.\n",
                "| source | records | licenses |\n|---|---:|---|",
                *rows,
                "",
            ]
        )


def _is_on_the_hub(name: str) -> bool:
    return bool(re.fullmatch(r"[\w.-]+/[\w.-]+", name)) and not Path(name).exists()


def _one_or_list(licenses: Iterable[str]) -> str | list[str]:
    found = list(licenses)
    return found[0] if len(found) == 1 else found


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _shards(name: str, dataset: "Dataset", folder: Path) -> list[Path]:
    n_shards = min(1 + (dataset.data.nbytes or 0) // _SHARD_BYTES, len(dataset))
    files = []
    with quiet_datasets():
        for i in range(n_shards):
            file = f"{_NAMES.get(name, name)}-{i:05d}-of-{n_shards:05d}.parquet"
            files.append(folder / "data" / file)
            dataset.shard(n_shards, i, contiguous=True).to_parquet(files[-1])
    return files
