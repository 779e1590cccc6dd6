"""What engines count, under one name a fact: recorded pages with their exact numbers."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.backend import Engine
from exporter.sources.exposition_text import TextSample, parse
from probes.backends.metrics import Reading, read_engine

FIXTURES: Final = Path(__file__).parents[2] / "fixtures/backends"
PAGES: Final = ("llamacpp-idle", "llamacpp-busy", "vllm-0.33.0", "vllm-0.8.5.post1", "sglang-0.5.23")


def samples_of(name: str) -> tuple[TextSample, ...]:
    return parse((FIXTURES / f"{name}.prom").read_bytes(), prefixes=("",))


def made(name: str, value: float, **labels: str) -> TextSample:
    return TextSample(name, labels, value)


RECORDED: Final = {
    "llamacpp-busy": Reading(
        kind="llamacpp",
        engine=Engine(
            waiting=1,
            running=1,
            tokens={"prompt": 28, "cached": 110, "completion": 104},
            busy_seconds={"prompt": 0.002028, "completion": 0.011312},
        ),
        pulse={"prompt": 28, "cached": 110, "completion": 104, "decodes": 1544},
    ),
    "vllm-0.33.0": Reading(
        kind="vllm",
        engine=Engine(
            waiting=3,
            running=7,
            kv_used_ratio=0.2937481734,
            tokens={"prompt": 74118, "cached": 58640, "completion": 2918},
            busy_seconds={"prompt": 14.148424778488653, "completion": 411.4687536481846},
            preemptions=1,
            requests={"stop": 49, "length": 14, "abort": 4, "error": 0, "repetition": 0},
        ),
        pulse={"prompt": 74118, "cached": 58640, "completion": 2918, "iterations": 77036},
    ),
    "vllm-0.8.5.post1": Reading(
        kind="vllm",
        engine=Engine(
            waiting=1,
            running=5,
            kv_used_ratio=0.1841940359172841,
            tokens={"prompt": 53652, "completion": 1444},
            busy_seconds={"prompt": 14.014349266524057, "completion": 262.6416749890076},
            preemptions=2,
            requests={"stop": 48, "length": 1, "abort": 1},
        ),
        pulse={"prompt": 53652, "completion": 1444, "iterations": 55096},
    ),
    "sglang-0.5.23": Reading(
        kind="sglang",
        engine=Engine(
            waiting=1,
            running=7,
            kv_used_ratio=0.12995385450597177,
            tokens={"prompt": 58263, "cached": 14471, "completion": 18439},
            preemptions=1,
            requests={"finished": 40, "abort": 1},
        ),
        pulse={"prompt": 58263, "cached": 14471, "completion": 18439, "scheduler": 140956},
    ),
}


@pytest.mark.parametrize("name", RECORDED, ids=RECORDED)
def test_recorded_page(name: str) -> None:
    """Each engine's own words give the same facts, and the read tokens are those that were not cached."""
    assert read_engine(samples_of(name)) == RECORDED[name]


@pytest.mark.parametrize("name", PAGES, ids=PAGES)
@pytest.mark.parametrize(
    "renamed",
    [
        pytest.param(lambda name: name.removesuffix("_total"), id="without the ending of counters"),
        pytest.param(lambda name: name.replace(":", "_", 1), id="with the colon escaped"),
        pytest.param(lambda name: name.replace(":", "_", 1).removesuffix("_total"), id="both"),
    ],
)
def test_renames(name: str, renamed: Callable[[str], str]) -> None:
    """A client library that writes names in another way changes nothing."""
    others = [TextSample(renamed(one.name), one.labels, one.value) for one in samples_of(name)]
    assert read_engine(others) == read_engine(samples_of(name))


@given(st.sampled_from(PAGES), st.randoms(use_true_random=False))
def test_order(name: str, chance: Random) -> None:
    """The order of the lines means nothing."""
    samples = list(samples_of(name))
    chance.shuffle(samples)
    assert read_engine(samples) == read_engine(samples_of(name))


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param(
            [made("vllm:num_requests_waiting", 2, engine="0"), made("vllm:num_requests_waiting", 3, engine="1")],
            Engine(waiting=5),
            id="the engines of one server add up",
        ),
        pytest.param(
            [made("vllm:kv_cache_usage_perc", 0.2, engine="0"), made("vllm:kv_cache_usage_perc", 0.9, engine="1")],
            Engine(kv_used_ratio=0.9),
            id="of several caches the fullest counts",
        ),
        pytest.param(
            [made("sglang:num_running_reqs", 4, tp_rank="0"), made("sglang:num_running_reqs", 4, tp_rank="1")],
            Engine(running=4),
            id="the ranks of one replica repeat its number",
        ),
        pytest.param(
            [made("sglang:num_running_reqs", 4, dp_rank="0"), made("sglang:num_running_reqs", 3, dp_rank="1")],
            Engine(running=7),
            id="replicas add up",
        ),
        pytest.param(
            [made("vllm:kv_cache_usage_perc", 0.3), made("vllm:gpu_cache_usage_perc", 0.4)],
            Engine(kv_used_ratio=0.3),
            id="of an old and a new name the new one counts",
        ),
        pytest.param([made("vllm:num_requests_waiting", float("nan"))], Engine(), id="no number is absent, not 0"),
        pytest.param([made("vllm:num_requests_waiting", -1)], Engine(), id="a number below 0 is absent"),
        pytest.param(
            [made("vllm:request_success_total", 1, finished_reason=f"r{number}") for number in range(50)],
            Engine(requests={"other": 50}),
            id="reasons come from a closed list",
        ),
        pytest.param([made("llamacpp:prompt_tokens_seconds", 9)], Engine(), id="a gauge that each reader resets"),
        pytest.param([made("tgi_queue_size", 9)], Engine(), id="an engine that is in no table"),
    ],
)
def test_made_page(samples: list[TextSample], expected: Engine) -> None:
    """Replicas add up, ranks do not; what is unknown is absent."""
    assert expected == read_engine(samples).engine


@pytest.mark.parametrize(
    ("awake", "expected"),
    [pytest.param(1.0, False, id="awake"), pytest.param(0.0, True, id="its weights are put away")],
)
def test_vllm_asleep(awake: float, expected: bool) -> None:  # noqa: FBT001  # a column of the table
    """A vLLM says itself that it sleeps."""
    states = [made("vllm:engine_sleep_state", awake, sleep_state="awake")]
    states += [made("vllm:engine_sleep_state", 1 - awake, sleep_state="weights_offloaded")]
    assert expected == read_engine(states).is_asleep
