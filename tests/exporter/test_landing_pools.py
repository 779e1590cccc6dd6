"""What the page for people says of pools."""

import re

from exporter.collectors.lanes import LaneCollector
from exporter.config_cluster import Pool
from exporter.exposition import Exposition
from exporter.snapshot import Snapshot
from fakes.pool_world import LABELS, NODES, NOW, POOL, node, pod, seen, world
from fakes.shown import shown as page_shown


def shown(snapshot: Snapshot, pool: Pool = POOL) -> list[list[str]]:
    """Return the cells of the table of pools."""
    page = Exposition({"lanes": LaneCollector([pool]).collect}).prepare(snapshot, NOW)
    html = page_shown(page, NOW)
    table = html.partition("Is exactly one lane active?")[2].partition("</section>")[0]
    return [re.findall(r"<t[hd] [^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)][1:]


def test_a_steady_pool() -> None:
    """One row: good, nothing broken, the lane that runs."""
    assert shown(seen(world(pod("fast"), fast=1))) == [
        ["gpu-llm", "<span class=good><i aria-hidden=true>●</i>steady</span>", "0 s", "&ndash;", "fast 1 running"]
    ]


def test_a_broken_pool_names_who_is_to_blame() -> None:
    """`none` is good for the cause of an alias, and an outage for a pool; names from outside are escaped."""
    assert shown(seen(world(pod("<b>", "Pending", reason="SchedulingGated"), fast=1))) == [
        [
            "gpu-llm",
            "<span class=bad><i aria-hidden=true>✖</i>none</span>",
            "0 s",
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
    assert rows[0][:2] == ["gpu-llm <small>n149</small>", "<span class=bad><i aria-hidden=true>✖</i>none</span>"]
    assert rows[0][3] == "none"
    assert rows[1][0] == "gpu-llm <small>n000</small>"


def test_a_pool_that_is_blind() -> None:
    """Unknown is neither good nor bad."""
    assert shown(seen(None), Pool(name="p", labels=LABELS))[0][:2] == [
        "p",
        "<span class=quiet><i aria-hidden=true>▲</i>unknown</span>",
    ]
