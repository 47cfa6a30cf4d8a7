"""Time-stamp tokens of RFC 3161: the request, and the check of an answer with the certificates given. Offline.

A token says that an authority saw the sha256 of a manifest at a time. ``openssl ts -verify`` checks the same.
"""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography.x509 import Certificate, load_pem_x509_certificates
from msgspec import Struct
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from archive.model.errors import ProofError

_SHA256 = "2.16.840.1.101.3.4.2.1"  # its object identifier, of RFC 8017


class TimeStampRequest(Struct, frozen=True):
    """A request to a time-stamping authority."""

    data: bytes  # DER
    nonce: int  # the answer has it too; so it is no older answer


def make_request(manifest: bytes) -> TimeStampRequest:
    """Return a request to stamp the sha256 of a manifest; the authority does not see the manifest."""
    request = TimestampRequestBuilder().data(manifest).hash_algorithm(HashAlgorithm.SHA256).build()
    return TimeStampRequest(request.as_bytes(), request.nonce or 0)


def read_time(response: bytes, root: str, nonce: int | None = None) -> datetime:
    """Return the time of a token, which is proven only if :func:`verify_token` accepts the token.

    :param response: a TimeStampResp, DER
    :param root: the sha256 that it must be about, hex
    :param nonce: of the request; None: any
    :raises ProofError: it is no granted token about this root
    """
    token = _decode(response)
    if token.status != 0:  # granted; 1 is a token that differs from the request
        raise ProofError(f"the authority has not granted it (status {token.status})")
    try:
        info = token.tst_info
        imprint, algorithm = info.message_imprint.message, info.message_imprint.hash_algorithm.dotted_string
        given, time = info.nonce, info.gen_time
    except ValueError as error:
        raise ProofError("its answer has no valid token") from error
    if algorithm != _SHA256 or imprint.hex() != root:
        raise ProofError("its token is about another root")
    if nonce is not None and given != nonce:
        raise ProofError("its token has another nonce than the request, so it may be an old one")
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def verify_token(response: bytes, root: str, certificates: list[Certificate]) -> datetime:
    """Check the signature of a token, and that its certificate is for time stamps and was valid at its time.

    :param certificates: of the authorities that are trusted
    :return: the time of the token
    :raises ProofError: it proves nothing about this root
    """
    time = read_time(response, root)
    builder = VerifierBuilder(roots=list(certificates))
    try:
        builder.build().verify(_decode(response), bytes.fromhex(root))
    except (VerificationError, ValueError) as error:
        # The library's text: which step failed. It quotes nothing but names of certificates.
        raise ProofError(f"the certificates given do not confirm its token ({_one_line(error)})") from error
    return time


def read_certificates(pem: bytes) -> list[Certificate]:
    """Return the certificates in the bytes of a PEM file.

    :raises ProofError: there are none, or one cannot be read
    """
    try:
        return load_pem_x509_certificates(pem)
    except ValueError as error:
        raise ProofError("it has no certificates in PEM format") from error


def _decode(response: bytes) -> TimeStampResponse:
    try:
        return decode_timestamp_response(response)
    except ValueError as error:
        raise ProofError("its answer is not a time-stamp response") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
