"""Files from strangers: a sentence, in bounded time and memory, and no code is run.

The changes are those of `faults.fuzz`, drawn by hypothesis; fuzzing proper takes hours and is made by hand. Every input
that fuzzing once found is kept in its corpus and read here.
"""

import dataclasses
import gzip
import os
import shutil
import signal
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from faults.fuzz import loaders
from faults.fuzz.mutation import mutated_folder
from faults.fuzz.seeds import CORPUS
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from pyarrow import parquet

from isthmus import Denoiser, DenoisingAutoencoder
from isthmus.cli.outcome import CommandError
from isthmus.cli.run_folder import data_record_bytes, open_run
from isthmus.storage import StorageError, load, save
from isthmus.storage.checkpoints import read_checkpoint
from isthmus.storage.safe_reading import open_regular_file
from isthmus.tables import DataError, bounds, open_table, read

INPUTS = sorted(path for path in CORPUS.rglob("*") if path.is_file())
ROOT = Path(__file__).parent.parent


def complaint(path, **asked):
    with pytest.raises(DataError) as caught:
        read(path, **asked)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def attempt(path, data):
    """One input through its loader, bounds and checksums as `faults.fuzz` sets them; then they are put back."""
    before = bounds.ALWAYS_UNPACKED, zipfile.ZipExtFile._update_crc, PngImagePlugin.ChunkStream.crc
    loaders.prepare()
    try:
        loaders.LOADERS[path.parent.name](data)
    finally:
        bounds.ALWAYS_UNPACKED, zipfile.ZipExtFile._update_crc, PngImagePlugin.ChunkStream.crc = before


@pytest.fixture
def alarm():
    """Whoever waits for a pipe is woken."""

    def wake(*_):
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, wake)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


# ---- fuzzing, a little of it each time


def test_there_is_a_corpus_for_every_loader():
    assert {path.parent.name for path in INPUTS} == set(loaders.LOADERS)
    assert sum(path.stat().st_size for path in INPUTS) < 400_000


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_fuzzing_kept_is_read_or_refused_in_a_sentence(path):
    attempt(path, path.read_bytes())


FOLDERS = [
    path for path in INPUTS if path.parent.name in ("model", "detector", "denoiser", "head", "checkpoint", "run")
]


@pytest.mark.parametrize("path", FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_fuzzing_begins_from_folders_that_load(path, tmp_path):
    """Those of the first format too, for ever: what is refused at once reaches no corner of the code."""
    folder = unpacked(path, tmp_path / "saved")
    if path.parent.name == "run":
        assert len(open_run(folder).test_rows())
        open_run(folder).load()
    elif path.parent.name == "checkpoint":
        read_checkpoint(folder)
    else:
        load(folder)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(path=st.sampled_from(INPUTS), seeds=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4))
def test_a_changed_file_is_read_or_refused_in_a_sentence(path, seeds):
    data = path.read_bytes()
    for seed in seeds:
        data = mutated_folder(data, 1 << 16, seed)
    attempt(path, data)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(path=st.sampled_from(INPUTS), share=st.floats(0, 1), byte=st.integers(0, 255) | st.none())
def test_a_byte_changed_or_the_rest_lost(path, share, byte):
    data = bytearray(path.read_bytes())
    place = int(share * (len(data) - 1))
    if byte is None:
        del data[place:]
    else:
        data[place] = byte
    attempt(path, bytes(data))


def test_the_harness_sees_a_slip(monkeypatch):
    def slip(*_):
        raise AttributeError("a slip")

    monkeypatch.setattr(loaders, "read", slip)
    with pytest.raises(AttributeError):
        loaders.npy(b"")


WATCHED = """
import sys
from faults.fuzz.loaders import LOADERS
from faults.fuzz.mutation import mutated_folder
from faults.fuzz.seeds import CORPUS
import importlib, pkgutil, h5py, pandas, python_calamine, pyarrow.ipc, scipy.io, scipy.io.wavfile, sklearn.datasets
import isthmus.tables.formats
for module in pkgutil.walk_packages(isthmus.tables.__path__, "isthmus.tables."):
    importlib.import_module(module.name)
from PIL import Image, ImageOps
Image.init()
for encoding in isthmus.tables.encoding.ENCODINGS:
    "a".encode(encoding).decode(encoding)
inputs = [(path.parent.name, path.read_bytes()) for path in sorted(CORPUS.rglob("*")) if path.is_file()]
for name, data in inputs:  # what is imported on the way is imported now
    LOADERS[name](data)
forbidden = ("pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect",
             "ctypes.dlopen", "marshal.loads", "shutil.rmtree.outside")
seen = []
def watch(event, arguments):
    if event in forbidden:
        seen.append(event)
sys.addaudithook(watch)
for name, data in inputs:
    LOADERS[name](data)
    for seed in range(2):
        LOADERS[name](mutated_folder(data, 1 << 16, seed))
print("seen", seen)
"""


