"""Versions against what the program asks for."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path

import pytest
from command_line import REPOSITORY
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import medusa_chat
from medusa_chat.doctor import packages
from medusa_chat.doctor.finding import Finding


def look() -> dict[str, Finding]:
    return {finding.name: finding for finding in packages.look()}


def installed(folder: Path, name: str, version: str, *lines: str) -> None:
    """Pretend that a distribution is installed in ``folder``."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    text = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines])
    (info / "METADATA").write_text(text + "\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder whose distributions come before all others."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def wanting(monkeypatch: pytest.MonkeyPatch, *requirements: str, python: str = ">=3.11") -> None:
    wanted = packages.Wanted(python, requirements, "not installed, from here")
    monkeypatch.setattr(packages, "read_wanted", lambda: wanted)


def test_this_machine_has_what_the_checkout_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    wanting(monkeypatch, *project["dependencies"])
    findings = look()
    for text in project["dependencies"]:
        assert canonicalize_name(Requirement(text).name) in findings
    assert {finding.status for finding in findings.values()} <= {"ok", "note"}
    assert importlib.metadata.version("torch") in findings["torch"].value
    assert "(wanted >=2.11,<2.14)" in findings["torch"].value


def test_a_checkout_says_that_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> importlib.metadata.Distribution:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", nowhere)
    wanted = packages.read_wanted()
    assert wanted is not None
    assert wanted.source == f"not installed, from {REPOSITORY}"
    assert any(text.startswith("torch>=") for text in wanted.requirements)
    monkeypatch.setattr(medusa_chat, "__file__", "/nowhere/medusa_chat/__init__.py")
    assert packages.read_wanted() is None
    assert look()["medusa-chat"].status == "warning"


def test_an_installed_one_is_asked_for_its_metadata(site: Path) -> None:
    installed(
        site,
        "medusa-chat",
        medusa_chat.__version__,
        "Requires-Python: >=3.11",
        "Requires-Dist: torch>=99",
        'Requires-Dist: pytest>=99; extra == "test"',
    )
    findings = look()
    assert findings["medusa-chat"].value.endswith(f"installed as {medusa_chat.__version__}")
    assert findings["medusa-chat"].status == "ok"
    assert findings["torch"].status == "warning"
    assert "wanted is >=99" in findings["torch"].value
    assert "pytest" not in findings


def test_another_copy_than_the_installed_one(site: Path) -> None:
    installed(site, "medusa-chat", "0.0.1")
    assert "another copy" in look()["medusa-chat"].value


@pytest.mark.parametrize(
    ("requirement", "status"),
    [
        ("no-such-package>=1", "broken"),
        ("platformdirs>=1", "ok"),
        ("platformdirs<1", "warning"),
        ("sentencepiece>=0.1; python_version < '3'", "note"),
    ],
)
def test_status_of_a_package(
    requirement: str, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanting(monkeypatch, requirement)
    finding = look()[Requirement(requirement).name]
    assert finding.status == status
    assert bool(finding.remedy) == (status in ("broken", "warning"))
    if finding.remedy:
        assert f'pip install "{requirement}"' in finding.remedy


def test_a_package_for_a_part_alone_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    wanting(monkeypatch, "bitsandbytes>=0.49", "torch>=2")
    monkeypatch.setattr(importlib.metadata, "version", nowhere)
    findings = look()
    assert findings["bitsandbytes"].status == "warning"
    assert "--load-in-4bit" in findings["bitsandbytes"].value
    assert findings["torch"].status == "broken"


def test_a_half_removed_package_and_an_odd_version(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(site, "odd", "not-a-version")
    wanting(monkeypatch, "odd>=1")
    assert look()["odd"].status == "warning"
    (site / "odd-not-a-version.dist-info/METADATA").unlink()
    assert "not installed" in look()["odd"].value


def test_python_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    wanting(monkeypatch, python=">=99")
    finding = look()["Python"]
    assert finding.status == "broken"
    assert ">=99" in finding.value
