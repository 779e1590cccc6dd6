"""What exactly one may run on: the whole pool, each of its nodes, or each card; and who is on it.

A pod that waits without a node, or without a card, is of no unit but of the pool: it could go to any of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from exporter.cluster import Pod
from exporter.config_cluster import Pool
from exporter.facts.roll import Roll, is_on
from exporter.facts.sight import PodKey, Sight

Homes = Mapping[str, frozenset[str]]
"""Unit -> the nodes that it was on when it was seen last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One place for one GPU LLM; `name` is empty for the whole pool, else a node or the UUID of a card."""

    name: str = ""
    pods: tuple[Pod, ...] = ()  # of the pool
    homes: frozenset[str] = frozenset()  # nodes that it is on
    cards: frozenset[str] = frozenset()  # that are known to be its own
    is_known: bool = True  # whether what it must be judged by is there


def units_of(pool: Pool, roll: Roll | None, sight: Sight, before: Homes) -> tuple[Unit, ...]:
    """Return the units of `pool`, sorted; where it cannot be told which there are, those of `before`, unknown."""
    if roll is None:
        return tuple(Unit(name=name, homes=before[name], is_known=False) for name in sorted(before)) or (
            Unit(is_known=False),
        )
    if pool.each == "pool":
        return (_whole(pool, roll, sight, before.get("", frozenset())),)
    found = _nodes(pool, roll, sight, before) if pool.each == "node" else _cards(pool, roll, sight, before)
    return tuple(sorted(found, key=lambda unit: unit.name))


def _whole(pool: Pool, roll: Roll, sight: Sight, before: frozenset[str]) -> Unit:
    homes = frozenset(pod.node for pod in roll.pods if pod.node) or before
    if not homes:  # it never ran since the watcher began: where it could, if that is no guess
        chosen = _chosen(pool, sight)
        homes = chosen if pool.nodes or len(chosen) == 1 else frozenset()
    return Unit(pods=roll.pods, homes=homes, cards=_own_cards(roll.pods, homes, sight))


def _nodes(pool: Pool, roll: Roll, sight: Sight, before: Homes) -> Iterator[Unit]:
    by_node: defaultdict[str, list[Pod]] = defaultdict(list)
    for pod in roll.pods:
        by_node[pod.node].append(pod)
    by_node.pop("", None)
    for node in {*by_node, *_chosen(pool, sight), *_remembered(pool, before, sight)}:
        pods, homes = tuple(by_node.get(node, ())), frozenset({node})
        # without the list of nodes nobody can tell whether a node that has no pod should have one
        is_known = bool(pods) or sight.nodes is not None
        yield Unit(name=node, pods=pods, homes=homes, cards=_own_cards(pods, homes, sight), is_known=is_known)


def _cards(pool: Pool, roll: Roll, sight: Sight, before: Homes) -> Iterator[Unit]:
    """Yield each card, and for a node whose cards nobody tells those that it had, or itself, unknown."""
    pods = {(pod.namespace, pod.name): pod for pod in roll.pods}
    hosts = {pod.node for pod in roll.pods if pod.node and pod.phase == "Running"}
    failed: defaultdict[str, list[Pod]] = defaultdict(list)  # what a node rejected was given no card: it is told of all
    for pod in roll.pods:
        if pod.phase == "Failed":
            failed[pod.node].append(pod)
    seen = {node for node in sight.cards if is_on(pool, node, sight.nodes)}
    remembered: defaultdict[str, set[str]] = defaultdict(set)
    for name in _remembered(pool, before, sight):
        remembered[next(iter(before[name]))].add(name)
    for node in seen:
        for uuid in sight.cards[node]:
            card = _card(uuid, node, pods, sight)
            yield replace(card, pods=(*card.pods, *failed[node]))
    for node in {*hosts, *remembered} - seen:
        for name in (remembered[node] - {node}) or {node}:
            yield Unit(name=name, homes=frozenset({node}), is_known=False)


def _card(uuid: str, node: str, pods: Mapping[PodKey, Pod], sight: Sight) -> Unit:
    given = sight.given.get(uuid)
    return Unit(
        name=uuid,
        pods=tuple(pods[key] for key in sorted(given or ()) if key in pods),
        homes=frozenset({node}),
        cards=frozenset({uuid}),
        is_known=given is not None,
    )


def _chosen(pool: Pool, sight: Sight) -> frozenset[str]:
    """Return the nodes with GPUs that the pool may be on."""
    return frozenset(name for name in sight.gpu_nodes if is_on(pool, name, sight.nodes))


def _remembered(pool: Pool, before: Homes, sight: Sight) -> set[str]:
    """Return the units seen before whose node may still be there, and the pool's."""
    return {name for name, homes in before.items() if name and homes and _may_be_on(pool, homes, sight)}


def _may_be_on(pool: Pool, homes: frozenset[str], sight: Sight) -> bool:
    nodes = sight.nodes
    return nodes is None or all(home in nodes and is_on(pool, home, nodes) for home in homes)


def _own_cards(pods: Iterable[Pod], homes: frozenset[str], sight: Sight) -> frozenset[str]:
    """Return the cards that pods of the unit hold, and the only card of a node."""
    keys = {(pod.namespace, pod.name) for pod in pods}
    there = tuple(chain.from_iterable(sight.cards.get(node, ()) for node in homes))
    held = {uuid for uuid in there if keys & sight.given.get(uuid, frozenset())}
    only = {sight.cards[node][0] for node in homes if len(sight.cards.get(node, ())) == 1}
    return frozenset(held | only)
