"""Buttons that open a notebook on Binder or in Colab, once the repository has an address.

The address is `repository: url` of `_config.yml`, and stands nowhere else. While it is empty there
are no buttons; Colab reads GitHub alone, so that another host has Binder's only.
"""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def offered(options: dict[str, Any]) -> dict[str, str]:
    """Of the theme's options, the launch buttons that lead somewhere."""
    address = options.get("repository_url") or ""
    wanted = dict(options.get("launch_buttons") or {}) if address else {}
    if "github.com/" not in address:
        wanted.pop("colab_url", None)
    return wanted


def choose(app: Sphinx, config: Any) -> None:
    """Keep those and no others."""
    options = config.html_theme_options
    options["launch_buttons"] = offered(options)


def setup(app: Sphinx) -> None:
    app.connect("config-inited", choose)
