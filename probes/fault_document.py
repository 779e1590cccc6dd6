"""docs/faults.md out of the table of faults."""

from typing import Final

from probes.fault_matrix import FAULTS, Fault

PATH: Final = "docs/faults.md"
_HEAD: Final = """# Which fault is named how

Generated from `probes/fault_matrix.py` by `make generate`; edit there. `make verify` makes each of these faults three
times, around a true LiteLLM and true llama-server lanes with tiny models: the cause must be named within two intervals
of the probe, and must be gone after the fault is. `none` among the causes means that nothing may be named: users are
served.

Part. **real**: done to the true gateway, lane or watcher. **stub**: a server plays the ill part, behind the true
gateway or in its place. **handed in**: no scheduler and no card is there, so the records of pods, nodes and cards are
handed in as their sources give them; gateway, lane and probes are true.

| fault | cause | what one sees | how it is made | part |
| --- | --- | --- | --- | --- |
"""


def render() -> dict[str, str]:
    """Return the document by its path."""
    return {PATH: _HEAD + "".join(map(_row, FAULTS))}


def _row(fault: Fault) -> str:
    at_first = "".join(f", at times `{cause}` first" for cause in fault.at_first)
    return f"| {fault.name} | `{fault.cause}`{at_first} | {fault.seen} | {fault.made} | {fault.part} |\n"
