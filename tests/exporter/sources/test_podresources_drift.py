import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROTO = "exporter/sources/podresources_v1/podresources_v1.proto"
HOW = f"python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. {PROTO}"


def test_generated_messages_are_those_of_the_proto_file(tmp_path: Path) -> None:
    """What protoc makes of the .proto file is what is committed; the failure says how to make it so."""
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT}", f"--python_out={tmp_path}"]
    subprocess.run([*command, f"--pyi_out={tmp_path}", PROTO], cwd=ROOT, check=True)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.py*") if path.is_file())

    assert [Path(PROTO).with_name(name) for name in ("podresources_v1_pb2.py", "podresources_v1_pb2.pyi")] == made
    for path in made:
        assert (ROOT / path).read_text() == (tmp_path / path).read_text(), f"run: {HOW}"
