"""Nothing half written is ever seen, and what killed processes leave is finished or cleared away, but nothing else."""

import itertools
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import isthmus
from isthmus import Autoencoder
from isthmus.storage import StorageError, load, save
from isthmus.tables import atomic_write, staging, write_images
from isthmus.tables.staging import NEW, OLD, OWNER, put_in_place, sweep

ROWS = np.random.default_rng(0).normal(size=(60, 4))
LEFT = ".model.isthmus-0123456789ab"


def fitted(seed=0):
    return Autoencoder(2, max_iter=1, hidden_layer_sizes=(3,), random_state=seed).fit(ROWS)


def hidden(folder):
    return sorted(place.name for place in folder.iterdir() if place.name.startswith("."))


def left_over(folder, name=LEFT, target=b"model", **parts):
    """A staging folder as a killed process leaves it."""
    place = folder / name
    place.mkdir()
    (place / OWNER).write_bytes(staging.SIGNATURE + target + b"/" + staging._machine())
    for part, text in parts.items():
        (place / part).mkdir()
        (place / part / "config.json").write_text(text)
    return place


# ---- replacing a folder --------------------------------------------------------------------------------


@pytest.fixture(params=["exchange", "two moves"])
def either_way(request, monkeypatch):
    if request.param == "two moves":
        monkeypatch.setattr(staging, "_exchanged", lambda *_: False)
    elif not exchanges():
        pytest.skip("this file system can't exchange two folders")


def exchanges() -> bool:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder, "one"), Path(folder, "other")
        one.mkdir(), other.mkdir()
        return staging._exchanged(one, other)


def test_a_folder_is_replaced_and_the_old_one_goes(either_way, tmp_path):
    save(fitted(), tmp_path / "model")
    save(fitted(1), tmp_path / "model", overwrite=True)
    assert load(tmp_path / "model").random_state == 1
    assert hidden(tmp_path) == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the exchange is Linux's")
