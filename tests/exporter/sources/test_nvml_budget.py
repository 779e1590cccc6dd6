"""How many calls into the driver the reading of eight full cards costs: the number that we publish."""

import asyncio
from pathlib import Path

from fakes.nvml.rig import reading, wait_until
from fakes.nvml.scenario import h100_node

_CARDS = 8
_MINUTE = 12  # intervals
_WAITS = 60  # calls a minute that wait for events, one a second whatever the interval
_BUDGET = 1000


def _rounds(calls: dict[str, int]) -> int:
    return calls.get("nvmlDeviceGetMemoryInfo_v2", 0)


def _work(calls: dict[str, int]) -> int:
    return sum(calls.values()) - calls.get("nvmlEventSetWait_v2", 0)


def test_eight_cards_stay_within_the_call_budget(tmp_path: Path) -> None:
    """At most 1,000 calls a minute, the first one with all that is read once among them; what we count is true."""

    async def main() -> tuple[float, float, int, int]:
        async with reading(tmp_path, h100_node(_CARDS)) as rig:
            await wait_until(lambda: _rounds(rig.scenario.calls()) >= _MINUTE * _CARDS)
            first = rig.scenario.calls()
            await wait_until(lambda: _rounds(rig.scenario.calls()) >= _rounds(first) + 2 * _MINUTE * _CARDS)
            later = rig.scenario.calls()
        a_minute = (_work(later) - _work(first)) * _MINUTE * _CARDS / (_rounds(later) - _rounds(first))
        counted = (await rig.reader.read()).calls
        return _work(first) + _WAITS, a_minute + _WAITS, counted, sum(rig.scenario.calls().values())

    first, a_minute, counted, seen = asyncio.run(main())
    print(f"driver calls: {first:.0f} in the first minute, {a_minute:.0f} in each later one")
    assert max(first, a_minute) <= _BUDGET
    assert 0.9 * seen < counted <= seen
