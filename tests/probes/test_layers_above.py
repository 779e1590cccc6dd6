"""What the lane's server shows, and each layer of the way above it, alone: ok, bad, unknown, not looked at."""

import pytest

from exporter.backend import Engine
from exporter.config_path import Alias
from exporter.snapshot import Snapshot
from fakes.alias_world import (
    NOW,
    POD,
    answered,
    case,
    direct,
    probed,
    refused,
    server,
    timed_out,
    well,
    world,
)
from probes.found import ErrorFacts
from probes.layer.case import Case, survey
from probes.layer.server import judge_process, judge_work
from probes.layers import LAYERS, Layer, LayerState
from probes.served import Served
from probes.verdict import judge_layers

MISTRANSLATED = ErrorFacts(message="litellm.APIConnectionError: Invalid response object")


@pytest.mark.parametrize(
    ("judged", "process", "work"),
    [
        pytest.param(case(world(POD), refused()), "ok", "ok", id="idle"),
        pytest.param(case(world(POD, backend=server("down")), refused()), "bad", "unknown", id="down"),
        pytest.param(case(world(POD, backend=server("stopped")), timed_out()), "bad", "unknown", id="stopped"),
        pytest.param(case(world(POD, backend=server("loading")), refused()), "bad", "unknown", id="loading"),
        pytest.param(case(world(POD, backend=server("stalled")), timed_out()), "ok", "bad", id="stalled"),
        pytest.param(case(world(POD, backend=server("wedged")), timed_out()), "ok", "bad", id="wedged"),
        pytest.param(case(world(POD, backend=server("busy")), refused()), "ok", "ok", id="busy"),
        pytest.param(
            case(world(POD, backend=server("busy", engine=Engine(waiting=3))), timed_out()), "ok", "bad", id="too long"
        ),
        pytest.param(case(world(POD, backend=server("unknown")), refused()), "unknown", "unknown", id="cannot be told"),
        pytest.param(case(world(POD, backend=server("asleep")), refused()), "ok", "ok", id="asleep"),
        pytest.param(case(world(POD, backends=None), refused()), "unknown", "unknown", id="the source is silent"),
        pytest.param(case(Snapshot(node="n"), refused()), "not_looked_at", "not_looked_at", id="nobody looks"),
        pytest.param(case(Snapshot(node="n"), answered()), "ok", "ok", id="nobody looks, and the alias answers"),
        pytest.param(
            case(world(POD, backend=server("down", looked_at=NOW - 9)), answered()),
            "ok",
            "unknown",
            id="answered since",
        ),
        pytest.param(case(world(POD), refused(), direct("connect", first=None)), "bad", "ok", id="refuses us as well"),
        pytest.param(
            case(world(POD), timed_out(), direct("timeout_first", first=None)), "ok", "bad", id="lets us wait as well"
        ),
        pytest.param(
            case(world(POD, backend=server("down")), refused(), direct()), "ok", "ok", id="the answer beats the look"
        ),
        pytest.param(
            case(world(POD), refused(), direct("connect", at=NOW - 60, first=None)), "ok", "ok", id="an old refusal"
        ),
    ],
)
def test_server(judged: Case, process: LayerState, work: LayerState) -> None:
    """The process answers or not, its work moves or not; what it last answered us says more than a look."""
    ground = survey(judged)
    assert (process, work) == (judge_process(judged, ground).state, judge_work(judged, ground).state)