def test_reading_runs_nothing():
    told = subprocess.run([sys.executable, "-c", WATCHED], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert told.stdout.strip() == "seen []", told.stdout + told.stderr


# ---- small files that would be large


def npz_bomb(path):
    """A member that says it unpacks to two gibibytes."""
    np.savez_compressed(path, X=np.zeros((1000, 10)))
    with zipfile.ZipFile(path) as archive:
        size = struct.pack("<I", archive.infolist()[0].file_size)
    path.write_bytes(path.read_bytes().replace(size, struct.pack("<I", 2 << 30)))


def idx_bomb(path):
    with gzip.open(path, "wb") as file:
        file.write(struct.pack(">HBB3I", 0, 8, 3, 400_000, 28, 28))
        for _ in range(32):
            file.write(bytes(9_800_000))


def parquet_bomb(path):
    parquet.write_table(pa.table({f"x{place}": pa.nulls(1 << 21, pa.float64()) for place in range(65)}), path)


def words_bomb(path):
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(200_000, np.int32)), pa.array(["w" * 1_000_000]))
    parquet.write_table(pa.table({"a": np.zeros(200_000), "k": words}), path, store_schema=False)


def text_bomb(path):
    path.write_bytes(b",".join(b"x%d" % place for place in range(70_000)) + b"\n")


def line_bomb(path):
    path.write_bytes(b"1," * (9 << 20))


def label_bomb(path):
    path.write_text("a,k\n" + "1,x\n" * 50_000 + "2," + "y" * 100_000 + "\n")


def picture_bomb(path):
    path.mkdir()
    Image.new("1", (9000, 9000)).save(path / "a.png")


def huge_picture(path):
    path.mkdir()
    Image.new("1", (20_000, 20_000)).save(path / "a.png")


def many_pictures(path):
    path.mkdir()
    for place in range(70):
        Image.new("1", (2000, 2000)).save(path / f"{place}.png")


BOMBS = {
    "b.npz": (npz_bomb, "bytes that would unpack to"),
    "b-images-idx3-ubyte.gz": (idx_bomb, "bytes that would unpack to"),
    "nulls.parquet": (parquet_bomb, "no column is left to learn from"),
    "words.parquet": (words_bomb, "bytes that would unpack to"),
    "wide.csv": (text_bomb, "rows of 70,000 numbers"),
    "endless.csv": (line_bomb, "a line of more than"),
    "label.csv": (label_bomb, "a cell of 100,000 characters"),
    "picture": (picture_bomb, "resized to 64×64"),
    "huge": (huge_picture, "of more than 89,478,485 pixels"),
    "many": (many_pictures, "resized to 64×64"),
}
MEASURED = """
import sys
from pathlib import Path
from isthmus.tables import DataError, read
import pyarrow.csv, pyarrow.parquet, PIL.Image, numpy.lib.format
def used():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) >> 10
Path("/proc/self/clear_refs").write_text("5")
before = used()
try:
    table = read(sys.argv[1], labels="k" if "label" in sys.argv[1] else None)
    print(used() - before, *table.description.lines())
except DataError as error:
    print(used() - before, error)
"""


LINUX = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory is read from /proc")


@LINUX
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_or_reduced_before_it_goes_off(name, tmp_path):
    make, words = BOMBS[name]
    make(tmp_path / name)
    told = subprocess.run(
        [sys.executable, "-c", MEASURED, tmp_path / name], capture_output=True, text=True, timeout=60, check=True
    )
    megabytes, _, said = told.stdout.partition(" ")
    assert words in said
    assert int(megabytes) < 300


def test_a_claim_of_rows_beyond_its_bytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "ALWAYS_ROWS", 1000)
    parquet.write_table(pa.table({"a": np.zeros(200_000)}), tmp_path / "f.parquet")
    with pytest.raises(DataError, match="claim to hold 200,000 rows"):
        open_table(tmp_path / "f.parquet")


def test_a_row_without_end_is_refused_as_a_stream(tmp_path):
    (tmp_path / "f.csv").write_bytes(b"a,b\n" + b"1,2\n7,9\n" * 50_000 + b'"' + b"1" * (80 << 20))
    with pytest.raises(DataError, match="a quote is left open"):
        open_table(tmp_path / "f.csv", held_bytes=1)


