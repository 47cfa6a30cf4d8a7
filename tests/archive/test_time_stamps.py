"""Time-stamp tokens of a real authority (``openssl ts``), and what is no proof."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.model.errors import ProofError
from archive.proof import rfc3161
from tests.support.time_stamping import Certificates
from tests.support.tools import needs

DATA = b"# finarchive manifest 1\n"
ROOT = hashlib.sha256(DATA).hexdigest()


pytestmark = needs("openssl")


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tsa"))


def trusted(certificates: Certificates) -> list[rfc3161.Certificate]:
    return rfc3161.read_certificates(certificates.ca.read_bytes())


def test_a_token_is_verified_with_the_certificate_of_its_authority(tsa: Certificates, tmp_path: Path) -> None:
    request = rfc3161.make_request(DATA)
    reply = tsa.reply(request.data)
    assert rfc3161.read_time(reply, ROOT, request.nonce) == rfc3161.verify_token(reply, ROOT, trusted(tsa))
    assert abs(rfc3161.read_time(reply, ROOT) - datetime.now(UTC)) < timedelta(minutes=5)
    (tmp_path / "day.tsv").write_bytes(DATA)
    (tmp_path / "day.tsr").write_bytes(reply)
    subprocess.run(
        ["openssl", "ts", "-verify", "-data", "day.tsv", "-in", "day.tsr", "-CAfile", tsa.ca],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip


def test_the_request_does_not_contain_the_manifest(tsa: Certificates) -> None:
    request = rfc3161.make_request(DATA)
    assert bytes.fromhex(ROOT) in request.data
    assert DATA not in request.data
    assert rfc3161.make_request(DATA).nonce != request.nonce


def test_a_token_about_another_root_or_with_another_nonce_is_refused(tsa: Certificates) -> None:
    request = rfc3161.make_request(b"another manifest")
    reply = tsa.reply(request.data)
    with pytest.raises(ProofError, match="about another root"):
        rfc3161.read_time(reply, ROOT, request.nonce)
    with pytest.raises(ProofError, match="about another root"):
        rfc3161.verify_token(reply, ROOT, trusted(tsa))
    with pytest.raises(ProofError, match="another nonce"):
        rfc3161.read_time(tsa.reply(rfc3161.make_request(DATA).data), ROOT, request.nonce)


def test_a_token_of_an_unknown_authority_proves_nothing(tsa: Certificates, tmp_path: Path) -> None:
    reply = tsa.reply(rfc3161.make_request(DATA).data)
    other = Certificates(tmp_path, "other")
    with pytest.raises(ProofError, match="do not confirm its token"):
        rfc3161.verify_token(reply, ROOT, trusted(other))
    assert rfc3161.verify_token(reply, ROOT, [*trusted(other), *trusted(tsa)])


def test_a_certificate_that_has_expired_or_is_not_valid_yet_proves_nothing(tmp_path: Path) -> None:
    tsa = Certificates(tmp_path)
    request = rfc3161.make_request(DATA).data
    before = tsa.reply(request)
    tsa.issue("critical,timeStamping", "-days", "-1")
    with pytest.raises(ProofError, match="do not confirm its token"):
        rfc3161.verify_token(tsa.reply(request), ROOT, trusted(tsa))
    assert rfc3161.verify_token(before, ROOT, trusted(tsa)), "it was valid at the time of the token"


def test_a_changed_token_is_refused(tsa: Certificates) -> None:
    reply = tsa.reply(rfc3161.make_request(DATA).data)
    certificates = trusted(tsa)
    accepted = 0
    for at in range(0, len(reply), 7):
        changed = bytearray(reply)
        changed[at] ^= 0x10
        try:
            time = rfc3161.verify_token(bytes(changed), ROOT, certificates)
        except ProofError:
            continue
        accepted += 1
        assert time == rfc3161.read_time(reply, ROOT), "what is not signed says nothing about the time"
    assert accepted < len(reply) / 7 / 2


def test_what_is_no_answer_is_refused(tsa: Certificates) -> None:
    for answer in (b"", b"<html>sorry</html>", b"0\x03\x02\x01\x02", bytes(1000), b"\x30\x84\xff\xff\xff\xff"):
        with pytest.raises(ProofError):
            rfc3161.read_time(answer, ROOT)


def test_a_request_that_was_not_granted_is_refused() -> None:
    rejection = bytes.fromhex("30053003020102")  # a TimeStampResp with the status 2 and no token
    with pytest.raises(ProofError, match="not granted it"):
        rfc3161.read_time(rejection, ROOT)


@pytest.mark.parametrize(
    "pem", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_certificates_is_refused(pem: bytes) -> None:
    with pytest.raises(ProofError, match="no certificates"):
        rfc3161.read_certificates(pem)
