"""Keys and signatures in the format of minisign (Ed25519): https://jedisct1.github.io/minisign/. Pure.

``minisign -Vm MANIFEST -p KEY.pub`` accepts the signatures, and keys of ``minisign -G -W`` are accepted here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from archive.model.errors import ProofError

_ALGORITHM, _HASHED, _CHECKSUM = b"Ed", b"ED", b"B2"  # of keys; of signatures of a BLAKE2b digest; of BLAKE2b
_NO_PASSWORD = b"\0\0"
_COMMENT, _TRUSTED = "untrusted comment: ", "trusted comment: "
_ID, _SEED = 8, 32  # bytes
_PUBLIC_BYTES, _SECRET_BYTES, _SIGNATURE_BYTES = 42, 158, 74


class PublicKey(Struct, frozen=True):
    """A public key."""

    number: bytes  # 8 bytes, which signatures name
    key: bytes  # Ed25519, 32 bytes

    @property
    def id(self) -> str:
        """The key's number as minisign shows it."""
        return self.number[::-1].hex().upper()


class SecretKey(Struct, frozen=True):
    """A secret key."""

    public: PublicKey
    seed: bytes  # Ed25519, 32 bytes

    def __repr__(self) -> str:
        return f"SecretKey(public={self.public!r})"  # without the seed


def generate_key() -> SecretKey:
    """Return a new key."""
    seed = os.urandom(_SEED)
    return SecretKey(PublicKey(os.urandom(_ID), _public(seed)), seed)


def write_secret_key(key: SecretKey) -> bytes:
    """Return the file of a secret key, without a password."""
    pair = key.seed + key.public.key
    checksum = hashlib.blake2b(_ALGORITHM + key.public.number + pair, digest_size=32).digest()
    salt_and_limits = bytes(32 + 8 + 8)
    data = _ALGORITHM + _NO_PASSWORD + _CHECKSUM + salt_and_limits + key.public.number + pair + checksum
    return f"{_COMMENT}minisign secret key {key.public.id}\n{_text(data)}\n".encode()


def write_public_key(key: PublicKey) -> bytes:
    """Return the file of a public key."""
    return f"{_COMMENT}minisign public key {key.id}\n{_text(_ALGORITHM + key.number + key.key)}\n".encode()


def read_secret_key(file: bytes) -> SecretKey:
    """Parse the file of a secret key.

    :raises ProofError: it is not one, or needs a password
    """
    data = _decode(_lines(file, 2, "a secret key")[1], _SECRET_BYTES, "a secret key of minisign")
    if data[:2] != _ALGORITHM or data[4:6] != _CHECKSUM:
        raise ProofError("it is not a secret key of minisign")
    if data[2:4] != _NO_PASSWORD:
        raise ProofError(
            "it is a secret key with a password, which nobody can type here: make one without (minisign -G -W)"
        )
    number, pair, checksum = data[54:62], data[62:126], data[126:]
    # minisign writes no checksum into a key without a password.
    if checksum not in (bytes(32), hashlib.blake2b(_ALGORITHM + number + pair, digest_size=32).digest()):
        raise ProofError("it is a damaged secret key: its checksum differs")
    if _public(pair[:_SEED]) != pair[_SEED:]:
        raise ProofError("it is a damaged secret key: its two halves do not belong together")
    return SecretKey(PublicKey(number, pair[_SEED:]), pair[:_SEED])


def read_public_key(file: bytes) -> PublicKey:
    """Parse the file of a public key: two lines, or the second one alone.

    :raises ProofError: it is not one
    """
    lines = file.decode("utf-8", "replace").split("\n")
    text = lines[1] if lines[0].startswith(_COMMENT) and len(lines) > 1 else lines[0]
    data = _decode(text, _PUBLIC_BYTES, "a public key of minisign")
    if data[:2] != _ALGORITHM:
        raise ProofError("it is not a public key of minisign")
    return PublicKey(data[2:10], data[10:])


def sign(data: bytes, key: SecretKey, comment: str) -> bytes:
    """Return the file of a signature.

    :param comment: one line, which the signature covers too
    """
    private = Ed25519PrivateKey.from_private_bytes(key.seed)
    signature = private.sign(hashlib.blake2b(data).digest())
    over_all = private.sign(signature + comment.encode())
    lines = (
        f"{_COMMENT}signature of finarchive, key {key.public.id}",
        _text(_HASHED + key.public.number + signature),
        f"{_TRUSTED}{comment}",
        _text(over_all),
    )
    return "".join(f"{line}\n" for line in lines).encode()


def verify_signature(file: bytes, data: bytes, key: PublicKey) -> str:
    """Check a signature.

    :param file: the file of the signature
    :param data: what was signed
    :return: the trusted comment
    :raises ProofError: it is not a signature of this key over this data
    """
    _, first, comment, second = _lines(file, 4, "a signature")
    head = _decode(first, _SIGNATURE_BYTES, "a signature of minisign")
    over_all = _decode(second, 64, "a signature of minisign")
    if not comment.startswith(_TRUSTED) or head[:2] not in (_ALGORITHM, _HASHED):
        raise ProofError("it is not a signature of minisign")
    signer, signature = PublicKey(head[2:10], key.key), head[10:]
    if signer.number != key.number:
        raise ProofError(f"it is a signature of the key {signer.id}, not of {key.id}")
    comment = comment.removeprefix(_TRUSTED)
    public = Ed25519PublicKey.from_public_bytes(key.key)
    try:
        public.verify(signature, hashlib.blake2b(data).digest() if head[:2] == _HASHED else data)
        public.verify(over_all, signature + comment.encode())
    except InvalidSignature as error:
        raise ProofError(f"it is not a signature of the key {key.id} over this manifest") from error
    return comment


def _public(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _lines(file: bytes, number: int, what: str) -> list[str]:
    lines = file.decode("utf-8", "replace").rstrip("\r\n").replace("\r\n", "\n").split("\n")
    if len(lines) != number or not lines[0].startswith(_COMMENT):
        raise ProofError(f"it is not {what} of minisign")
    return lines


def _decode(text: str, length: int, what: str) -> bytes:
    try:
        data = base64.b64decode(text.strip().encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        data = b""
    if len(data) != length:
        raise ProofError(f"it is not {what}")
    return data


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
