"""All checks in their order; what each finds comes as soon as it is known. No torch here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

from medusa_chat.doctor.finding import Finding, presentable

Check = Callable[[], Iterable[Finding]]


def run_checks(offline: bool, stop: threading.Event | None = None) -> Iterator[Finding]:
    """Look at everything and yield what is found; ``offline`` leaves the network alone.

    The network is asked for the Hub alone. ``stop`` ends it early, from any thread: a probe under
    way is ended too, and nothing more is yielded. A check that fails itself is a finding.
    """
    for name, check in _checks(offline, stop):
        if stop is not None and stop.is_set():
            return
        try:
            for finding in check():
                if stop is not None and stop.is_set():
                    return
                yield presentable(finding)
        except ImportError as error:
            yield presentable(
                Finding(
                    name,
                    "warning",
                    f"could not be looked at ({error})",
                    "Install medusa-chat again, in a virtual environment of its own.",
                )
            )
        except Exception as error:  # noqa: BLE001  # whatever is wrong here, the rest is looked at
            yield presentable(
                Finding(
                    name,
                    "warning",
                    f"could not be looked at ({type(error).__name__}: {error})",
                    "Please report this line.",
                )
            )


def _checks(offline: bool, stop: threading.Event | None) -> Iterator[tuple[str, Check]]:
    # Each is imported when its turn comes: what comes first is seen at once.
    from medusa_chat.doctor import packages

    yield "packages", packages.look
    from medusa_chat.doctor import terminal

    yield "terminal", terminal.look
    from medusa_chat.doctor import machine

    yield "memory", machine.memory
    from medusa_chat.doctor import folders

    yield "folders", folders.look
    yield "models folder", folders.hub_cache
    from medusa_chat.doctor import hub

    yield "Hub", lambda: hub.look(offline)
    from medusa_chat.doctor import accelerator, builtin, facts, inquiry, quantisation
    from medusa_chat.doctor.driver import read_driver

    yield (
        "torch works",
        lambda: accelerator.findings(inquiry.ask(facts.TorchFacts, stop), read_driver()),
    )
    yield (
        "quantisation",
        lambda: quantisation.findings(inquiry.ask(facts.QuantisationFacts, stop)),
    )
    yield "built-in files", builtin.files
    yield (
        "built-in model",
        lambda: builtin.findings(inquiry.ask(facts.BuiltinFacts, stop)),
    )
