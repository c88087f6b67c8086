"""A finding is fit to be shown and to be passed on."""

from __future__ import annotations

from medusa_chat.doctor.finding import Finding, presentable


def test_what_the_machine_says_cannot_steer_the_terminal() -> None:
    finding = presentable(Finding("GPU\x1b[2J", "ok", "one\n\ttwo\x07", "\u202eevil"))
    assert finding == Finding("GPU[2J", "ok", "one two", "⟨U+202E⟩evil")


def test_secrets_are_left_out() -> None:
    text = "Illegal header value b'Bearer hf_abcDEF123456', http://me:secret@proxy:3128/x"
    finding = presentable(Finding("Hub", "warning", text, text))
    for shown in (finding.value, finding.remedy):
        assert "abcDEF" not in shown
        assert "secret" not in shown
        assert shown.endswith("http://…@proxy:3128/x")


def test_names_with_underscores_stay() -> None:
    assert presentable(Finding("a", "ok", "huggingface_hub hf_xet")).value == (
        "huggingface_hub hf_xet"
    )
