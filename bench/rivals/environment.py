"""The bench's own Python environment: made once under the build folder from requirements.txt, then entered."""

import hashlib
import os
import pathlib
import subprocess
import sys

REQUIREMENTS = pathlib.Path(__file__).with_name("requirements.txt")


def enter(folder, say):
    """Returns when this process runs in the environment; otherwise makes it, if need be, and starts again in it."""
    folder = pathlib.Path(folder).resolve()
    python = folder / "bin" / "python"
    if pathlib.Path(sys.prefix).resolve() == folder:
        return
    stamp = folder / "requirements.sha256"
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != digest:
        say(f"making the environment {folder} with the packages of {REQUIREMENTS.name} (a few minutes, once)")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)], check=True)
        stamp.write_text(digest)
    os.execv(str(python), [str(python), *sys.argv])
