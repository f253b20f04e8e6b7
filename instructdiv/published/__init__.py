"""What the field has published on the diversity of instruction data, table by table."""

from instructdiv.published.evidence import Evidence, Finding, evidence, findings

__all__ = ["Evidence", "Finding", "evidence", "findings"]
