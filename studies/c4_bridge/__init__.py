"""The bridge between the papers: (10) seen by paper B's bounds, and certified descent from it."""

from __future__ import annotations
