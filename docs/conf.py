"""Sphinx configuration."""

from importlib.metadata import version as version_of

project = "packcloud_async"
copyright = "2026, the packcloud_async authors"
release = version = version_of("packcloud_async")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"packcloud_async {release}"
exclude_patterns = ["_build"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_class_signature = "mixed"
