"""The pages that run: what is shown is what was printed, and a block that fails ends the build."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXTENSIONS = Path(__file__).parent.parent / "docs" / "_extensions"
CONF = f'import sys\nsys.path.insert(0, {str(EXTENSIONS)!r})\nextensions = ["myst_parser", "computed"]\n'


def built(folder: Path, page: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """What came of building one page, and its text."""
    pytest.importorskip("sphinx")
    (folder / "conf.py").write_text(CONF)
    (folder / "index.md").write_text(page)
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "text", str(folder), str(folder / "out")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    made = folder / "out" / "index.txt"
    return done, made.read_text() if made.exists() else ""


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
    done, text = built(tmp_path, page)
    assert done.returncode == 0, done.stderr
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
def test_what_fails_ends_the_build(tmp_path, block, told):
    done, _ = built(tmp_path, f"# A page\n\n{block}\n")
    assert done.returncode != 0
    assert told in done.stderr
