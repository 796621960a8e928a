"""What a cell of a CSV file may hold, so that a spreadsheet shows it and does nothing else."""

from __future__ import annotations


def escape_formula(text: str) -> str:
    """Keep a spreadsheet from reading a name as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