@pytest.mark.parametrize(
    ("judged", "bad"),
    [
        pytest.param(case(well(), answered()), [], id="ok"),
        pytest.param(case(well(), probed("dns", failure_words="unknown name")), ["network"], id="no such name"),
        pytest.param(
            case(well(), probed("connect", failure_words="Connection refused")), ["gateway_process"], id="refused"
        ),
        pytest.param(case(well(), probed("connect", failure_words="No route to host")), ["network"], id="no route"),
        pytest.param(case(well(), probed("tls", failure_words="expired")), ["gateway_process"], id="TLS"),
        pytest.param(
            case(well(), probed("auth", status=401, is_from_gateway=True)), ["gateway_key"], id="the key is refused"
        ),
        pytest.param(
            case(well(), probed("auth", status=401, is_from_gateway=True, is_from_lane=True)),
            ["alias_route"],
            id="the lane refuses the gateway's key",
        ),
        pytest.param(
            case(well(), probed("bad_route", status=400, is_from_gateway=True)), ["alias_route"], id="unknown alias"
        ),
        pytest.param(case(well(), answered("wrong_lane")), ["alias_route"], id="another lane answers"),
        pytest.param(
            case(well(), refused(served=Served(api_base="http://elsewhere/v1"))), ["alias_route"], id="routed elsewhere"
        ),
        pytest.param(case(well(), refused(), direct()), ["network"], id="the gateway alone cannot connect"),
        pytest.param(case(well(), timed_out(), direct()), ["network"], id="the gateway alone waits in vain"),
        pytest.param(
            case(well(), probed("http_5xx", status=500, is_from_gateway=True, error=MISTRANSLATED)),
            ["gateway_translation"],
            id="the gateway cannot read its lane",
        ),
        pytest.param(
            case(well(), probed("http_5xx", status=501, is_from_gateway=True, is_from_lane=True)),
            ["alias_route"],
            id="a lane for another kind of work",
        ),
        pytest.param(
            case(well(), probed("http_5xx", status=502)), ["gateway_process"], id="a proxy in the gateway's place"
        ),
        pytest.param(
            case(well(), probed("http_5xx", status=500, is_from_gateway=True), direct()),
            ["gateway_process"],
            id="the gateway fails, the lane does not",
        ),
        pytest.param(
            case(well(), probed("http_5xx", status=500, is_from_gateway=True, is_from_lane=True), direct()),
            ["gateway_translation"],
            id="the lane fails at what the gateway makes of it",
        ),
        pytest.param(case(well(), answered("slow", first=2.5)), ["first_token"], id="slow"),
        pytest.param(case(well(), answered("bad_output", flaw="empty")), ["output"], id="an empty answer"),
        pytest.param(
            case(well(), answered("bad_output", flaw="no_tool_call"), direct("bad_output", first=None)),
            ["output"],
            id="both answers lack the call",
        ),
        pytest.param(
            case(well(), answered("bad_output", flaw="no_tool_call"), direct()),
            ["gateway_translation"],
            id="the gateway loses the call",
        ),
        pytest.param(
            case(world(POD, is_gateway_alive=False), timed_out(status=None, is_from_gateway=False)),
            ["gateway_process"],
            id="hung",
        ),
    ],
)
def test_path(judged: Case, bad: list[Layer]) -> None:
    """Of the layers above the lane exactly those are bad that the probe shows."""
    layers = judge_layers(judged).layers
    assert bad == [layer for layer in LAYERS[LAYERS.index("network") :] if layers[layer].state == "bad"]


def test_layers_behind_a_stop_are_not_looked_at() -> None:
    """A probe that the gateway did not let in says nothing of what comes after the key."""
    layers = judge_layers(case(well(), probed("auth", status=401))).layers
    assert {layer: layers[layer].state for layer in LAYERS[LAYERS.index("gateway_key") :]} == {
        "gateway_key": "bad",
        "alias_route": "not_looked_at",
        "gateway_translation": "not_looked_at",
        "first_token": "not_looked_at",
        "output": "not_looked_at",
    }


def test_every_layer_is_well_where_all_is_well() -> None:
    """With every source there and a good answer, nothing is left unknown."""
    assert {finding.state for finding in judge_layers(case(well(), answered())).layers.values()} == {"ok"}


def test_nothing_is_known_of_nothing() -> None:
    """Without a source and without a probe no layer is ok."""
    verdict = judge_layers(case(Snapshot(node="n"), alias=Alias(name="fast")))
    assert {finding.state for finding in verdict.layers.values()} == {"not_looked_at"}
    assert verdict.cause == "unknown"
