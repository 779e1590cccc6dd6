"""A sheet of paper with points from its upper left corner; the only file that knows matplotlib.

It needs no screen, keeps nothing between two sheets, and takes every text as it is: no `$` makes a formula.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final, Literal

from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, Polygon, Rectangle, Wedge
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

_DPI: Final = 100
_POINT: Final = 72 / _DPI  # of a pixel
Align = Literal["left", "center", "right"]
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the sheet, in pixels from the upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Where it ends on the right."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Where it ends below."""
        return self.y + self.height

    def inside(self, left: float, top: float, right: float, bottom: float) -> "Box":
        """Return what is left of it within these margins."""
        return Box(self.x + left, self.y + top, self.width - left - right, self.height - top - bottom)


@dataclass(frozen=True, slots=True)
class Ink:
    """How a text looks: its colour, its size in pixels, and whether it is bold."""

    colour: str
    size: float = 12
    is_bold: bool = False

    @property
    def font(self) -> FontProperties:
        """The same for matplotlib."""
        return FontProperties(
            family="DejaVu Sans", size=self.size * _POINT, weight="bold" if self.is_bold else "normal"
        )


class Sheet:
    """Paper of a size in pixels."""

    def __init__(self, width: int, height: int, colour: str) -> None:
        self._figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor=colour)
        self._canvas = FigureCanvasAgg(self._figure)
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()
        self._axes.set_xlim(0, width)
        self._axes.set_ylim(height, 0)
        self._widths: dict[tuple[str, Ink], float] = {}

    def png(self) -> bytes:
        """Return the picture; it names neither its maker nor the time at which it was made."""
        file = BytesIO()
        self._figure.savefig(
            file, format="png", dpi=_DPI, facecolor="auto", metadata={"Software": None}, pil_kwargs={"optimize": True}
        )
        return file.getvalue()

    def texts(self) -> list[str]:
        """Return every text that is drawn, asked of what draws them."""
        return [text.get_text() for text in self._figure.findobj(Text) if text.get_text()]

    def write(self, x: float, y: float, text: str, ink: Ink, *, align: Align = "left") -> None:
        """Write one line; `y` is its middle."""
        if text:
            self._add(
                Text(
                    *(x, y, text),
                    color=ink.colour,
                    fontproperties=ink.font,
                    horizontalalignment=align,
                    verticalalignment="center_baseline",
                    parse_math=False,
                )
            )

    def _add(self, artist: Artist) -> None:
        """Put it on the paper by hand: the axes' own methods measure each anew for an axis that nobody sees."""
        artist.set_transform(self._axes.transData)
        artist.set_zorder(len(self._figure.get_children()))  # what comes later lies above
        self._figure.add_artist(artist)

    def width(self, text: str, ink: Ink) -> float:
        """Return how wide a text is."""
        key = (text, ink)
        if key not in self._widths:
            renderer = self._canvas.get_renderer()  # type: ignore[no-untyped-call]  # matplotlib says no type of it
            self._widths[key] = renderer.get_text_width_height_descent(text, ink.font, ismath=False)[0]
        return self._widths[key]

    def fit(self, text: str, ink: Ink, width: float) -> str:
        """Return as much of a text as this width holds; what is cut says so."""
        if self.width(text, ink) <= width:
            return text
        longest = int(len(text) * width / self.width(text, ink)) + 2
        for length in range(min(longest, len(text) - 1), 0, -1):
            cut = f"{text[:length].rstrip()}…"
            if self.width(cut, ink) <= width:
                return cut
        return ""

    def fill(self, box: Box, colour: str, *, opacity: float = 1.0) -> None:
        """Fill a part of the sheet."""
        corner = (box.x, box.y)
        self._add(Rectangle(corner, box.width, box.height, facecolor=colour, alpha=opacity, linewidth=0))

    def frame(self, box: Box, colour: str, edge: str) -> None:
        """Fill a part of the sheet and draw its edge, with round corners."""
        patch = FancyBboxPatch((box.x, box.y), box.width, box.height, boxstyle="round,pad=0,rounding_size=3")
        patch.set(facecolor=colour, edgecolor=edge, linewidth=0.8)
        self._add(patch)

    def line(self, points: Points, colour: str, *, width: float = 1.2, is_dashed: bool = False) -> None:
        """Draw a line through points; one alone is a dot."""
        xs, ys = zip(*points, strict=True)
        marker = "o" if len(points) == 1 else ""
        line = Line2D(xs, ys, color=colour, linewidth=width, marker=marker, markersize=2.5)
        if is_dashed:
            line.set_linestyle((0, (4, 3)))
        self._add(line)

    def area(self, upper: Points, lower: Points, colour: str, *, opacity: float) -> None:
        """Fill what lies between two lines that have the same places from left to right."""
        self._add(Polygon([*upper, *reversed(lower)], facecolor=colour, alpha=opacity, linewidth=0))

    def arc(self, centre: tuple[float, float], radius: float, shares: tuple[float, float], colour: str) -> None:
        """Draw a part of a dial, from one share of it to another; 0 is its left end."""
        start, end = (180 + 180 * share for share in shares)  # `y` grows downwards
        self._add(Wedge(centre, radius, start, end, width=radius * 0.28, facecolor=colour, linewidth=0))


def ticks(least: float, most: float, count: int) -> list[float]:
    """Return round numbers that span from `least` to `most`, about as many as asked for."""
    return [float(tick) for tick in MaxNLocator(nbins=max(1, count), steps=[1, 2, 2.5, 5, 10]).tick_values(least, most)]
