"""A folder as the Hugging Face Hub wants it."""

from pathlib import Path

from instructdiv.exporters.base import Exporter, quiet_datasets
from instructdiv.records import Records

_SHARD_BYTES = 500_000_000
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
)


class HubFolder(Exporter):
    """``data/train-*.parquet`` and a ``README.md`` card, ready to be pushed or loaded as it is.

    Examples
    --------
    >>> import tempfile
    >>> from instructdiv.records import read
    >>> records = read([{"instruction": "Name a color.", "output": "Blue"}])
    >>> [path.name for path in HubFolder().write(records, Path(tempfile.mkdtemp()))]
    ['train-00000-of-00001.parquet', 'README.md']
    """

    pretty_name: str = "Instruction mix"
    """Title of the data set on its card."""

    license: str | None = None
    """License identifier for the card; left out if not given."""

    def write(self, records: Records, folder: Path) -> list[Path]:
        dataset = records.to_dataset()
        (folder / "data").mkdir()
        n_shards = 1 + (dataset.data.nbytes or 0) // _SHARD_BYTES
        n_shards = min(n_shards, len(dataset))
        files = []
        with quiet_datasets():
            for i in range(n_shards):
                path = folder / "data" / f"train-{i:05d}-of-{n_shards:05d}.parquet"
                dataset.shard(n_shards, i, contiguous=True).to_parquet(path)
                files.append(path)
        card = folder / "README.md"
        card.write_text(self._card(records), encoding="utf-8")
        return [*files, card]

    def _card(self, records: Records) -> str:
        from huggingface_hub import DatasetCardData

        n = len(records)
        data = DatasetCardData(
            pretty_name=self.pretty_name,
            license=self.license,
            size_categories=[next((name for most, name in _SIZES if n < most), "n>100M")],
            task_categories=["text-generation"],
            tags=["instruction-tuning", "sft", "instructdiv"],
            configs=[
                {
                    "config_name": "default",
                    "data_files": [{"split": "train", "path": "data/train-*"}],
                }
            ],
        )
        sources = "\n".join(f"- {name}" for name in records.sources)
        return (
            f"---\n{data.to_yaml()}\n---\n\n# {self.pretty_name}\n\n"
            f"{n:,} instruction records, chosen with instructdiv; `manifest.json` says how.\n\n"
            f"Chosen from:\n\n{sources}\n"
        )
