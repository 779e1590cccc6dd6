"""Writes tiny models that the true llama-server loads, the same bytes each time: `make_models.py OUTDIR`.

What each one does stands beside its name in MODELS; how the chat models come to speak is in tiny_chat.py.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import tiny_audio
import tiny_bert
import tiny_chat
from gguf_file import Model
from pins import Pin
from steps import Steps

MODELS: dict[str, Callable[[], Model]] = {
    "tiny-chat": tiny_chat.endless,  # says "pong one two ... twelve one two ..." until max_tokens
    "tiny-stop": tiny_chat.stopping,  # says "pong" and stops; calls a tool where tool_choice is "required"
    "tiny-agent": tiny_chat.calling,  # calls a tool whenever the request has tools
    "tiny-embed": tiny_bert.embedding,  # for --embeddings --pooling mean: 64 dimensions
    "tiny-rerank": tiny_bert.ranking,  # for --reranking: scores
    "tiny-audio-mmproj": tiny_audio.projector,  # for tiny-stop --mmproj: every clip transcribes as "pong"
}


def build(_pin: Pin, entry: Path, _steps: Steps) -> None:
    """Write all models into the entry."""
    write_models(entry)


def write_models(folder: Path) -> None:
    """Write all models into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in MODELS.items():
        make().write(folder / f"{name}.gguf", name=name)


if __name__ == "__main__":
    write_models(Path(sys.argv[1]))
