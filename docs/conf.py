"""Sphinx configuration."""

from importlib.metadata import version as version_of

project = "packcloud_async"
copyright = "2026, the packcloud_async authors"
release = version = version_of("packcloud_async")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"packcloud_async {release}"
html_show_sourcelink = False
html_copy_source = False
exclude_patterns = ["_build"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_class_signature = "mixed"

nitpicky = True
nitpick_ignore_regex = [
    # Of other projects, whose inventories would have to be fetched.
    ("py:.*", r"(asyncio|collections|contextlib|datetime|enum|opentelemetry|os|pathlib|sqlite3)\..*"),
    # Type variables.
    ("py:.*", r"packcloud_async\.\w+\.T(_co)?"),
    # What a client is to a job, a call and a page: any client will do.
    ("py:class", r"packcloud_async\.(firing\.JobClient|_sansio\.endpoints\.Call|_io\.under_way\.CallObserver)"),
    # What comes of a public call and is only used: its docstring says how.
    ("py:class", r"packcloud_async\.(calls\.Pages|_sansio\.pacing\.Expectation)"),
    # Aliases of types, which the docstrings spell out, and a text that prints as dots.
    ("py:class", r"Targets|Session|packcloud_async\._sansio\.secret\.Secret"),
    # Nobody makes the parts of an emulator but the emulator.
    ("py:class", r"packcloud_async\.emulator\.(\w+\.)(Contents|Draws|LoopClock|Move|Organizations|PlannedRun)"),
]
