"""The loopback Hub and its cache, as for the Hub's own tests, for bases that are not here yet."""

from __future__ import annotations

from models.hub.conftest import hub as hub
