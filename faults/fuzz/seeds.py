"""The initial inputs of fuzzing: one small valid file of each kind, made by the library itself.

python -m faults.fuzz.seeds writes them to faults/fuzz/corpus/LOADER/. Those called format1-… are folders of the first
format, which is still read but no longer written: they are kept.
"""

from __future__ import annotations

import gzip
import io
import struct
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from faults.fuzz.loaders import joined

__all__ = ["CORPUS", "write_seeds"]

CORPUS = Path(__file__).parent / "corpus"

SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
WORKBOOK = {
    "[Content_Types].xml": (
        f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>'
    ),
    "_rels/.rels": (
        f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" Type="{OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{SHEETS}" xmlns:r="{OFFICE}"><sheets><sheet name="one" sheetId="1" r:id="r1"/></sheets>'
        "</workbook>"
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" Type="{OFFICE}/worksheet" '
        'Target="worksheets/sheet1.xml"/></Relationships>'
    ),
    "xl/worksheets/sheet1.xml": (
        f'<worksheet xmlns="{SHEETS}"><sheetData>'
        '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="B1" t="inlineStr"><is><t>k</t></is></c></row>'
        '<row r="2"><c r="A2"><v>1.5</v></c><c r="B2" t="inlineStr"><is><t>x</t></is></c></row>'
        '<row r="3"><c r="A3"><v>2</v></c><c r="B3" t="b"><v>1</v></c></row>'
        '<row r="4"><c r="A4"><v>3</v></c></row></sheetData></worksheet>'
    ),
}


def write_seeds() -> None:
    """Write the seeds of every loader."""
    for loader, made in (*_folders().items(), *_tables().items(), ("image", _pictures())):
        (CORPUS / loader).mkdir(parents=True, exist_ok=True)
        for name, data in made.items():
            (CORPUS / loader / f"seed-{name}").write_bytes(data)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".png"
    }


def _folders() -> dict[str, dict[str, bytes]]:
    import pandas as pd

    from isthmus import (
        Autoencoder,
        Checkpoints,
        PretrainedClassifier,
        PretrainedRegressor,
        VariationalAutoencoder,
        save,
    )
    from isthmus.anomaly import AutoencoderOutlierDetector
    from isthmus.cli.outcome import run
    from isthmus.denoising import Denoiser
    from isthmus.variants.denoising import DenoisingAutoencoder

    rows = np.random.default_rng(0).normal(size=(40, 3)) @ np.diag([3.0, 2, 1])
    small = {"max_iter": 1, "hidden_layer_sizes": (2,), "random_state": 0}
    mixed = pd.DataFrame({"a": rows[:, 0], "k": list("xy") * 20, "d": pd.date_range("2020-01-01", periods=40)})
    masked = np.where(np.random.default_rng(1).random(rows.shape) < 0.1, np.nan, rows)
    made: dict[str, dict[str, bytes]] = {
        name: {} for name in ("model", "detector", "denoiser", "head", "checkpoint", "run")
    }
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        for name, estimator in {
            "plain": Autoencoder(1, **small).fit(rows),
            "variational": VariationalAutoencoder(1, **small).fit(rows),
            "mixed": Autoencoder(1, **small).fit(mixed),
            "mask": Autoencoder(1, missing="mask", **small).fit(masked),
            "picture": Autoencoder(1, image_shape=(2, 2), channels=(1,), max_iter=1).fit(rows[:, [0, 1, 2, 0]]),
        }.items():
            made["model"][name] = joined(_files(save(estimator, folder / name)))
        found = AutoencoderOutlierDetector(autoencoder=Autoencoder(1, **small), random_state=0).fit(rows)
        made["detector"]["plain"] = joined(_files(save(found, folder / "detector")))
        quick = DenoisingAutoencoder(1, **small)
        for clean in (True, False):
            kept = Denoiser(level=0.2, clean=clean, autoencoder=quick, random_state=0).fit(np.repeat(rows, 3, 1))
            made["denoiser"]["clean" if clean else "blind"] = joined(_files(save(kept, folder / f"denoiser{clean}")))
        words, sums = np.where(rows[:, 0] > 0, "up", "down"), rows.sum(1)
        for name, head in {
            "classifier": PretrainedClassifier(quick, n_steps=2, random_state=0).fit(rows, words),
            "regressor": PretrainedRegressor(quick, fine_tune=False, random_state=0).fit(rows, sums),
        }.items():
            made["head"][name] = joined(_files(save(head, folder / name)))
        Autoencoder(1, **small).fit(rows, checkpoints=Checkpoints(folder / "work", keep=1))
        (checkpoint,) = (folder / "work").glob("checkpoint-*")
        made["checkpoint"]["plain"] = joined(_files(checkpoint))
        np.savetxt(folder / "t.csv", rows, delimiter=",", header="a,b,c", comments="")
        asked = ["fit", str(folder / "t.csv"), "-o", str(folder / "run"), "--max-iter", "1", "--no-plots", "--no-page"]
        if run([*asked, "--hidden-layer-sizes", "2", "--n-components", "1"]) != 0:
            raise RuntimeError("no run was made")
        made["run"]["plain"] = joined(_files(folder / "run"))
    return made


