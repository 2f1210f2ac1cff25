from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_reference_page_is_what_the_code_says() -> None:
    """docs/reference.md is written from the tables in the code; `make reference` writes it anew."""
    tool = runpy.run_path(str(ROOT / "tools" / "reference.py"))
    assert (ROOT / "docs" / "reference.md").read_text() == tool["page"]()
