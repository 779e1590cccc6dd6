"""Who is on a pool's card without being of the pool, whose memory nobody owns, and where two sources differ.

A pod is the pool's neighbour, not an intruder, while it holds another card of the same node.
"""

from collections.abc import Iterator
from typing import Final

from exporter.cluster import Pod
from exporter.facts.case import Case, Violator, pods
from exporter.facts.ownership import IDLE_BYTES, SERVANTS, is_monitor
from exporter.facts.sight import GIVEN_BY, PodKey, gpus
from exporter.snapshot import Owner

_OF_NOBODY: Final = ("dead", "unattributed", "unresolved")


def intruders(case: Case) -> tuple[Violator, ...]:
    """Return pods outside the pool that hold or ask for its card, and processes of the host that are on it."""
    asking = pods(pod for pod in _asking(case) if not _only_looks(case, pod))
    named = {(one.namespace, one.name) for one in asking}
    holding = (
        Violator("Pod", owner.namespace, owner.pod)
        for view in case.views()
        for owner in view.owners or ()
        if owner.gpu_uuid in case.unit.cards and _is_foreign(case, owner) and (owner.namespace, owner.pod) not in named
    )
    return (*asking, *holding, *_host_processes(case))


def unowned(case: Case) -> tuple[Violator, ...]:
    """Return the unit's cards whose memory is held although they were given to no pod and no pod's process is there."""
    return tuple(
        Violator("Card", "", uuid)
        for view in case.views()
        for uuid, parts in sorted(view.memory_parts.items())
        if uuid in case.unit.cards
        and case.sight.given.get(uuid) == frozenset()
        and all(owner.gpu_uuid != uuid for owner in view.owners or ())
        and sum(parts.get(part, 0) for part in _OF_NOBODY) > IDLE_BYTES
    )


def ghosts(case: Case) -> tuple[Violator, ...]:
    """Return who the kubelets say holds the card, where it is not the one pod that runs by the API server."""
    if len(case.running) != 1:
        return ()
    runner = case.running[0]
    key = (runner.namespace, runner.name)
    uuids = case.unit.cards if case.pool.each == "device" else case.sight.cards.get(runner.node, ())
    held = [case.sight.given.get(uuid, frozenset()) for uuid in uuids]
    if case.pool.each != "device" and (not gpus(runner.requests) or any(key in keys for keys in held)):
        return ()
    strangers = [{one for one in keys - {key} if _is_stranger(case, one)} for keys in held]
    if not strangers or not all(strangers):  # on a card that is free the runner's row may be on its way
        return ()
    return tuple(Violator("Pod", *one) for one in sorted(set().union(*strangers)))


def _is_stranger(case: Case, key: PodKey) -> bool:
    """Whether it is no pod of the pool; on a card of its own, that others may share, one that is nowhere known."""
    if case.pool.each == "device":
        return case.roll.known is not None and key not in case.roll.known and key not in case.roll.keys
    return key not in case.roll.keys


def _asking(case: Case) -> Iterator[Pod]:
    """Yield the pods that ask for a GPU where there is one card only, and that is the pool's."""
    sight, others = case.sight, case.roll.others
    for home in sorted(case.unit.homes & others.keys()):
        if sight.has_one_card(home):
            yield from others[home]
    if "" in others and _is_the_only_card(case):
        yield from others[""]  # they have no node yet, and no other card could be meant


def _only_looks(case: Case, pod: Pod) -> bool:
    return is_monitor(case.sight.monitors, pod.namespace, pod.name)


def _is_the_only_card(case: Case) -> bool:
    nodes = case.sight.gpu_nodes
    return bool(nodes) and nodes <= case.unit.homes and all(case.sight.has_one_card(node) for node in nodes)


def _is_foreign(case: Case, owner: Owner) -> bool:
    key = (owner.namespace, owner.pod)
    if key in case.roll.keys or key == case.runner_before or _is_unnamed_member(case, owner):
        return False
    # a pod that is gone from the API server is a row that is not yet withdrawn, or else `split` tells of it
    is_gone = owner.source in GIVEN_BY and case.roll.known is not None and key not in case.roll.known
    return not is_gone


def _is_unnamed_member(case: Case, owner: Owner) -> bool:
    """Whether the owner is a pod of the pool that its node knows by the beginning of its UID only."""
    start = owner.pod.removeprefix("uid:")
    return start != owner.pod and any(pod.uid.startswith(start) for pod in case.unit.pods)


def _host_processes(case: Case) -> Iterator[Violator]:
    for view in case.views():
        for holder in view.holders or ():
            is_large = holder.memory_bytes > IDLE_BYTES and holder.process not in SERVANTS
            if is_large and holder.part == "host" and holder.gpu_uuid in case.unit.cards:
                yield Violator("Process", "", holder.process)