def test_words_made_of_no_letters(tmp_path):
    for point in (0x110000, 0xD800):
        words = np.frombuffer(struct.pack("<2I", 65, point), "<U1")
        np.savez(tmp_path / "f.npz", X=np.eye(2), y=words)
        assert "'y' holds what is no text" in complaint(tmp_path / "f.npz")


def test_an_archive_may_hold_other_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "f.npz", "w") as archive:
        archive.writestr("../../readme.txt", "hello")
        with archive.open("X.npy", "w") as member:
            np.save(member, np.eye(2))
    assert read(tmp_path / "f.npz").values.tolist() == [[1, 0], [0, 1]]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["f.npz"]


def test_an_archive_of_too_many_arrays(tmp_path):
    with zipfile.ZipFile(tmp_path / "f.npz", "w") as archive:
        for place in range(1001):
            archive.writestr(f"{place}.npy", b"")
    assert "1,001 arrays" in complaint(tmp_path / "f.npz")


def test_a_picture_whose_name_is_no_text(tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    os.rename(os.fsencode(tmp_path / "a.png"), os.fsencode(tmp_path) + b"/\xff.png")
    assert read(tmp_path).ids.tolist() == ["\\xff.png"]


# ---- pipes, links and devices


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npy", ".npz", "-images-idx3-ubyte"])
def test_a_pipe_as_a_data_file_is_not_waited_for(suffix, tmp_path, alarm):
    os.mkfifo(tmp_path / f"p{suffix}")
    for path in (tmp_path / f"p{suffix}", Path("/dev/zero")):
        assert "neither a file nor a folder" in complaint(path)
        with pytest.raises(DataError):
            open_table(path)
    (tmp_path / f"l{suffix}").symlink_to(tmp_path / f"l{suffix}")
    assert "no such file" in complaint(tmp_path / f"l{suffix}")


def unpacked(path, folder):
    for piece in path.read_bytes().split(loaders.MARK)[1:]:
        head, _, content = piece.partition(b"\n")
        (folder / head.decode()).parent.mkdir(parents=True, exist_ok=True)
        (folder / head.decode()).write_bytes(content)
    return folder


@pytest.mark.parametrize("name", ["run.json", "test_rows.csv", "model/config.json", "model/model.safetensors"])
@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_a_run_folder_holds_plain_files(name, kind, tmp_path, alarm):
    run = unpacked(CORPUS / "run" / "seed-plain", tmp_path / "run")
    assert len(open_run(run).test_rows())
    place = run / name
    place.unlink()
    {"pipe": os.mkfifo, "link": lambda it: it.symlink_to("/etc/passwd"), "folder": os.mkdir}[kind](place)

    def read():
        found = open_run(run)
        found.load()
        found.test_rows()

    with pytest.raises((CommandError, StorageError)):
        read()


def test_a_name_that_changes_hands_is_seen(tmp_path, alarm, monkeypatch):
    (tmp_path / "a").write_text("plain")
    plain = os.lstat(tmp_path / "a")
    os.mkfifo(tmp_path / "p")
    monkeypatch.setattr(os, "lstat", lambda _: plain)
    with pytest.raises(StorageError, match="no plain file any more"):
        open_regular_file(tmp_path, "p")


def test_a_record_of_another_model_is_refused(tmp_path):
    run = unpacked(CORPUS / "run" / "seed-plain", tmp_path / "run")
    other = dataclasses.replace(open_run(run).record, columns=("a",))
    (run / "run.json").write_bytes(data_record_bytes(other))
    with pytest.raises(CommandError, match="not that of the model beside it"):
        open_run(run).load()


@pytest.mark.parametrize("kind", ["pipe", "link", "folder", "denoiser"])
def test_what_is_inside_a_denoiser_is_an_autoencoders_folder(kind, tmp_path, alarm):
    quick = DenoisingAutoencoder(1, max_iter=0)
    saved = save(Denoiser(level=0.2, autoencoder=quick, random_state=0).fit(np.eye(9)[:, :4]), tmp_path / "saved")
    shutil.copytree(saved, tmp_path / "other")
    inside = saved / "autoencoder"
    shutil.rmtree(inside)
    {
        "pipe": os.mkfifo,
        "link": lambda it: it.symlink_to(tmp_path / "other" / "autoencoder"),
        "folder": os.mkdir,
        "denoiser": lambda it: shutil.move(tmp_path / "other", it),
    }[kind](inside)
    with pytest.raises(StorageError, match=r"is no folder|is not a folder that isthmus saved|its checksum differs"):
        load(saved)


@LINUX
def test_memory_of_a_model_folder_is_a_small_multiple_of_its_size(tmp_path):
    """Beyond what reading takes anyway: `faults.fuzz.memory` measures how many times."""
    from faults.fuzz.memory import times_its_size

    assert times_its_size("model", tmp_path) < 6
