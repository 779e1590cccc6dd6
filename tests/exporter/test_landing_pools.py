"""What the page for people says of pools."""

import re

from exporter.collectors.lanes import LaneCollector
from exporter.config_cluster import Pool
from exporter.exposition import Exposition
from exporter.landing import Identity, render
from exporter.snapshot import Snapshot
from fakes.pool_world import LABELS, NODES, NOW, POOL, node, pod, seen, world


def shown(snapshot: Snapshot, pool: Pool = POOL) -> list[list[str]]:
    """Return the cells of the table of pools."""
    page = Exposition({"lanes": LaneCollector([pool]).collect}).prepare(snapshot, NOW)
    html = render(page, Identity("1", "cluster"), NOW)
    table = html.partition("Is exactly one lane active?")[2].partition("</section>")[0]
    return [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", table) if "<td>" in row]


def test_a_steady_pool() -> None:
    """One row: good, nothing broken, the lane that runs."""
    assert shown(seen(world(pod("fast"), fast=1))) == [
        ["gpu-llm", "<span class=good>steady</span>", "&ndash;", "fast 1 running"]
    ]


def test_a_broken_pool_names_who_is_to_blame() -> None:
    """`none` is good for the cause of an alias, and an outage for a pool; names from outside are escaped."""
    assert shown(seen(world(pod("<b>", "Pending", reason="SchedulingGated"), fast=1))) == [
        [
            "gpu-llm",
            "<span class=bad>none</span>",
            "none <small>fast</small><br>gated <small>&lt;b&gt;-pending</small>",
            "&lt;b&gt; 1 pending",
        ]
    ]


def test_of_many_units_the_broken_ones_come_first() -> None:
    """Nobody reads a thousand rows."""
    nodes = [node(f"n{number:03}") for number in range(150)]
    pods = [pod("fast", name=f"fast-{number}", node=f"n{number:03}") for number in range(149)]
    rows = shown(seen(world(*pods), nodes=nodes), NODES)
    assert len(rows) == 100
    assert rows[0][:3] == ["gpu-llm <small>n149</small>", "<span class=bad>none</span>", "none"]
    assert rows[1][0] == "gpu-llm <small>n000</small>"


def test_a_pool_that_is_blind() -> None:
    """Unknown is neither good nor bad."""
    assert shown(seen(None), Pool(name="p", labels=LABELS))[0][:2] == ["p", "<span class=quiet>unknown</span>"]
