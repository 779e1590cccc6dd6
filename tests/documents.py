"""The documents as their tests see them: blocks with a language, and what a comment above them says."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
DOCUMENTS: Final = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_BLOCK: Final = re.compile(
    r"(?:^<!-- (?P<note>[^\n]*) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_FILE: Final = re.compile(r"# (\S+\.ya?ml)\n")
_EXCUSE: Final = "not run here: "
_REAL: Final = "run by make verify"


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a document."""

    language: str
    note: str
    text: str

    @property
    def excuse(self) -> str:
        """Why it is not run, or nothing."""
        return self.note.removeprefix(_EXCUSE) if self.note.startswith(_EXCUSE) else ""

    @property
    def is_real(self) -> bool:
        """Whether it wants the pinned real tools."""
        return self.note == _REAL

    @property
    def file(self) -> str:
        """The name of the file that it shows, or nothing."""
        found = _FILE.match(self.text)
        return found[1] if found else ""


def blocks(path: Path) -> list[Block]:
    """Return the blocks of a document, in order."""
    found = _BLOCK.finditer(path.read_text(encoding="utf-8"))
    return [Block(one["language"], one["note"] or "", one["text"]) for one in found]


def steps(path: Path, *, are_real: bool) -> Iterator[tuple[Mapping[str, str], str]]:
    """Yield each script that is to be run with the files that the document has shown by then."""
    files: dict[str, str] = {}
    for block in blocks(path):
        if block.file:
            files[block.file] = block.text
        if block.language == "sh" and not block.excuse and block.is_real == are_real:
            yield dict(files), block.text
