"""Who is asked, and where: agents of nodes, and nobody else."""

from dataclasses import replace
from typing import Final

import pytest

from exporter.cluster import DaemonPod, Pod, Workloads
from exporter.config_agents import AgentsOf
from exporter.config_cluster import Pool
from exporter.sources.agent_targets import agent_urls, host_part, hosts_of, targets

_SETTINGS: Final = AgentsOf()
_POOL: Final = Pool(name="llm", labels={"gpu-llm": "true"})
_POD: Final = Pod(
    namespace="vllm", name="p", uid="u", lane="fast", phase="Running", node="a", labels={"gpu-llm": "true"}
)


def agent(node: str = "a", address: str = "10.42.1.7", **parts: object) -> DaemonPod:
    pod = DaemonPod(
        namespace="lanewatch",
        name=f"agent-{address}",
        daemon="lanewatch",
        node=node,
        is_ready=True,
        address=address,
        labels={**_SETTINGS.labels, "pod-template-generation": "3"},
    )
    return replace(pod, **parts)  # type: ignore[arg-type]  # of one field each


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param("10.42.1.7", "10.42.1.7", id="IPv4"),
        pytest.param("2001:DB8::0:7", "[2001:db8::7]", id="IPv6 in brackets"),
        pytest.param("fd00::7", "[fd00::7]", id="an IPv6 of the cluster"),
        pytest.param("", "", id="no address yet"),
        pytest.param("example.com", "", id="a name"),
        pytest.param("10.42.1.7:80/x?", "", id="more than an address"),
        pytest.param("10.42.1.7@10.0.0.1", "", id="another host behind it"),
        pytest.param("127.0.0.1", "", id="the watcher itself"),
        pytest.param("::1", "", id="the watcher itself by IPv6"),
        pytest.param("::ffff:127.0.0.1", "", id="the watcher itself in disguise"),
        pytest.param("169.254.169.254", "", id="the cloud's metadata"),
        pytest.param("fe80::1%eth0", "", id="a neighbour on the link"),
        pytest.param("0.0.0.0", "", id="anybody"),
        pytest.param("224.0.0.1", "", id="everybody"),
    ],
)
def test_only_the_address_of_a_pod_elsewhere_is_an_address(address: str, expected: str) -> None:
    assert host_part(address) == expected


@pytest.mark.parametrize(
    ("settings", "pods", "expected"),
    [
        pytest.param(_SETTINGS, [agent()], {"a": "http://10.42.1.7:19840/metrics"}, id="by its labels"),
        pytest.param(_SETTINGS, [agent(address="fd00::7")], {"a": "http://[fd00::7]:19840/metrics"}, id="by IPv6"),
        pytest.param(
            AgentsOf(scheme="https"), [agent()], {"a": "https://10.42.1.7:19840/metrics"}, id="over TLS, as it is said"
        ),
        pytest.param(_SETTINGS, [agent(labels={"app": "dcgm-exporter"})], {}, id="another daemon"),
        pytest.param(_SETTINGS, [agent(node="")], {}, id="on no node"),
        pytest.param(AgentsOf(namespace="monitoring"), [agent()], {}, id="in another namespace"),
        pytest.param(
            AgentsOf(urls={"a": "https://a.example.com/metrics", "b": "http://b:9/m"}),
            [agent()],
            {"a": "https://a.example.com/metrics", "b": "http://b:9/m"},
            id="as the configuration says",
        ),
        pytest.param(
            _SETTINGS,
            [agent(), agent(address="10.42.1.6", is_ready=False), agent(address="10.42.1.9", is_ready=False)],
            {"a": "http://10.42.1.7:19840/metrics"},
            id="the ready one of several",
        ),
    ],
)
def test_agents_are_found_by_their_pods(settings: AgentsOf, pods: list[DaemonPod], expected: dict[str, str]) -> None:
    assert agent_urls(settings, pods) == expected


def test_a_node_hosts_a_lane_while_a_pod_of_a_pool_is_there() -> None:
    pods = (_POD, replace(_POD, node="b", phase="Failed"), replace(_POD, node="c", labels={}), replace(_POD, node=""))
    assert hosts_of([_POOL], Workloads(pods=pods)) == {"a"}


_URLS: Final = {"a": "http://1", "b": "http://2"}


@pytest.mark.parametrize(
    ("settings", "own", "expected"),
    [
        pytest.param(
            _SETTINGS, "", {"a": "http://1", "c": ""}, id="of the nodes that host a lane, also without an agent"
        ),
        pytest.param(_SETTINGS, "a", {"c": ""}, id="never this node's own"),
        pytest.param(AgentsOf(read="all"), "", _URLS, id="of every node"),
        pytest.param(
            AgentsOf(urls={"d": "http://4"}),
            "",
            {"a": "http://1", "c": "", "d": "http://4"},
            id="and those of the file",
        ),
    ],
)
def test_who_is_asked(settings: AgentsOf, own: str, expected: dict[str, str]) -> None:
    assert targets(settings, _URLS, {"a", "c"}, own) == expected
