"""The pages that run: what is shown is what was printed, and a block that fails ends the build."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

EXTENSIONS = Path(__file__).parent.parent / "docs" / "_extensions"
CONF = f'import sys\nsys.path.insert(0, {str(EXTENSIONS)!r})\nextensions = ["myst_parser", "computed"]\n'


pytestmark = pytest.mark.filterwarnings("default")  # Sphinx and docutils warn one another of what will change


@pytest.fixture(autouse=True)
def own_path(monkeypatch):
    """What a page's configuration does to the path of imports ends with the test."""
    monkeypatch.setattr(sys, "path", [*sys.path])


def built(folder: Path, page: str) -> tuple[int, str]:
    """The exit code of building one page, by the command's own function, and its text."""
    build = pytest.importorskip("sphinx.cmd.build")
    (folder / "conf.py").write_text(CONF)
    (folder / "index.md").write_text(page)
    code = build.main(["-W", "-q", "-b", "text", str(folder), str(folder / "out")])
    made = folder / "out" / "index.txt"
    return code, made.read_text() if made.exists() else ""


def test_code_and_commands_share_a_new_folder_and_show_what_they_print(tmp_path):
    page = """# A page

```{python}
from pathlib import Path

Path("made.txt").write_text("by the page")
print(6 * 7)
sorted(path.name for path in Path().iterdir())
```

```{shell}
cat made.txt
```

```{shell}
:fails:
cat nothing-here 2>&1
```

Seven is {value}`f"{3 + 4}"`.
"""
    code, text = built(tmp_path, page)
    assert code == 0
    assert "42" in text
    assert "['made.txt']" in text
    assert "$ cat made.txt" in text
    assert "by the page" in text.split("$ cat made.txt")[1]
    assert "nothing-here: No such file" in text
    assert "Seven is 7." in text


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ("```{python}\n1 / 0\n```", "index, block at line 3: the code fails"),
        ("```{shell}\nfalse\n```", "'false' ended with 1"),
        ("```{shell}\n:fails:\ntrue\n```", "'true' ended with 0"),
        ("Here {value}`nothing` is.", "the value 'nothing' can't be had"),
        ("```{measured} nothing\n```", "there is no measurement 'nothing'"),
    ],
    ids=["code", "command", "no error", "value", "table"],
)
def test_what_fails_ends_the_build(tmp_path, block, told, capsys):
    code, _ = built(tmp_path, f"# A page\n\n{block}\n")
    assert code != 0
    assert told in capsys.readouterr().err