def _tables() -> dict[str, dict[str, bytes]]:
    import pyarrow as pa
    from pyarrow import parquet

    text = b"id,a,b\np,1,2.5\nq,3,4e1\n"
    made: dict[str, dict[str, bytes]] = {
        "csv": {"plain": text, "quoted": b'a,"b\nc"\n1,2\n\n3,"4"\n', "bare": b"1,2\n3,4\n"} | _texts()
    }
    array = np.arange(6, dtype=np.float32).reshape(3, 2)
    made["npy"] = {name: _npy(each) for name, each in {"float": array, "bytes": np.zeros((2, 2, 2), np.uint8)}.items()}
    stored, packed = io.BytesIO(), io.BytesIO()
    np.savez(stored, X=array, y=np.array(["a", "b", "a"]), columns=np.array(["u", "v"]))
    np.savez_compressed(packed, X=array)
    made["npz"] = {"stored": stored.getvalue(), "packed": packed.getvalue(), "sparse": _sparse(array)}
    made["parquet"], made["feather"] = {}, {}
    frame = pa.table({"a": [1.0, 2.0], "k": ["x", "x"], "n": pa.array([1, None])})
    for packing in ("none", "snappy", "zstd"):
        out = io.BytesIO()
        parquet.write_table(frame, out, compression=packing)
        made["parquet"][packing] = out.getvalue()
    for name, write in (("file", pa.ipc.new_file), ("stream", pa.ipc.new_stream)):
        out = io.BytesIO()
        with write(out, frame.schema) as writer:
            writer.write_table(frame)
        made["feather"][name] = out.getvalue()
    plain = struct.pack(">HBB3I", 0, 8, 3, 2, 2, 2) + bytes(range(8))
    made["idx"] = {"plain": plain, "zipped": gzip.compress(plain, mtime=0)}
    return made | _other_tables()


def _texts() -> dict[str, bytes]:
    """Texts in different dialects."""
    decimal_comma = b"Stand: 1.2.2024\n\nOrt;Wert (kg);Tag\nA;1,5;3.2.2024\nB;-;4.2.2024\nSumme;1,5;\n"
    return {
        "semicolons": decimal_comma,
        "utf-16": b"\xff\xfe" + "a\tb\n1\t2,5\né\t3\n".encode("utf-16-le"),
        "latin": "n,v\ncafé,1 %\nthé,2 %\ncafé,$3\n".encode("latin-1"),
        "fixed": b"name      n   when\n---- ------ ------\nab cd    12 200101\ne          3 200102\n",
        "comments": b"# made by hand\ntime,u\ns,mV\n2024-01-01 00:00,1\n2024-01-01 00:01,NA\n2024-01-01 00:02,-9999\n",
        "groups": b"A,,B,\nx,y,x,y\n1,2,3,4\n5,6,7,8\n9,1,2,3\n",
        "lists": b'k,v\na,"[1, 2]"\nb,"[3, 4]"\nc,"{\'x\': 1}"\n',
        "ragged": b"a,b\n1,2\n3\n4,5,6\n\n'x','y'\n",
    }


