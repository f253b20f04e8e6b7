"""Exporters: formats in which a mix is written, one file each."""

from instructdiv.exporters._base import Exporter, Files, Preflight, Split
from instructdiv.exporters._settings import DataFiles, TrainerSettings
from instructdiv.exporters._trainer import TrainerExporter
from instructdiv.exporters.axolotl import Axolotl
from instructdiv.exporters.hub_folder import HubFolder
from instructdiv.exporters.jsonl import Jsonl
from instructdiv.exporters.known_trainers import TRAINERS, checked_trainer, trainer_settings
from instructdiv.exporters.llama_factory import LlamaFactory
from instructdiv.exporters.ms_swift import MsSwift
from instructdiv.exporters.open_instruct import OpenInstruct
from instructdiv.exporters.openai import Openai
from instructdiv.exporters.parquet import Parquet
from instructdiv.exporters.torchtune import Torchtune
from instructdiv.exporters.trl import Trl
from instructdiv.exporters.unsloth import Unsloth

__all__ = [
    "TRAINERS",
    "Axolotl",
    "DataFiles",
    "Exporter",
    "Files",
    "HubFolder",
    "Jsonl",
    "LlamaFactory",
    "MsSwift",
    "OpenInstruct",
    "Openai",
    "Parquet",
    "Preflight",
    "Split",
    "Torchtune",
    "TrainerExporter",
    "TrainerSettings",
    "Trl",
    "Unsloth",
    "checked_trainer",
    "trainer_settings",
]
