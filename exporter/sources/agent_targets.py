"""Which agents of other nodes are asked, and where: by the labels of their pods, or as the configuration says.

Pure. Refuses every address that is not one of a pod elsewhere: what a pod tells of itself must not lead the watcher
to its own host, to services of the link, or to a name that somebody else resolves.
"""

import ipaddress
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from exporter.cluster import DaemonPod, Workloads
from exporter.config_agents import AgentsOf
from exporter.config_cluster import Pool
from exporter.facts.membership import pods_of

_FINISHED: Final = frozenset({"Succeeded", "Failed"})


def hosts_of(pools: Iterable[Pool], workloads: Workloads) -> frozenset[str]:
    """Return the nodes that host a lane now."""
    pods = (pod for pool in pools for pod in pods_of(pool, workloads))
    return frozenset(pod.node for pod in pods if pod.node and pod.phase not in _FINISHED)


def agent_urls(settings: AgentsOf, daemon_pods: Sequence[DaemonPod]) -> dict[str, str]:
    """Return the address of each node's agent; what the configuration says wins over what is found."""
    found = {
        pod.node: f"{settings.scheme}://{host}:{settings.port}/metrics"
        for pod in sorted(daemon_pods, key=lambda pod: (pod.is_ready, pod.name))  # the ready one speaks, of two
        if pod.node and _is_agent(settings, pod) and (host := host_part(pod.address))
    }
    return found | settings.urls


def targets(settings: AgentsOf, urls: Mapping[str, str], hosts: Collection[str], own: str) -> dict[str, str]:
    """Return whom to ask; a node that hosts a lane and has no agent that is known stands there without an address."""
    wanted = dict(urls) if settings.read == "all" else {node: urls.get(node, "") for node in hosts}
    wanted |= settings.urls
    return {node: url for node, url in wanted.items() if node != own}


def host_part(address: str) -> str:
    """Return a pod's address as it stands in a URL; empty for what no pod elsewhere can have."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified or "%" in address:
        return ""
    if isinstance(ip, ipaddress.IPv6Address):
        return "" if ip.ipv4_mapped else f"[{ip.compressed}]"
    return str(ip)


def _is_agent(settings: AgentsOf, pod: DaemonPod) -> bool:
    return settings.labels.items() <= pod.labels.items() and settings.namespace in {"", pod.namespace}
