"""Sphinx configuration."""

from importlib.metadata import version as version_of

from sphinx.util.nodes import make_refnode

project = "packcloud_async"
copyright = "2026, the packcloud_async authors"
release = version = version_of("packcloud_async")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"packcloud_async {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_show_sourcelink = False
html_copy_source = False
exclude_patterns = ["_build"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
python_maximum_signature_line_length = 88
autodoc_class_signature = "mixed"

# Asks the network, and so is no part of .ci/run: sphinx-build -b linkcheck docs build/linkcheck
linkcheck_timeout = 20
linkcheck_retries = 2

nitpicky = True
nitpick_ignore_regex = [
    # Of other projects, whose inventories would have to be fetched.
    (
        "py:.*",
        r"(asyncio|collections|contextlib|datetime|enum|opentelemetry|os|pathlib|procrastinate|signal|sqlite3)\..*",
    ),
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

# What the name stands for, which is long and within itself.
JSON_VALUE = (
    "bool | int | float | str | ~collections.abc.Sequence[JsonValue] | ~collections.abc.Mapping[str, JsonValue] | None"
)


def _with_names(*told):
    """Write JsonValue where autodoc writes what it stands for."""
    *_, signature, returned = told
    return tuple(text and _named(text) for text in (signature, returned))


def _named(text):
    while JSON_VALUE in text:
        text = text.replace(JSON_VALUE, "JsonValue")
    return text


def _of_the_package(app, env, node, content):
    """Find what a docstring of a part of the package calls by its short name."""
    names = env.get_domain("py").objects
    if node.get("refdomain") != "py" or (name := f"packcloud_async.{node['reftarget']}") not in names:
        return None
    found = names[name]
    return make_refnode(app.builder, node["refdoc"], found.docname, found.node_id, content, name)


def setup(app):
    """Have signatures say what a reader would, and docstrings lead where a reader would go."""
    app.connect("missing-reference", _of_the_package)
    app.connect("autodoc-process-signature", _with_names)
