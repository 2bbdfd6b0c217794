"""A process of several that is started with a wrong address says so, and does not wait for ever."""

from __future__ import annotations

import socket

import pytest

from cli.conftest import QUICK, call, sentence
from isthmus.cli import distributed


def asked(monkeypatch, folder, tmp_path, **environment):
    for name, value in {"WORLD_SIZE": "2", **environment}.items():
        monkeypatch.setenv(name, value)
    return sentence(call("fit", folder / "own.csv", *QUICK, "--ids", "name", "-o", tmp_path / "run"))


def test_what_is_missing_is_named(folder, tmp_path, monkeypatch):
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    said = asked(monkeypatch, folder, tmp_path, RANK="0")
    assert "WORLD_SIZE=2 is set without MASTER_ADDR and MASTER_PORT" in said
    assert "torchrun" in said


@pytest.mark.parametrize("port", ["abc", "0", "70000"])
def test_a_wrong_port_is_named(folder, tmp_path, monkeypatch, port):
    said = asked(monkeypatch, folder, tmp_path, RANK="1", MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    assert f"MASTER_PORT={port}" in said


def test_an_unknown_host_is_named(folder, tmp_path, monkeypatch):
    said = asked(monkeypatch, folder, tmp_path, RANK="1", MASTER_ADDR="nobody.invalid", MASTER_PORT="29500")
    assert "nobody.invalid:29500 (MASTER_ADDR, MASTER_PORT)" in said


def test_where_nobody_listens_the_wait_has_an_end(folder, tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    monkeypatch.setattr(distributed, "FIRST_WAIT", 0.5)
    said = asked(monkeypatch, folder, tmp_path, RANK="1", MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
    assert f"no process answered at 127.0.0.1:{port}" in said
    assert not (tmp_path / "run").exists()
