"""Where the gateway itself hides what failed: a body that is none, and a lane that it put aside for a while."""

import msgspec
import pytest

from fakes import alias_world
from fakes.alias_world import answered, case, direct, probed, set_aside, well
from probes.layer.case import Case
from probes.layers import Cause
from probes.verdict import judge_layers

HALF = probed("bad_output", status=200, flaw="bad_body", is_done=True)
KEYED = msgspec.structs.replace(alias_world.LANE, key_file="/run/secrets/lane")
LOST = alias_world.world(alias_world.POD, cards=(alias_world.card(unavailable="lost"),))


@pytest.mark.parametrize(
    ("case", "cause"),
    [
        pytest.param(case(well(), HALF), "gateway_process", id="half a body of no gateway"),
        pytest.param(case(well(), HALF, direct()), "gateway_process", id="the same, and the lane is well"),
        pytest.param(
            case(well(), answered("bad_output", flaw="bad_body"), direct()),
            "gateway_translation",
            id="half a body of the gateway, and the lane is well",
        ),
        pytest.param(case(well(), answered("bad_output", flaw="bad_body")), "output", id="half a body, passed on"),
        pytest.param(case(well(), set_aside()), "unknown", id="put aside, and nobody asked the lane"),
        pytest.param(case(well(), set_aside(), direct()), "unknown", id="put aside, and well again"),
        pytest.param(
            case(well(), set_aside(), direct("connect", first=None)), "backend_process", id="put aside, for it is dead"
        ),
        pytest.param(
            case(well(), set_aside(), direct("rate_limited", status=429, first=None)),
            "backend_work",
            id="put aside, for it is asked too often",
        ),
        pytest.param(
            case(well(), set_aside(), direct("auth", status=401, first=None), lane=KEYED),
            "alias_route",
            id="put aside, for it takes no key",
        ),
        pytest.param(
            case(well(), set_aside(), direct("auth", status=401, first=None)),
            "unknown",
            id="put aside, and we hold no key for it",
        ),
        pytest.param(case(LOST, set_aside()), "device", id="put aside, for its card is lost"),
    ],
)
def test_cause_behind_the_gateway(case: Case, cause: Cause) -> None:
    """Half a body is the fault of who wrote it; a lane that was put aside is judged by what it says itself."""
    assert cause == judge_layers(case).cause


def test_words_for_a_lane_that_was_put_aside() -> None:
    """Nobody reads that the gateway could not connect, or that the key was refused."""
    verdict = judge_layers(case(well(), set_aside(), direct()))
    assert "aside" in verdict.evidence[0]
    assert verdict.layers["gateway_key"].state == "ok"
    assert verdict.layers["network"].state == "unknown"
