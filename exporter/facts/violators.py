"""Every reason for which a pool's invariant is broken, and who is to blame: one table, in the order of explanation.

How each way to fail shows; the state is in brackets where it follows:

    1  no lane is active                       none [none]
    2  two are active                          multiple [many]
    3  somebody else is on the card            intruder; split [split] where the kubelet gave it to another pod
    4  a roll-out waits for itself             surge_deadlock, pending_behind_active [switching, then many]
    5  Pending, Insufficient nvidia.com/gpu    insufficient_gpu, with device_unhealthy where allocatable shrank [none]
    6  UnexpectedAdmissionError                unexpected_admission [none]
    7  an admission that nobody knows yet      none [none], its reason in lane_pod_problems
    8  a pod that does not end                 terminating_stuck, pending_behind_active or none [none]
    9  memory without an owner                 unowned_vram
    10 quota, webhook, scheduling gate         quota_denied, admission_denied, gated [none]
    11 crash or OOM loop                       crash_loop
    12 loading                                 no reason: lane_ready_replicas 0 beside a steady pool
    14 the card is lost, or its node           device_unhealthy; node_lost [unknown, or split beside another]

A pod whose image cannot be pulled is image_pull [none]. Wedged servers (13), aliases that others serve (15) and swaps
inside one process (16) change nothing that the API server, the kubelet or the driver shows: probes must tell them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from exporter.cluster import Container, Controller, Pod
from exporter.facts import intruders
from exporter.facts.case import Case, Violator, pods
from exporter.facts.roll import active, lacks_gpu

Violations = Mapping[str, tuple[Violator, ...]]
"""Reason -> who; a reason that holds may have nobody to name."""

_Found = Iterable[Violator] | None  # None: the reason does not hold

# A kubelet kills what is left when a pod's time is up; a minute more is for its own work.
_STUCK_AFTER_SECONDS: Final = 60.0
_NAMED: Final = 10  # violators of one reason: what is wrong with hundreds is not found by their names
_IMAGE_REASONS: Final = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"}
)
_LOOPS_AFTER: Final = 3
# A controller tries again after at most about 17 minutes; what an older event told may long be mended.
_REFUSAL_SECONDS: Final = 1200.0


def judge(case: Case) -> dict[str, tuple[Violator, ...]]:
    """Return what is broken in a unit."""
    return _judge(case, OF_A_UNIT)


def judge_pool_wide(case: Case) -> dict[str, tuple[Violator, ...]]:
    """Return what is broken in a pool, in whichever unit."""
    return _judge(case, OF_A_POOL)


def _judge(case: Case, table: Mapping[str, Callable[[Case], _Found]]) -> dict[str, tuple[Violator, ...]]:
    found = {reason: tell(case) for reason, tell in table.items()}
    return {reason: tuple(sorted(set(who)))[:_NAMED] for reason, who in found.items() if who is not None}


def _none(case: Case) -> _Found:
    if case.may_run:
        return None
    return _wanting(case.roll.controllers) if case.pool.each == "pool" else ()  # which is meant for a unit, nobody says


def _multiple(case: Case) -> _Found:
    return pods(case.running) if len(case.running) > 1 else None


def _split(case: Case) -> _Found:
    if len(case.heard) == 1 and case.silent:
        return pods((*case.heard, *case.silent))
    return intruders.ghosts(case) or None


def _pending_behind_active(case: Case) -> _Found:
    return pods(case.pending) if case.running and case.pending else None


def _intruder(case: Case) -> _Found:
    return intruders.intruders(case) or None


def _unowned_vram(case: Case) -> _Found:
    return intruders.unowned(case) or None


def _surge_deadlock(case: Case) -> _Found:
    """Hold where a lane has more pods than it wants, and the surplus one waits for the card of the other."""
    present = active(case.roll.pods)
    running = {(pod.namespace, pod.lane) for pod in case.roll.pods if not pod.is_terminating and pod.phase == "Running"}
    waiting = {(pod.namespace, pod.lane) for pod in case.roll.pods if lacks_gpu(pod)}
    stuck = (
        one
        for one in case.roll.controllers
        if (one.namespace, one.name) in running & waiting
        and present[one.namespace, one.name] > one.desired_replicas > 0
    )
    return _some(_controller(one) for one in stuck)


def _unexpected_admission(case: Case) -> _Found:
    """Hold while nothing runs, for the corpse of a rejected pod stays for days."""
    rejected = [pod for pod in case.unit.pods if pod.phase == "Failed" and pod.reason == "UnexpectedAdmissionError"]
    return None if case.running else _some(pods(rejected))


def _insufficient_gpu(case: Case) -> _Found:
    is_taken = case.pool.each == "pool" and bool(case.running)  # then it waits behind the one that runs
    return None if is_taken else _some(pods(pod for pod in case.pending if lacks_gpu(pod)))


def _device_unhealthy(case: Case) -> _Found:
    return _some((*_lost_cards(case), *_shrunken_nodes(case)))


def _lost_cards(case: Case) -> Iterator[Violator]:
    for view in case.views():
        for device in view.devices or ():
            if device.uuid in case.unit.cards and device.unavailable:
                yield Violator("Card", "", device.uuid)


def _shrunken_nodes(case: Case) -> Iterator[Violator]:
    for home in case.unit.homes & case.sight.short_nodes:
        # of several cards another may be the unhealthy one, as long as one serves
        if case.sight.has_one_card(home) or not case.running:
            yield Violator("Node", "", home)


def _terminating_stuck(case: Case) -> _Found:
    return _some(pods(pod for pod in case.leaving if _is_overdue(case, pod)))


def _is_overdue(case: Case, pod: Pod) -> bool:
    if pod.delete_by is not None and case.now > pod.delete_by + _STUCK_AFTER_SECONDS:
        return True
    info = (case.sight.nodes or {}).get(pod.node)
    return info is not None and info.is_ready is not True


def _crash_loop(case: Case) -> _Found:
    return _some(pods(pod for pod in (*case.running, *case.pending) if _loops(pod)))


def _loops(pod: Pod) -> bool:
    if pod.reason == "CrashLoopBackOff":
        return True
    return not pod.is_ready and any(_is_looping(one) for one in pod.containers)


def _is_looping(container: Container) -> bool:
    """Whether a container waits for its next try, or is in one: between two waits it runs, and is no healthier."""
    if container.waiting == "CrashLoopBackOff":
        return True
    has_failed = container.last is not None and container.last.exit_code != 0
    return has_failed and not container.is_ready and container.restarts >= _LOOPS_AFTER


def _image_pull(case: Case) -> _Found:
    return _some(pods(pod for pod in (*case.running, *case.pending) if _lacks_image(pod)))


def _lacks_image(pod: Pod) -> bool:
    return bool({pod.reason, *(one.waiting for one in pod.containers)} & _IMAGE_REASONS)


def _quota_denied(case: Case) -> _Found:
    return _some(_controller(one) for one, message in _refused(case) if "quota" in message)


def _admission_denied(case: Case) -> _Found:
    return _some(_controller(one) for one, message in _refused(case) if "quota" not in message)


def _refused(case: Case) -> Iterator[tuple[Controller, str]]:
    """Yield the controllers that have fewer pods than they want and were refused one, with the reason."""
    present = active(case.roll.pods)
    for one in case.roll.controllers:
        if present[one.namespace, one.name] < one.desired_replicas:
            message = one.failure or _latest_refusal(case, one)
            if message:
                yield one, message.lower()


def _latest_refusal(case: Case, controller: Controller) -> str:
    """Return the last event of a refused pod: a StatefulSet has no condition that says so."""
    events = case.sight.events
    told = [
        (failure.at, failure.message)
        for failure in (events.create_failures if events else ())
        if failure.namespace == controller.namespace
        and (failure.kind, failure.name) == (controller.kind, controller.name)
        and case.now - failure.at < _REFUSAL_SECONDS
    ]
    return max(told)[1] if told else ""


def _gated(case: Case) -> _Found:
    return _some(pods(pod for pod in case.pending if pod.reason == "SchedulingGated"))


def _node_lost(case: Case) -> _Found:
    return _some(pods(case.silent))


def _wanting(controllers: Iterable[Controller]) -> Iterable[Violator]:
    return tuple(_controller(one) for one in controllers if one.desired_replicas > 0)


def _controller(one: Controller) -> Violator:
    return Violator(one.kind, one.namespace, one.name)


def _some(found: Iterable[Violator]) -> _Found:
    return tuple(found) or None


OF_A_UNIT: Final[Mapping[str, Callable[[Case], _Found]]] = {
    "none": _none,
    "multiple": _multiple,
    "split": _split,
    "pending_behind_active": _pending_behind_active,
    "intruder": _intruder,
    "unowned_vram": _unowned_vram,
    "unexpected_admission": _unexpected_admission,
    "device_unhealthy": _device_unhealthy,
    "terminating_stuck": _terminating_stuck,
    "crash_loop": _crash_loop,
    "image_pull": _image_pull,
    "node_lost": _node_lost,
}
# What no node or card can be named for: a pod that has none yet, or was never made.
OF_A_POOL: Final[Mapping[str, Callable[[Case], _Found]]] = {
    "surge_deadlock": _surge_deadlock,
    "insufficient_gpu": _insufficient_gpu,
    "quota_denied": _quota_denied,
    "admission_denied": _admission_denied,
    "gated": _gated,
}
VIOLATIONS: Final = (
    "none",
    "multiple",
    "split",
    "pending_behind_active",
    "intruder",
    "unowned_vram",
    "surge_deadlock",
    "unexpected_admission",
    "insufficient_gpu",
    "device_unhealthy",
    "terminating_stuck",
    "crash_loop",
    "image_pull",
    "quota_denied",
    "admission_denied",
    "gated",
    "node_lost",
)
