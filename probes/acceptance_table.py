"""A measurement as a table for a person. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from probes.acceptance import Record, Result
from probes.acceptance_compare import Difference
from probes.paint import COLOURS, Paint

_COLUMNS: Final = {
    "prompt_tokens": ("prompt", "{:.0f}"),
    "completion_tokens": ("answer", "{:.0f}"),
    "first_token_seconds": ("first token s", "{:.3f}"),
    "prefill_tokens_per_second": ("prefill tok/s", "{:.1f}"),
    "decode_tokens_per_second": ("decode tok/s", "{:.1f}"),
}


def as_text(record: Record, differences: Sequence[Difference], paint: Paint) -> str:
    """Return the numbers, and what became of those that were kept."""
    return "\n".join((*_numbers(record), *_comparison(differences, paint)))


def _numbers(record: Record) -> Iterator[str]:
    model = f", model {record.model}" if record.model else ""
    yield f"lane {record.lane} of alias {record.alias}{model}, {record.measured_at}"
    yield ""
    yield f"  {'step':<15}{'way':<9}" + "".join(f"{head:>15}" for head, _ in _COLUMNS.values())
    yield from (_row(one) for one in record.results)
    if record.pcie:
        yield f"  PCIe link under load: generation {record.pcie['generation']:.0f}, width {record.pcie['width']:.0f}"


def _row(one: Result) -> str:
    begin = f"  {one.step:<15}{one.target:<9}"
    if not one.is_measured:
        return f"{begin}  {one.outcome}: {one.reason}"
    return begin + "".join(
        f"{form.format(one.numbers[name]) if name in one.numbers else '-':>15}" for name, (_, form) in _COLUMNS.items()
    )


def _comparison(differences: Sequence[Difference], paint: Paint) -> Iterator[str]:
    if differences:
        yield ""
    for one in differences:
        what = f"{one.step} {one.number}".strip()
        numbers = f"{_shown(one.now)}, kept {_shown(one.kept)}" if one.kept is not None else ""
        change = f" ({one.change:+.1%})" if one.change is not None else ""
        said = "; ".join(part for part in (f"{numbers}{change}", one.why) if part)
        yield f"  {paint(f'{one.grade:<5}', COLOURS[one.grade])} {what}: {said}"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
