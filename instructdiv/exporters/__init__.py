"""Exporters: forms in which a mix is written, one file each."""

from instructdiv.exporters.base import Exporter
from instructdiv.exporters.hub_folder import HubFolder
from instructdiv.exporters.jsonl import Jsonl
from instructdiv.exporters.parquet import Parquet

__all__ = ["Exporter", "HubFolder", "Jsonl", "Parquet"]