def _sparse(array: np.ndarray) -> bytes:
    from scipy import sparse

    out = io.BytesIO()
    sparse.save_npz(out, sparse.csr_matrix(array))
    return out.getvalue()


def _packed() -> dict[str, bytes]:
    import bz2
    import lzma
    import tarfile

    text = b"a,b\n1,2\n3,4\n"
    archives = {}
    for name, writing in (("zip", zipfile.ZIP_DEFLATED), ("stored", zipfile.ZIP_STORED)):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", writing) as archive:
            for member in ("t/a.csv", "t/b.csv") if name == "zip" else ("a.csv",):
                archive.writestr(zipfile.ZipInfo(member), text)
        archives[name] = out.getvalue()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        member = tarfile.TarInfo("a.csv")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    return archives | {
        "tar": out.getvalue(),
        "gz": gzip.compress(text, mtime=0),
        "bz2": bz2.compress(text),
        "xz": lzma.compress(text),
    }


def _sound() -> dict[str, bytes]:
    import wave

    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(400)
        file.writeframes(np.arange(1600, dtype="<i2").tobytes())
    return {"wav": out.getvalue()}


def _other_tables() -> dict[str, dict[str, bytes]]:
    import h5py
    from scipy.io import savemat

    matlab, hdf5, workbook = io.BytesIO(), io.BytesIO(), io.BytesIO()
    savemat(matlab, {"X": np.arange(6.0).reshape(3, 2), "y": np.array([[1], [2], [1]], np.uint8)})
    with h5py.File(hdf5, "w") as file:
        file["X"], file["y"] = np.arange(6, dtype=np.float32).reshape(3, 2), np.array([1, 2, 1])
    with zipfile.ZipFile(workbook, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in WORKBOOK.items():
            archive.writestr(zipfile.ZipInfo(name), f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    words = struct.pack("<2f", 1.5, -2.0)
    return {
        "json_records": {
            "records": b'[{"a": 1, "k": "x", "in": {"b": 2.5}}, {"a": 2, "k": "y", "in": {"b": null}}]',
            "lines": b'{"a": 1, "k": "x"}\n{"a": 2.5, "k": null}\n',
            "columns": b'{"a": [1, 2, 3], "k": ["x", "y", "x"]}',
        },
        "arff": {
            "plain": b"@relation t\n@attribute a numeric\n@attribute k {x, y}\n@data\n1,x\n?,y\n2.5,x\n",
            "sparse": b"@relation t\n@attribute a numeric\n@attribute 'b c' string\n@data\n{0 1}\n{0 2, 1 'p q'}\n",
        },
        "excel": {"workbook": workbook.getvalue()},
        "matlab": {"plain": matlab.getvalue()},
        "hdf5": {"plain": hdf5.getvalue()},
        "word_vectors": {
            "counted": b"3 2\nand 0.5 1\nor 0.25 2\nnot 1 -3\n",
            "binary": b"2 2\nand " + words + b"or " + words,
        },
        "matrix_market": {
            "sparse": b"%%MatrixMarket matrix coordinate real general\n3 2 2\n1 1 0.5\n3 2 1e3\n",
            "dense": b"%%MatrixMarket matrix array integer general\n2 2\n1\n2\n3\n4\n",
        },
        "packed": _packed(),
        "sound": _sound(),
        "several": {
            "alike": joined({"a.csv": b"a,b\n1,2\n3,4\n", "b.csv": b"b,a\n5,6\n7,8\n"}),
            "records": joined({"a.jsonl": b'{"a": 1}\n{"a": 2}\n', "b.jsonl": b'{"a": 3, "k": "x"}\n'}),
        },
        "svmlight": {"plain": b"1 1:0.5 3:2\n-1 2:1.5 # a word\n1 1:2\n", "query": b"1 qid:3 1:0.5\n0 qid:3 2:1\n"},
    }


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()


def _pictures() -> dict[str, bytes]:
    from PIL import Image

    made = {}
    for index, kind in enumerate(("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")):
        out = io.BytesIO()
        Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4)).save(out, format=kind)
        made[kind.lower()] = bytes([index]) + out.getvalue()
    return made


if __name__ == "__main__":
    write_seeds()
