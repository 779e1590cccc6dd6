"""What each fault of the table is made of; the names are the table's."""

from collections.abc import Mapping
from typing import Any, Final

from e2e.faults import cluster as k8s
from e2e.faults import plays
from e2e.faults.makers import (
    Make,
    astray,
    begun_as,
    both,
    busy,
    expired,
    instead,
    keyed,
    killed,
    played,
    stopped,
    told,
    unnamed,
    wedged,
)
from e2e.faults.scene import KEY, LANE_KEY, Plan, Scene
from e2e.faults.stub import Play
from e2e.path import Deployment
from e2e.processes import LOOPBACK
from exporter import catalogue as c
from exporter.errors import SourceError

_NOBODY: Final = f"http://{LOOPBACK}:9"
_HUGE: Final = ("-np", "1", "-c", "6000000", "--no-warmup", "-fit", "off")
_TINY: Final = ("-np", "1", "-c", "256")  # the least that it takes
_ONE_SLOT: Final = ("-np", "1", "-c", "8192")
_LATE: Final = 0.6
_PROMISED: Final = {"objectives": {"first_token_seconds": 0.4}}
_EVEN: Final = {"objectives": {"first_token_seconds": 1.5, "inter_token_seconds": 0.05}}
_GONE: Final = SourceError("refused", "nobody listens")


def _real(make: Make, model_name: str = "tiny-stop", **more: Any) -> Plan:  # noqa: ANN401  # fields of the plan
    return Plan(make=make, model=model_name, **more)


def _stub(play: Play, **more: Any) -> Plan:  # noqa: ANN401  # the same
    return Plan(make=played(play), **more)


def _instead(play: Play, **more: Any) -> Plan:  # noqa: ANN401  # the same
    return Plan(make=instead(play), **more)


def _below(*makes: Make) -> Plan:
    """Return a killed lane that its cluster explains."""
    return _real(both(*makes, killed), handed=k8s.all_well)


def _served(make: Make, **more: Any) -> Plan:  # noqa: ANN401  # the same
    """Return a lane that serves, whatever its cluster says."""
    return _real(make, handed=k8s.all_well, **more)


def _elsewhere(scene: Scene) -> Deployment:
    return scene.deployment(identity="another-lane")


def _nowhere(scene: Scene) -> Deployment:
    return scene.deployment(url=_NOBODY)


def _speech_of_llama(scene: Scene) -> Deployment:
    return scene.deployment()


