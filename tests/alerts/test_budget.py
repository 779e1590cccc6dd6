"""The budget of 30 days: what is left, how fast it goes and when it is gone, as promtool evaluates it."""

import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from alerts import budget, budget_sums
from alerts.groups import GROUPS
from alerts.render import FOLDER
from e2e.tools import tool
from histories.promtool import series_of_alias

_RULES: Final = Path(__file__).resolve().parents[2] / FOLDER
_HOUR: Final = 60  # probes, one a minute
_DAY: Final = 24 * _HOUR
_OUTAGE: Final = range(_DAY, _DAY + 216)  # half of the 432 probes that may fail in 30 days
_LABELS: Final = '{alias="fast",job="lanewatch",slo="availability"}'


def _is(expr: str, minutes: int, value: float | None) -> dict[str, Any]:
    found = [] if value is None else [{"labels": _LABELS, "value": value}]
    return {"expr": expr, "eval_time": f"{minutes}m", "exp_samples": found}


def _series(failures: Collection[int]) -> list[dict[str, str]]:
    return list(series_of_alias("fast", 60, 0.99, failures, seconds=3 * 86400, scrape=60))


def _tests() -> list[dict[str, Any]]:
    left = f"round({budget.LEFT}, 0.01)"
    burn, gone = f"round({budget.BURN}, 0.1)", f"round({budget.EXHAUSTED_IN} / 3600)"
    unjudged = f"round(sum without (slo) ({budget.UNJUDGED}), 0.001)"
    return [
        {
            "name": "an outage that spends half of it, while it goes on and after",
            "interval": "1m",
            "input_series": _series(_OUTAGE),
            "promql_expr_test": [
                _is(left, _DAY - 10, 1),
                _is(gone, _DAY - 10, None),
                _is(burn, _DAY + 100, 100),
                _is(gone, _DAY + 210, 4),  # 54 % of 30 days, a hundred times as fast
                _is(left, _DAY + 300, 0.5),
                _is(left, 3 * _DAY, 0.5),
                _is(gone, 3 * _DAY, None),
                {
                    "expr": unjudged,
                    "eval_time": f"{3 * _DAY}m",
                    "exp_samples": [{"labels": '{alias="fast",job="lanewatch"}', "value": 0.9}],
                },
            ],
        },
        {
            "name": "one that is overspent is below nothing, and lasts no time",
            "interval": "1m",
            "input_series": _series(range(_DAY, _DAY + 540)),
            "promql_expr_test": [
                _is(left, _DAY + 600, -0.25),
                _is(gone, _DAY + 550, 0),
            ],
        },
    ]


@pytest.mark.real
def test_the_budget_is_what_failed_of_what_may(tmp_path: Path) -> None:
    """Evaluated each 10 minutes, as the sums are: promtool knows one interval for all groups."""
    files = [str(_RULES / f"{name}.yaml") for name in ("lanewatch-slo", budget_sums.GROUP.name, budget.GROUP.name)]
    document = {
        "rule_files": files,
        "group_eval_order": ["lanewatch-slo", budget_sums.GROUP.name, budget.GROUP.name],
        "evaluation_interval": budget_sums.INTERVAL,
        "tests": _tests(),
    }
    path = tmp_path / "budget.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    done = subprocess.run([tool("promtool"), "test", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_rule_reads_30_days_of_scrapes() -> None:
    """Only slots of 10 minutes are added up over so long, and only by the group that is evaluated as rarely."""
    long = [(group.name, rule) for group in GROUPS for rule in group.rules if "[30d]" in rule.expr]
    assert {name for name, _ in long} == {budget_sums.GROUP.name}
    assert [rule.name for _, rule in long if ":slot10m[30d]" not in rule.expr] == []
