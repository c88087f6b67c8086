"""Findings of bitsandbytes."""

from __future__ import annotations

from medusa_chat.doctor.facts import QuantisationFacts
from medusa_chat.doctor.inquiry import NoAnswer
from medusa_chat.doctor.quantisation import findings


def test_each_precision_has_a_finding() -> None:
    eight, four = findings(QuantisationFacts("cuda", {"8bit": "", "4bit": "RuntimeError: no"}))
    assert (eight.name, eight.status) == ("8-bit models", "ok")
    assert (four.name, four.status) == ("4-bit models", "warning")
    assert "RuntimeError: no" in four.value
    assert four.remedy


def test_a_library_that_does_not_start_is_a_warning() -> None:
    (finding,) = findings(NoAnswer("ImportError: libcudart.so.12"))
    assert finding.status == "warning"
    assert "libcudart" in finding.value
