"""What is built finds what it ships: wheel, sdist and editable install, and the checkout."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from command_line import REPOSITORY

from medusa_chat import __version__, paths

pytest.importorskip("hatchling")

REPORT = """
import json, sys
import medusa_chat
from medusa_chat import paths
from medusa_chat.decoding.presets import presets
from medusa_chat.models.registry import known_models
print(json.dumps({
    "package": medusa_chat.__file__,
    "models": str(paths.shipped("models.toml")),
    "assets": str(paths.shipped("assets")),
    "known": [model.name for model in known_models()],
    "presets": len(presets()),
}))
"""


def build(source: Path, target: str, into: Path) -> Path:
    """Build an ``sdist`` or a ``wheel`` without a network; return the file."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(into)],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (built,) = into.iterdir()
    return built


def report(folder: Path) -> dict[str, Any]:
    """Return what a program sees when ``folder`` comes first among its site-packages."""
    # What is appended comes behind an installed medusa-chat, so it is moved to the front.
    setup = (
        "import site, sys\nbefore = len(sys.path)\n"
        f"site.addsitedir({str(folder)!r})\n"
        "sys.path[:] = sys.path[before:] + sys.path[:before]\n"
    )
    ended = subprocess.run(
        [sys.executable, "-I", "-c", setup + REPORT], capture_output=True, cwd=folder
    )
    assert ended.returncode == 0, ended.stderr.decode()
    seen: dict[str, Any] = json.loads(ended.stdout)
    assert "builtin" in seen["known"]
    assert seen["presets"] == 9
    return seen


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the unpacked source distribution."""
    archive = build(REPOSITORY, "sdist", tmp_path_factory.mktemp("sdist"))
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / f"medusa_chat-{__version__}"


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel, built from the source distribution as an installer does it."""
    return build(sdist, "wheel", tmp_path_factory.mktemp("wheel"))


def sources(folder: str) -> set[str]:
    """Return the files under a folder of the checkout, but what running them left."""
    return {
        file.relative_to(REPOSITORY).as_posix()
        for file in (REPOSITORY / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def test_sdist_has_everything(sdist: Path) -> None:
    packed = {file.relative_to(sdist).as_posix() for file in sdist.rglob("*") if file.is_file()}
    for folder in ("medusa_chat", "assets", "tests", ".ci"):
        assert sources(folder) <= packed
    assert {"models.toml", "pyproject.toml", "README.md", "LICENSE"} <= packed


def test_wheel_has_the_package_and_what_it_ships(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
        info = f"medusa_chat-{__version__}.dist-info"
        entry_points = opened.read(f"{info}/entry_points.txt").decode()
    assert sources("medusa_chat") <= names
    assert {f"medusa_chat/{name}" for name in sources("assets")} <= names
    assert "medusa_chat/models.toml" in names
    assert f"{info}/licenses/LICENSE" in names
    assert "medusa-chat = medusa_chat.cli:main" in entry_points
    assert not any("__pycache__" in name for name in names)
    assert {name.split("/")[0] for name in names} == {"medusa_chat", info}


def test_installed_wheel_finds_them(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(tmp_path)
    seen = report(tmp_path)
    package = tmp_path / "medusa_chat"
    assert Path(seen["package"]).parent == package
    assert Path(seen["models"]) == package / "models.toml"
    assert Path(seen["assets"]) == package / "assets"


def test_editable_install_finds_them(tmp_path: Path) -> None:
    # All that hatchling's editable wheel installs; building one takes a package from the network.
    (tmp_path / "_medusa_chat.pth").write_text(str(REPOSITORY))
    seen = report(tmp_path)
    assert Path(seen["package"]).parent == REPOSITORY / "medusa_chat"
    assert Path(seen["models"]) == REPOSITORY / "models.toml"
    assert Path(seen["assets"]) == REPOSITORY / "assets"


def test_checkout_finds_them() -> None:
    assert paths.shipped("models.toml") == REPOSITORY / "models.toml"
    assert paths.shipped("assets/trees.json").is_file()


def test_what_is_missing_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="assets/no-such-file"):
        paths.shipped("assets/no-such-file")