PLANS: Final[Mapping[str, Plan]] = {
    "lane killed": _real(killed, shows=(c.BACKEND_STATE, "state", "down")),
    "lane stopped": _real(stopped, shows=(c.BACKEND_STATE, "state", "stopped")),
    "main loop wedged": _real(wedged, shows=(c.BACKEND_STATE, "state", "wedged")),
    "lane loading": _real(begun_as("tiny-chat", *_HUGE), "tiny-chat", is_alone=True),
    "lane gone behind a fallback": _real(killed, has_fallback=True),
    "context too short": _real(begun_as("tiny-agent", *_TINY), "tiny-agent", kind="tools"),
    "lane wants a key": _real(begun_as("tiny-stop", *_ONE_SLOT, "--api-key", "another")),
    "lane of another kind": _real(begun_as("tiny-stop", *_ONE_SLOT), "tiny-embed", kind="embeddings"),
    "no tool is called": _real(begun_as("tiny-stop", *_ONE_SLOT), "tiny-agent", kind="tools"),
    "speech not understood": _real(
        astray,
        kind="speech",
        is_transcribed=True,
        astray=_speech_of_llama,
    ),
    "lane fails": _stub(plays.ill(plays.echoing(500, LANE_KEY))),
    "retries hide it": _stub(plays.two_of_three()),
    "lane asked too often": _stub(plays.status(429, "busy", kind="rate_limit"), is_slow=True),
    "death in the stream": _stub(plays.dies_in_the_midst),
    "hangs up": _stub(plays.hangs_up),
    "stall in the stream": _stub(plays.goes_silent),
    "never begins": _stub(plays.never_begins),
    "slow first byte": _stub(plays.late(_LATE), alias=_PROMISED),
    "slow tokens": _stub(plays.dripping(0.2), alias=_EVEN),
    "empty answer": _stub(plays.says_nothing),
    "vector of zeros": _stub(plays.of_zeros, kind="embeddings"),
    "lane shows a page": _stub(plays.ill(plays.page(200, "<html>hello</html>"))),
    "lane cuts its JSON": _stub(plays.cut_json, kind="embeddings"),
    "gateway down": Plan(make=lambda scene: scene.front.shut()),
    "gateway killed": Plan(make=lambda scene: scene.true.kill(), is_alone=True),
    "gateway hung": Plan(make=lambda scene: scene.true.stop(), is_alone=True),
    "wrong key": _real(keyed(f"{KEY}-wrong")),
    "no key": _real(keyed("")),
    "unknown alias": _real(astray),
    "wrong api_base": _real(astray, astray=_nowhere),
    "wrong lane answers": _real(astray, astray=_elsewhere),
    "certificate expired": _real(expired, is_encrypted=True),
    "name not known": _real(unnamed),
    "gateway fails": _instead(plays.echoing(500, KEY)),
    "proxy without a gateway": _instead(plays.page(502, "<html>502 Bad Gateway</html>")),
    "login page": _instead(plays.page(200, f"<html>{KEY}</html>")),
    "redirect": _instead(plays.redirect),
    "gateway cuts its stream": _instead(plays.dies_in_the_midst),
    "gateway cuts its JSON": _instead(plays.cut_json, kind="embeddings"),
    "gateway hangs up": _instead(plays.hangs_up),
    "asked too often": _instead(plays.status(429, KEY, kind="throttling_error"), is_slow=True),
    "slot busy": _real(busy, "tiny-chat", shows=(c.BACKEND_STATE, "state", "busy")),
    "metrics page shut": _real(
        lambda scene: scene.metrics.shut(), has_metrics_door=True, shows=(c.BACKEND_SCRAPE, "state", "refused")
    ),
    "kubelet socket gone": _served(told(podresources=_GONE)),
    "API server gone": _served(told(kubernetes=_GONE, nodes=_GONE)),
    "lane killed, API server gone": _below(told(kubernetes=_GONE, nodes=_GONE)),
    "node not Ready": _below(told(nodes=lambda _: k8s.not_ready())),
    "driver gone": _below(told(nvml=SourceError("absent", "the driver is not loaded"))),
    "card lost": _below(told(nvml=lambda _: k8s.lost())),
    "Insufficient nvidia.com/gpu": _below(
        told(kubernetes=lambda lane: k8s.unscheduled(lane, "Unschedulable: Insufficient nvidia.com/gpu"))
    ),
    "UnexpectedAdmissionError": _below(
        told(
            kubernetes=lambda lane: k8s.workloads(
                k8s.pod(lane, phase="Failed", is_ready=False, reason="UnexpectedAdmissionError", containers=())
            )
        )
    ),
    "Insufficient cpu": _below(told(kubernetes=lambda lane: k8s.unscheduled(lane, "Unschedulable: Insufficient cpu"))),
    "OOMKilled": _below(told(kubernetes=k8s.killed_for_memory)),
    "CrashLoopBackOff": _below(
        told(kubernetes=lambda lane: k8s.workloads(k8s.pod(lane, is_ready=False, reason="CrashLoopBackOff")))
    ),
    "ImagePullBackOff": _below(
        told(
            kubernetes=lambda lane: k8s.workloads(
                k8s.pod(lane, phase="Pending", is_ready=False, reason="ImagePullBackOff")
            )
        )
    ),
    "parked": _below(told(kubernetes=k8s.parked)),
    "two lanes": _below(
        told(kubernetes=lambda lane: k8s.workloads(k8s.pod(lane, is_ready=False), k8s.pod("another-lane")))
    ),
    "throttled": Plan(
        make=both(told(nvml=lambda _: k8s.throttled()), played(plays.late(_LATE))),
        handed=k8s.all_well,
        alias=_PROMISED,
        shows=(c.ALIAS_FIRST_TOKEN_CAUSE, "cause", "throttling"),
    ),
}
