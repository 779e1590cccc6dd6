"""Each cell of the table of failed probes is proved by promtool: so many burn, one fewer in either window does not."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from alerts.render import FOLDER
from alerts.slo import TIERS, burns
from e2e.tools import tool
from histories.cells import ROWS, WAIT, Cell, cells
from histories.promtool import series_of_alias

_RULES: Final = str(Path(__file__).resolve().parents[2] / FOLDER / "lanewatch-slo.yaml")
_ALERT: Final = {"page": "LanewatchAliasBudgetBurnsFast", "ticket": "LanewatchAliasBudgetBurnsSlowly"}
_EVALUATION: Final = {"page": 60, "ticket": 900}  # seconds; a coarse one is cheap, and no history needs a finer one
_SCRAPE: Final = {30: 30, 60: 60, 300: 60}
_KINDS: Final = {"enough": "", "long": "long", "short": "short"}  # what the history lacks, by the end of its name


def _clock(seconds: int) -> str:
    return f"{seconds}s"


def _test(chosen: Sequence[Cell]) -> dict[str, Any]:
    """Return one test of cells of the same tier."""
    tier, interval = chosen[0].tier, chosen[0].row.interval
    end = chosen[0].at + WAIT[tier.severity]
    series = [
        one
        for cell in chosen
        for kind, fewer in _KINDS.items()
        for one in series_of_alias(
            f"{cell.name}-{kind}",
            interval,
            cell.row.objective,
            cell.failures(fewer=fewer),
            seconds=end,
            scrape=_SCRAPE[interval],
        )
    ]
    fired = f'ALERTS{{alertname="{_ALERT[tier.severity]}",alertstate="firing",alias=~".*-(enough|long)"}}'
    return {
        "name": f"{interval} s, {tier.long}",
        "interval": _clock(_SCRAPE[interval]),
        "input_series": series,
        "promql_expr_test": [
            _expectation(f"count by (alias) ({burns(tier)})", chosen[0].at, chosen),
            _expectation(f"count by (alias) ({fired})", end, [cell for cell in chosen if cell.lasts]),
        ],
    }


def _expectation(expr: str, at: int, found: Sequence[Cell]) -> dict[str, Any]:
    samples = [{"labels": f'{{alias="{cell.name}-enough"}}', "value": 1} for cell in found]
    return {"expr": expr, "eval_time": _clock(at), "exp_samples": samples}


@pytest.mark.real
@pytest.mark.parametrize("severity", sorted(_ALERT))
@pytest.mark.parametrize("interval", sorted(_SCRAPE))
def test_so_many_failures_burn_and_one_fewer_does_not(interval: int, severity: str, tmp_path: Path) -> None:
    """The claims of the tier hold at the last failure, and the alert fires after its wait."""
    found = list(cells(severity, interval))
    tiers = [tier for tier in TIERS if tier.severity == severity]
    document = {
        "rule_files": [_RULES],
        "evaluation_interval": _clock(_EVALUATION[severity]),
        "tests": [_test([cell for cell in found if cell.tier == tier]) for tier in tiers],
    }
    path = tmp_path / "cells.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    done = subprocess.run([tool("promtool"), "test", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_tier_has_its_cell_in_every_row() -> None:
    """A tier that is added is counted for each interval and objective."""
    assert [row for row in ROWS if set(row.needs) != {tier.long for tier in TIERS}] == []
