"""Node, driver and card: the layers that no pod can mend."""

from collections.abc import Iterator
from typing import Final

from exporter.cluster import NodeInfo
from exporter.facts import xid
from exporter.facts.pci_address import normalise
from exporter.gpu_resource import is_gpu_resource
from exporter.poll import NOT_READ_YET
from exporter.snapshot import Device, NodeView
from probes.layer.case import NODE_LOST, Case, Ground, blind
from probes.layers import Finding, broken, unknown, well

RECENT_SECONDS: Final = 600.0  # an Xid explains what follows it for so long
_SILENT: Final = frozenset({"down", "stopped"})
_UNREACHED: Final = frozenset({"connect", "dns", "timeout_first"})
_LOST: Final = frozenset({"lost", "missing"})
_NEEDS_RESET: Final = frozenset({"reset_gpu", "reboot_node", "drain_and_reset", "reset_bus", "reboot_system"})
_NOT_ANSWERED: Final = {"hung": "are not answered", "failed": "fail"}


def judge_node(case: Case, ground: Ground) -> Finding:
    """Judge the nodes of the lane's pods; cordoned is no fault, for what runs there goes on."""
    lost = [pod for pod in ground.pods if pod.reason.startswith(NODE_LOST)]
    if lost and not ground.running:
        return broken(*(f"pod {pod.namespace}/{pod.name}: its node is gone ({pod.reason})" for pod in lost))
    if not ground.infos:
        return blind(case, "nodes")
    faults = [_node_fault(info, case, ground) for info in ground.infos]
    if all(faults):
        return broken(*faults)
    if any(info.is_ready is None for info in ground.infos):
        return unknown(*(f"the kubelet of node {info.name} is not heard" for info in _unheard(ground)))
    return well(*(f"node {info.name} is Ready{_cordoned(info)}" for info in ground.infos))


def judge_driver(case: Case, ground: Ground) -> Finding:
    """Judge the drivers of those nodes: bad where it gives no card at all while we who ask are there."""
    if not ground.views:
        return _silent_agents(case, ground) or blind(case, "agents", "nvml")
    findings = [_driver(case, ground, view) for view in ground.views]
    return min(findings, key=lambda finding: ("bad", "unknown", "ok").index(finding.state))


def judge_device(case: Case, ground: Ground) -> Finding:
    """Judge the cards that the lane was given; a throttled card is slow, not broken."""
    if not ground.cards:
        listed = sum(len(view.devices or ()) for view in ground.views)
        return unknown(f"which of {listed} cards the lane has is not known") if listed else blind(case, "agents")
    faults = [fault for card in ground.cards for fault in _card_faults(case, card)]
    if faults:
        return broken(*faults)
    silent = [card for card in ground.cards if card.unavailable]
    if silent:
        return unknown(*(f"card {card.index} cannot be read ({card.unavailable})" for card in silent))
    return well(*(f"card {card.index} answers" for card in ground.cards))


def _silent_agents(case: Case, ground: Ground) -> Finding | None:
    agents = case.snapshot.agents
    silent = [node for node in ground.nodes if agents is not None and node in agents.silent]
    return unknown(*(f"the agent of node {node} does not answer" for node in silent)) if silent else None


def _node_fault(info: NodeInfo, case: Case, ground: Ground) -> str:
    """Return what is wrong with a node; a kubelet that is not heard proves it only if nothing else is heard either."""
    if info.is_ready is False:
        return f"node {info.name} is not Ready"
    if info.is_ready is None and _is_quiet(info.name, case, ground):
        return f"node {info.name}: its kubelet is not heard, nor does anything else there answer"
    return ""


def _is_quiet(node: str, case: Case, ground: Ground) -> bool:
    if case.is_served or case.is_answered_directly:
        return False
    is_agent_silent = case.snapshot.agents is not None and node in case.snapshot.agents.silent
    is_server_silent = ground.backend is not None and ground.backend.state in _SILENT
    is_unreached = case.witness is not None and case.witness.outcome in _UNREACHED
    return is_agent_silent or is_server_silent or is_unreached


def _unheard(ground: Ground) -> Iterator[NodeInfo]:
    return (info for info in ground.infos if info.is_ready is None)


def _cordoned(info: NodeInfo) -> str:
    return ", cordoned" if info.is_unschedulable else ""


def _driver(case: Case, ground: Ground, view: NodeView) -> Finding:
    devices = [device for device in view.devices or () if device.unavailable not in _LOST]
    if any(device.unavailable is None for device in devices):
        return well(f"the driver of node {view.node} answers")
    if devices:
        return broken(*(_calls(device) for device in devices))
    if view.sources.get("nvml") is False:
        return _silent_driver(case, ground, view)
    return well() if view.devices else unknown(f"node {view.node} tells of no card")


def _calls(device: Device) -> str:
    return f"card {device.index}: the driver's calls {_NOT_ANSWERED.get(device.unavailable or '', 'fail')}"


def _silent_driver(case: Case, ground: Ground, view: NodeView) -> Finding:
    """Judge a driver that gives nothing; one that never did beside cards that are offered is its asker's blindness."""
    state = case.snapshot.sources.get("nvml") if view.node == case.snapshot.node else None
    said = f": {state.message}" if state and state.message else ""
    if state and state.message == NOT_READ_YET:
        return unknown(f"the driver of node {view.node} has not been read yet")
    if "nvml" in view.never_read and _may_offer_cards(case, view, ground):
        return unknown(f"the driver of node {view.node} was never seen by its own exporter{said}")
    return broken(f"the driver of node {view.node} gives no card{said}")


def _may_offer_cards(case: Case, view: NodeView, ground: Ground) -> bool:
    """Whether the kubelet offers cards there, or of another node, may: an agent does not tell why it read nothing."""
    offered = [info.allocatable for info in ground.infos if info.name == view.node]
    if not offered:
        return view.node != case.snapshot.node
    return any(amount > 0 for one in offered for name, amount in one.items() if is_gpu_resource(name))


def _card_faults(case: Case, card: Device) -> Iterator[str]:
    if card.unavailable in _LOST:
        yield f"card {card.index} is {card.unavailable}"
    if card.recovery_action in _NEEDS_RESET:
        yield f"card {card.index}: its driver asks for {card.recovery_action}"
    for code in sorted(_recent_xids(case, card)):
        facts = xid.explain(code)
        if facts.xid_class == "hardware" and facts.action != "none":
            yield f"card {card.index}: Xid {code}, {facts.meaning}"


def _recent_xids(case: Case, card: Device) -> set[int]:
    since = case.now - RECENT_SECONDS
    told = {one.code for one in card.xids or () if one.last_at >= since}
    log, address = case.snapshot.kernel_log, normalise(card.pci_bus_id)
    lines = log.xids if log and any(card.uuid == own.uuid for own in _own_cards(case)) else ()
    return told | {one.code for one in lines if one.at >= since and address and normalise(one.pci_bus_id) == address}


def _own_cards(case: Case) -> tuple[Device, ...]:
    return case.snapshot.gpus.devices if case.snapshot.gpus else ()
