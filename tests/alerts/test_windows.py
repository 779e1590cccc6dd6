"""How far rules look back over every card: each day more of that is 2,880 samples a series, at each evaluation."""

import re
from typing import Final

from alerts.groups import GROUPS
from alerts.rare import LOOKED, NEW, NOW

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WINDOW: Final = re.compile(r"(lanewatch[_:]gpu_\w+(?::\w+)?)(?:\{[^}]*\})?\[(\d+)([smhd])")
_LONG_SECONDS: Final = 3600
# What hardly a card is costs nothing.
_RARE: Final = (NEW, NOW, LOOKED)
# Each is paid for by every card of a fleet, but for links that are down and the Xids of cards that no driver lists.
_LONG: Final = {
    ("lanewatch-nvlink", "lanewatch:gpu_nvlink_went_down:timestamp", "7d"),
    ("lanewatch-idle", "lanewatch:gpu_owned_idle_seconds:max", "1d"),
    ("lanewatch-presence", "lanewatch_gpu_unlisted_xid_errors_total", "1d"),
    ("lanewatch-vram-growth", "lanewatch:gpu_memory_owned:bytes", "1d"),
    ("lanewatch-vram-growth", "lanewatch:gpu_memory_owned:bytes", "2h"),
}


def test_few_rules_look_back_for_more_than_an_hour_over_every_card() -> None:
    """A new one belongs into this table, with what it costs into docs/scale-rules.md."""
    found = {
        (group.name, name, number + unit)
        for group in GROUPS
        for rule in group.rules
        for name, number, unit in _WINDOW.findall(rule.expr)
        if int(number) * _SECONDS[unit] > _LONG_SECONDS and not name.endswith(_RARE)
    }
    assert found == _LONG