def test_between_the_old_and_the_new_there_is_no_moment_without(tmp_path):
    if not exchanges():
        pytest.skip("this file system can't exchange two folders")
    seen, done = [], threading.Event()
    save(fitted(), tmp_path / "model")

    def watch():
        while not done.is_set():
            seen.append(os.path.lexists(tmp_path / "model"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for seed in range(20):
        save(fitted(), tmp_path / "model", overwrite=True)
        assert load(tmp_path / "model").random_state == 0, seed
    done.set()
    watcher.join()
    assert all(seen)
    assert len(seen) > 20


def test_what_comes_into_the_old_folder_at_the_last_moment_stays(either_way, tmp_path):
    for name in ("target", "staged"):
        (tmp_path / name).mkdir()
    (tmp_path / "staged" / NEW).mkdir()
    (tmp_path / "staged" / NEW / "a").write_text("new")
    (tmp_path / "target" / "a").write_text("old")

    def refuse(old):
        assert (old / "a").read_text() == "old"
        raise StorageError("no")

    with pytest.raises(StorageError, match="no"):
        put_in_place(tmp_path / "staged", tmp_path / "target", refuse)
    assert (tmp_path / "target" / "a").read_text() == "old"
    assert (tmp_path / "staged" / NEW / "a").read_text() == "new"


def killed(script: str, folder: Path) -> int:
    """How a child ended that runs ``script`` in ``folder`` and is meant to kill itself on the way."""
    child = os.fork()
    if child == 0:
        try:
            os.chdir(folder)
            names = {"isthmus": isthmus, "model": load("model"), "os": os, "staging": staging, "Path": Path}
            exec(script, names | {"die": lambda *_: os.kill(os.getpid(), signal.SIGKILL)})
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("found_by", ["load", "save"])
def test_a_replacement_killed_between_two_moves_is_finished(found_by, tmp_path):
    """UnreadableError D2: nothing stood at the path, both copies were hidden, and nothing found them."""
    save(fitted(), tmp_path / "model")
    code = killed(
        "model.random_state = 7\n"
        "staging._exchanged = lambda *_: False\n"
        "rename = os.rename\n"
        "def rename_then_die(a, b):\n    rename(a, b); die()\n"
        "os.rename = rename_then_die\n"
        "isthmus.save(model, 'model', overwrite=True)\n",
        tmp_path,
    )
    assert code == -signal.SIGKILL
    assert not (tmp_path / "model").exists()
    if found_by == "save":
        save(fitted(), tmp_path / "another")
        assert (tmp_path / "model").is_dir()
    assert load(tmp_path / "model").random_state == 7
    assert hidden(tmp_path) == []


def test_nothing_is_brought_back_that_was_removed_since(tmp_path):
    """After the exchange the staging folder holds the old copy alone; its target may have been removed on purpose."""
    left_over(tmp_path, **{NEW: "old"})
    left_over(tmp_path, ".gone.isthmus-0123456789ab", b"gone", **{OLD: "old"})
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


# ---- what killed processes leave -----------------------------------------------------------------------

MOMENTS = {
    "before it is signed": "staging.SIGNATURE = staging.SIGNATURE\nopened = os.open\n"
    "def open_then_die(path, *given):\n    found = opened(path, *given)\n"
    "    str(path).endswith('owner') and die()\n    return found\n"
    "os.open = open_then_die\n",
    "before there is an owner": "made = Path.mkdir\ndef make_then_die(self, *given, **more):\n"
    "    made(self, *given, **more)\n    '.isthmus-' in self.name and die()\nPath.mkdir = make_then_die\n",
    "while it is written": "os.fsync = die\n",
    "before its place is taken": "staging.put_in_place = die\n"
    "import isthmus.storage.folder_writing as writing\nwriting.put_in_place = die\n",
    "before the old one is removed": "staging._remove = die\n",
    "when all but the owner is gone": "unlink = Path.unlink\ndef unlink_then_die(self, *given, **more):\n"
    "    unlink(self, *given, **more)\n    self.name == 'owner' and die()\nPath.unlink = unlink_then_die\n",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_a_killed_save_leaves_is_cleared_away_by_the_next(moment, tmp_path):
    save(fitted(), tmp_path / "model")
    code = killed(MOMENTS[moment] + "isthmus.save(model, 'model', overwrite=True)\n", tmp_path)
    assert code == -signal.SIGKILL
    assert len(hidden(tmp_path)) == 1
    assert load(tmp_path / "model").random_state == 0
    save(fitted(), tmp_path / "other")
    assert hidden(tmp_path) == []


def test_what_a_killed_write_of_a_file_leaves_is_cleared_away_by_the_next(tmp_path):
    save(fitted(), tmp_path / "model")
    code = killed("from isthmus.tables import write_table\nimport numpy as np\nos.fsync = die\n"
                  "write_table('codes.csv', np.eye(2), ['a', 'b'])\n", tmp_path)  # fmt: skip
    assert code == -signal.SIGKILL
    assert len(hidden(tmp_path)) == 1
    with atomic_write(tmp_path / "other.txt"):
        pass
    assert hidden(tmp_path) == []
    assert not (tmp_path / "codes.csv").exists()


def test_a_kill_at_any_step_loses_nothing_and_leaves_nothing(either_way, tmp_path):
    """A save over another one, killed at its first call to the file system, at its second, and so on to its last."""
    script = """
import itertools, sys
model.random_state = 1
count = itertools.count()
sys.addaudithook(lambda event, _: event.startswith(("open", "os.", "ctypes.")) and next(count) == STEP and die())
isthmus.save(model, "model", overwrite=True)
"""
    left, found = [], []
    for step in itertools.count():
        save(fitted(), tmp_path / "model", overwrite=True)
        code = killed(script.replace("STEP", str(step)), tmp_path)
        left += hidden(tmp_path)
        found.append(load(tmp_path / "model").random_state)
        save(fitted(), tmp_path / "other", overwrite=True)
        assert hidden(tmp_path) == []
        if code != -signal.SIGKILL:
            break
    assert len(left) > 5
    assert found == sorted(found)  # the old model up to one step, the new one from there
    assert set(found) == {0, 1}


# ---- what is somebody else's ---------------------------------------------------------------------------


def test_a_living_process_is_left_alone(tmp_path):
    with atomic_write(tmp_path / "slow.csv") as temporary:
        temporary.write_text("half")
        save(fitted(), tmp_path / "model")
        with atomic_write(tmp_path / "quick.csv") as quick:
            quick.write_text("whole")
        assert temporary.read_text() == "half"
    assert (tmp_path / "slow.csv").read_text() == "half"
    assert hidden(tmp_path) == []


def test_another_living_process_is_left_alone(tmp_path):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        with atomic_write(tmp_path / "slow.csv") as temporary:
            temporary.write_text("half")
            os.write(write, b"!")
            time.sleep(60)
    try:
        assert os.read(read, 1) == b"!"
        save(fitted(), tmp_path / "model")
        assert len(hidden(tmp_path)) == 1
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    save(fitted(), tmp_path / "model", overwrite=True)
    assert hidden(tmp_path) == []


def lookalikes(folder):
    """Hidden things that resemble a staging folder, each in one respect not."""
    (folder / ".model-0123456789ab").mkdir()
    (folder / ".file.isthmus-0123456789ab").write_text("mine")
    (folder / ".model.isthmus-0123456789AB").mkdir()
    (folder / ".short.isthmus-0123").mkdir()
    (folder / "away").mkdir()
    (folder / "away" / OWNER).write_bytes(staging.SIGNATURE + b"model/" + staging._machine())
    (folder / ".link.isthmus-0123456789ab").symlink_to(folder / "away")
    (left_over(folder, ".other.isthmus-0123456789ab", **{NEW: "x"}) / "notes.txt").write_text("mine")
    (left_over(folder, ".signed.isthmus-0123456789ab", **{NEW: "x"}) / OWNER).write_text("me")
    (left_over(folder, ".unsigned.isthmus-0123456789ab", **{NEW: "x"}) / OWNER).write_text("")
    (left_over(folder, ".nobody.isthmus-0123456789ab", **{NEW: "x"}) / OWNER).unlink()
    left_over(folder, ".up.isthmus-0123456789ab", b"../model", **{NEW: "x", OLD: "y"})
    left_over(folder, ".here.isthmus-0123456789ab", b"..", **{NEW: "x", OLD: "y"})
    pipe = left_over(folder, ".pipe.isthmus-0123456789ab", **{NEW: "x"})
    (pipe / OWNER).unlink()
    os.mkfifo(pipe / OWNER)


def test_whatever_is_not_a_staging_folder_stays(tmp_path):
    lookalikes(tmp_path)
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    sweep(tmp_path)
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before
    left_over(tmp_path, **{NEW: "x"})  # and the one that is goes
    sweep(tmp_path)
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before


def test_what_another_machine_writes_is_left_alone_for_a_day(tmp_path):
    place = left_over(tmp_path, **{NEW: "x"})
    (place / OWNER).write_bytes(staging.SIGNATURE + b"model/another machine")
    sweep(tmp_path)
    assert hidden(tmp_path) == [LEFT]
    long_ago = time.time() - staging.PATIENCE - 1
    for path in (*place.rglob("*"), place):
        os.utime(path, (long_ago, long_ago))
    sweep(tmp_path)
    assert hidden(tmp_path) == []


def test_where_there_are_no_locks_nothing_is_swept(tmp_path, monkeypatch):
    import fcntl

    def none(*_):
        raise OSError(95, "Operation not supported")

    left_over(tmp_path, **{NEW: "x"})
    monkeypatch.setattr(fcntl, "flock", none)
    save(fitted(), tmp_path / "model")
    assert load(tmp_path / "model").random_state == 0
    assert hidden(tmp_path) == [LEFT]


def test_a_model_of_another_program_is_not_replaced(tmp_path):
    """Many a program calls its files config.json and model.safetensors."""
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "bert" / "model.safetensors").write_bytes(b"weights")
    with pytest.raises(StorageError, match="is not a folder that isthmus saved, so it is not replaced"):
        save(fitted(), tmp_path / "bert", overwrite=True)
    assert (tmp_path / "bert" / "model.safetensors").read_bytes() == b"weights"


def test_pictures_sweep_their_folder_once(tmp_path, monkeypatch):
    left_over(tmp_path, ".0.png.isthmus-0123456789ab", b"0.png", **{NEW: "x"})
    swept = []
    monkeypatch.setattr("isthmus.tables.writing_files.sweep", lambda folder: (swept.append(folder), sweep(folder)))
    monkeypatch.setattr("isthmus.tables.atomic.sweep", lambda folder: pytest.fail("swept for every picture"))
    write_images(tmp_path, np.zeros((3, 4)), (2, 2))
    assert swept == [tmp_path]
    assert hidden(tmp_path) == []


def test_a_reader_never_meets_half_of_each(tmp_path):
    """A folder replaced while it is read is read again."""
    save(fitted(), tmp_path / "model")
    child = os.fork()
    if child == 0:
        models = [fitted(seed) for seed in range(2)]
        while True:
            for model in models:
                save(model, tmp_path / "model", overwrite=True)
    try:
        time.sleep(0.2)
        assert {load(tmp_path / "model").random_state for _ in range(100)} == {0, 1}
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_ctrl_c_while_the_staging_folder_is_removed_leaves_nothing(tmp_path, monkeypatch):
    removed, interrupts = staging.shutil.rmtree, [KeyboardInterrupt]

    def interrupted(path, **given):
        if interrupts:
            raise interrupts.pop()
        removed(path, **given)

    save(fitted(), tmp_path / "model")
    monkeypatch.setattr(staging.shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(fitted(1), tmp_path / "model", overwrite=True)
    assert not interrupts
    assert hidden(tmp_path) == []
    assert load(tmp_path / "model").random_state == 1
