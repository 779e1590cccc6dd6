"""What the watcher's page says of aliases and of their lanes' servers, whole."""

import os
from pathlib import Path

from fakes.probed_path import page

_GOLDEN = Path(__file__).parent / "golden" / "probed-path.prom"


def test_the_probed_path_has_its_golden_page() -> None:
    """LANEWATCH_WRITE_GOLDEN=1 writes it anew; the difference is then read in review."""
    made = page().text.plain.decode("utf-8")
    if os.environ.get("LANEWATCH_WRITE_GOLDEN"):
        _GOLDEN.write_text(made, encoding="utf-8")
    assert made == _GOLDEN.read_text(encoding="utf-8")
