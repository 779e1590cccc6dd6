"""What is said of a question outside its body."""

import dataclasses

import pytest

from fakes.gateway import question_to
from probes.headers import headers_of


@pytest.mark.parametrize(("timeout", "limit"), [(30.0, "29.000"), (2.0, "1.600"), (0.1, "0.080")])
def test_gateway_gives_up_first(timeout: float, limit: str) -> None:
    """The gateway is asked to give up just before the probe does: it can say why."""
    headers = headers_of(question_to("http://g", timeout=timeout), accept="a/b", content_type="c/d")
    assert (limit, limit) == (headers["x-litellm-timeout"], headers["x-litellm-stream-timeout"])


def test_each_question_has_its_own_name() -> None:
    """A probe can be found in the gateway's logs."""
    names = {headers_of(question_to("http://g"), accept="", content_type="")["x-litellm-call-id"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("lanewatch-") for name in names)


def test_lane_without_a_key() -> None:
    """A lane that asks for no key is shown none, and a request without a body has no type."""
    question = dataclasses.replace(question_to("http://l", key=""), target="direct")
    headers = headers_of(question, accept="a/b", content_type="")
    assert set(headers) == {"accept", "accept-encoding", "connection", "user-agent"}
