"""The site: the pages in this folder, and the course, whose lessons run here."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

import isthmus  # noqa: E402

project = "isthmus"
author = "the isthmus maintainers"
copyright = author
version = release = isthmus.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "lessons",
    "mathml",
    "computed",
    "reference",
]
exclude_patterns = ["_build", "sg_execution_times.rst", "_extensions", "course/**/GALLERY_HEADER.rst"]
nitpicky = False
numpydoc_show_class_members = False
autodoc_typehints = "none"
add_module_names = False
autodoc_member_order = "bysource"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

# Pages in Markdown are read in the repository too: there, a link leads to a file that the site does not hold.
suppress_warnings = ["myst.xref_missing", "config.cache"]

html_theme = "furo"
html_title = "isthmus"
html_static_path = ["../course/_static", "_static"]
html_css_files = ["course.css", "pages.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f5fa8", "color-brand-content": "#1f5fa8"},
    "dark_css_variables": {"color-brand-primary": "#7db4ef", "color-brand-content": "#7db4ef"},
}

only = os.environ.get("ISTHMUS_ONLY_LESSON")
sphinx_gallery_conf = {
    "examples_dirs": "../course",
    "gallery_dirs": "course",
    "filename_pattern": rf"/{only}[^/]*\.py$" if only else r"\.py$",
    "within_subsection_order": "FileNameSortKey",
    "nested_sections": True,
    "abort_on_example_error": True,
    "parallel": os.cpu_count() or 1,  # lessons run beside one another, each in a process of its own
    "image_scrapers": ("matplotlib", "lessons.last_figure"),
    "capture_repr": ("_repr_html_", "__repr__"),
    "ignore_repr_types": r"matplotlib|NoneType",
    "remove_config_comments": True,
    "show_memory": False,
    "write_computation_times": False,
    "show_signature": False,
    "min_reported_time": 3600,
    "download_all_examples": False,
    "copyfile_regex": r"",
}


def _give_captions_a_level(app, name, template, context, doctree):
    """Captions in the sidebar call themselves headings; a screen reader asks of which level."""
    tree = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')


def setup(app):
    """Sphinx calls this; furo's own handler has run by then."""
    app.connect("html-page-context", _give_captions_a_level, priority=900)
