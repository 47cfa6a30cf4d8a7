"""Keys and signatures in minisign's format: the real minisign accepts ours, and we accept those of minisign."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from archive.model.errors import ProofError
from archive.proof import minisign
from tests.support.tools import needs

DATA = b"# finarchive manifest 1\n"
needs_minisign = needs("minisign")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["minisign", *arguments], cwd=folder, capture_output=True, text=True, check=False, input="")


@needs_minisign
def test_minisign_accepts_our_signature_and_not_over_other_data(tmp_path: Path) -> None:
    key = minisign.generate_key()
    (tmp_path / "our.pub").write_bytes(minisign.write_public_key(key.public))
    (tmp_path / "day.tsv").write_bytes(DATA)
    (tmp_path / "day.tsv.minisig").write_bytes(minisign.sign(DATA, key, "timestamp:1\tfile:day.tsv\thashed"))
    done = run(tmp_path, "-Vm", "day.tsv", "-p", "our.pub")
    assert done.returncode == 0, done.stderr
    assert "file:day.tsv" in done.stdout
    (tmp_path / "day.tsv").write_bytes(DATA + b"x")
    assert run(tmp_path, "-Vm", "day.tsv", "-p", "our.pub").returncode != 0


@needs_minisign
def test_minisign_signs_with_our_secret_key(tmp_path: Path) -> None:
    key = minisign.generate_key()
    (tmp_path / "our.key").write_bytes(minisign.write_secret_key(key))
    (tmp_path / "day.tsv").write_bytes(DATA)
    done = run(tmp_path, "-Sm", "day.tsv", "-s", "our.key", "-t", "theirs")
    assert done.returncode == 0, done.stderr
    signature = (tmp_path / "day.tsv.minisig").read_bytes()
    assert minisign.verify_signature(signature, DATA, key.public) == "theirs"


@needs_minisign
def test_a_key_of_minisign_without_a_password_is_read_and_one_with_a_password_refused(tmp_path: Path) -> None:
    assert run(tmp_path, "-GW", "-p", "a.pub", "-s", "a.key").returncode == 0
    key = minisign.read_secret_key((tmp_path / "a.key").read_bytes())
    assert key.public == minisign.read_public_key((tmp_path / "a.pub").read_bytes())
    assert key.public.id.lstrip("0") in (tmp_path / "a.pub").read_text()  # minisign writes no leading zeros
    data = bytearray(base64.b64decode((tmp_path / "a.key").read_text().splitlines()[1]))
    data[2:4] = b"Sc"  # as minisign marks a key that is encrypted with a password
    with pytest.raises(ProofError, match="with a password"):
        minisign.read_secret_key(b"untrusted comment: x\n" + base64.b64encode(data) + b"\n")


def test_what_is_written_is_read_again() -> None:
    key = minisign.generate_key()
    assert minisign.read_secret_key(minisign.write_secret_key(key)) == key
    assert minisign.read_public_key(minisign.write_public_key(key.public)) == key.public
    alone = minisign.write_public_key(key.public).splitlines()[1]  # as people publish it
    assert minisign.read_public_key(alone) == key.public
    assert str(key.seed) not in repr(key)


def test_a_changed_signature_comment_or_key_is_refused() -> None:
    key, other = minisign.generate_key(), minisign.generate_key()
    file = minisign.sign(DATA, key, "the day")
    assert minisign.verify_signature(file, DATA, key.public) == "the day"
    assert minisign.verify_signature(file.replace(b"\n", b"\r\n"), DATA, key.public) == "the day"
    with pytest.raises(ProofError, match=f"of the key {key.public.id}, not of {other.public.id}"):
        minisign.verify_signature(file, DATA, other.public)
    disguised = minisign.PublicKey(key.public.number, other.public.key)
    for changed, data, public in (
        (file.replace(b"the day", b"another"), DATA, key.public),
        (file, DATA + b"x", key.public),
        (file, DATA, disguised),
    ):
        with pytest.raises(ProofError, match="not a signature of the key"):
            minisign.verify_signature(changed, data, public)


@pytest.mark.parametrize("file", [b"", b"\n\n\n\n", b"<html>", b"untrusted comment: x\n\xff\n", b"RWQ", b"\0" * 200])
def test_what_is_no_key_and_no_signature_is_refused(file: bytes) -> None:
    for read in (minisign.read_public_key, minisign.read_secret_key):
        with pytest.raises(ProofError):
            read(file)
    with pytest.raises(ProofError):
        minisign.verify_signature(file, DATA, minisign.generate_key().public)


@pytest.mark.parametrize("at", [0, 4, 60, 70, 100, 130])
def test_a_damaged_secret_key_is_refused(at: int) -> None:
    comment, text = minisign.write_secret_key(minisign.generate_key()).splitlines()
    data = bytearray(base64.b64decode(text))
    data[at] ^= 1
    with pytest.raises(ProofError):
        minisign.read_secret_key(comment + b"\n" + base64.b64encode(data))
