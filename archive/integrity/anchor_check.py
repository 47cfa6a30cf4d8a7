"""Check anchors and signatures of manifests offline, and find since when each day is anchored.

A root covers its manifest and all manifests before it, because each contains the sha256 of the one before. So a day
is anchored since the earliest proven time of an anchor of its own root or of a later one, if the chain between them
is unbroken. D150
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

from msgspec import Struct, field

from archive.export.extras import requires_extra
from archive.files.hashing import sha256_of
from archive.files.layout import manifests_path
from archive.files.manifest import read_manifest
from archive.files.paths import CHINA
from archive.integrity.manifest_check import Problem
from archive.model.errors import MissingExtraError, ProofError, TrustError
from archive.proof.anchor_files import MAX_BYTES, MINISIGN, OPENTIMESTAMPS, RFC3161, AnchorFile, list_anchor_files
from archive.proof.receipts import read_receipt

ANCHOR_PROBLEMS = ("anchor", "root")  # the kinds of problems that are found here
# States of an anchor: it proves a time (a signature: the signer); it was not checked, for the reason in `detail`; it
# is in no block yet; it is a receipt, which proves nothing without the place that it names; its time is before the
# end of its day, so that times in the manifest are wrong.
PROVEN, UNCHECKED, PENDING, RECEIPT, EARLY = "proven", "unchecked", "pending", "receipt", "early"
# The time of a block may differ by two hours. A machine's clock is usually right to seconds.
MAX_CLOCK_DIFFERENCE = timedelta(hours=2)


class Trust(Struct, frozen=True):
    """What anchors are checked with. The bytes of files that the owner trusts; empty: there is none."""

    certificates: bytes = b""  # PEM, of time-stamping authorities
    block_headers: bytes = b""  # of Bitcoin, see archive.proof.open_timestamps.read_headers
    public_key: bytes = b""  # of minisign
    roots: Mapping[str, str] = field(default_factory=dict)  # kept elsewhere: day -> sha256, hex


class CheckedAnchor(Struct, frozen=True):
    """An anchor or a signature that fits its manifest."""

    path: str  # relative to the archive's root
    day: str
    anchor: str  # its name, such as "rfc3161-0123456789ab"
    state: str  # PROVEN, UNCHECKED, PENDING, RECEIPT or EARLY
    at: datetime | None  # the time that it names; proven if the state is PROVEN. None: it names none
    detail: str  # text for people


class ProvenDay(Struct, frozen=True):
    """What is proven of a day's manifest."""

    day: str
    root: str  # the sha256 of its bytes
    since: datetime | None  # it existed at this time; None: no anchor proves a time
    by: str | None  # path of the anchor that proves the time
    signed_by: str | None  # path of a signature that covers it
    kept: str | None  # day of a root kept elsewhere that covers it


class ProofReport(Struct, frozen=True):
    """The result of a check of all anchors."""

    anchors: tuple[CheckedAnchor, ...] = ()
    days: tuple[ProvenDay, ...] = ()  # ascending


def check_anchors(root: Path, trust: Trust) -> tuple[ProofReport, list[Problem]]:
    """Check the anchors of an archive, and the roots kept elsewhere. Reads the manifests, and no index.

    :raises TrustError: what is trusted cannot be read
    """
    folder = manifests_path(root)
    manifests = {path.stem: _read_manifest(path) for path in sorted(folder.glob("*.tsv")) if _is_manifest(path)}
    roots = {day: manifest.root for day, manifest in manifests.items()}
    problems = list(_check_kept(root, roots, trust.roots))
    anchors: list[CheckedAnchor] = []
    check = _Checker(trust)
    for file in list_anchor_files(folder):
        name = file.path.relative_to(root).as_posix()
        if file.day not in roots:
            problems.append(Problem("anchor", name, f"there is no manifest of {file.day}"))
            continue
        try:
            state, at, detail = check(file, manifests[file.day])
            anchors.append(CheckedAnchor(name, file.day, file.anchor, state, at, detail))
        except ProofError as error:
            problems.append(Problem("anchor", name, str(error)))
    kept = [day for day, sha256 in trust.roots.items() if roots.get(day) == sha256]
    return ProofReport(tuple(anchors), tuple(_days(manifests, anchors, kept))), problems


class _Manifest(Struct, frozen=True):
    """A manifest without its lines: those of many years fill the memory."""

    path: Path
    root: str  # the sha256 of its bytes
    previous: tuple[str, str] | None  # day and sha256 that it names as the previous manifest


def _read_manifest(path: Path) -> _Manifest:
    data = path.read_bytes()
    try:
        previous = read_manifest(data)[1]
    except (ValueError, TypeError):  # verify reports it
        previous = None
    return _Manifest(path, sha256_of(data), previous)


def _is_manifest(path: Path) -> bool:
    try:
        date.fromisoformat(path.stem)
    except ValueError:
        return False
    return path.is_file() and not path.is_symlink()


def _check_kept(root: Path, roots: Mapping[str, str], kept: Mapping[str, str]) -> Iterator[Problem]:
    for day, sha256 in kept.items():
        name = (manifests_path(root) / f"{day}.tsv").relative_to(root).as_posix()
        if day not in roots:
            yield Problem("root", name, f"there is no manifest of this day; the root that was kept is {sha256}")
        elif roots[day] != sha256:
            yield Problem("root", name, f"its sha256 is {roots[day]}; the root that was kept is {sha256}")


def _days(manifests: Mapping[str, _Manifest], anchors: list[CheckedAnchor], kept: list[str]) -> list[ProvenDay]:
    """Go from the newest manifest to the oldest, and collect what covers each. Below a break nothing does."""
    days: list[ProvenDay] = []
    since: tuple[datetime, str] | None = None
    signed_by = covered_by = None
    linked: tuple[str, str] | None = None  # what the manifest above names as the previous one
    for day in sorted(manifests, reverse=True):
        if linked != (day, manifests[day].root):
            since = signed_by = covered_by = None
        own = [each for each in anchors if each.day == day and each.state == PROVEN]
        times = [(each.at, each.path) for each in own if each.at is not None]
        since = min([*times, *([since] if since else [])], default=None)
        signed_by = next((each.path for each in own if each.anchor == MINISIGN), signed_by)
        covered_by = day if day in kept else covered_by
        at, by = since or (None, None)
        days.append(ProvenDay(day, manifests[day].root, at, by, signed_by, covered_by))
        linked = manifests[day].previous
    return days[::-1]


_Finding = tuple[str, datetime | None, str]  # state, time, detail


def _unless_early(day: str, state: str, at: datetime | None, detail: str) -> _Finding:
    """Return a finding; EARLY instead of PROVEN if the time is one at which the day was not over."""
    end = datetime.combine(date.fromisoformat(day), datetime.max.time(), CHINA)
    if state == PROVEN and at and at + MAX_CLOCK_DIFFERENCE < end:
        return EARLY, at, f"its time, {at:%Y-%m-%d %H:%M} UTC, is before the end of the day: a clock was wrong"
    return state, at, detail


class _Checker:
    """Checks the file of an anchor with what is trusted; raises ProofError if it does not fit its manifest. D155"""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._kinds: dict[str, Callable[[bytes, _Manifest], _Finding]] = {
            RFC3161: self._rfc3161,
            OPENTIMESTAMPS: self._opentimestamps,
            MINISIGN: self._minisign,
        }

    def __call__(self, file: AnchorFile, manifest: _Manifest) -> _Finding:
        try:
            if file.path.is_symlink() or not file.path.is_file() or file.path.stat().st_size > MAX_BYTES:
                raise ProofError("it is not a file of an anchor")
            data = file.path.read_bytes()
        except OSError as error:
            raise ProofError(f"it cannot be read ({error.strerror})") from error
        if check := self._kinds.get(file.kind):
            return _unless_early(file.day, *check(data, manifest))
        receipt = read_receipt(data)
        if (receipt.day, receipt.root) != (file.day, manifest.root):
            raise ProofError(f"it is the receipt of another root, {receipt.root} of {receipt.day}")
        commit = f", commit {receipt.commit} of {receipt.branch}" if receipt.commit else ""
        return RECEIPT, datetime.fromisoformat(receipt.at), f"{receipt.place} has it{commit}"

    def _rfc3161(self, data: bytes, manifest: _Manifest) -> _Finding:
        try:
            with requires_extra("this anchor", "proof"):
                from archive.proof import rfc3161  # noqa: PLC0415 - most archives have no such anchor
        except MissingExtraError as error:
            return UNCHECKED, None, str(error)
        time = rfc3161.read_time(data, manifest.root)
        if not self._trust.certificates:
            return UNCHECKED, time, "proof.certificates is not set"
        with _trusting("proof.certificates"):
            certificates = rfc3161.read_certificates(self._trust.certificates)
        return PROVEN, rfc3161.verify_token(data, manifest.root, certificates), "its certificate is trusted"

    def _opentimestamps(self, data: bytes, manifest: _Manifest) -> _Finding:
        try:
            with requires_extra("this anchor", "proof"):
                from archive.proof import open_timestamps  # noqa: PLC0415 - most archives have no such anchor
        except MissingExtraError as error:
            return UNCHECKED, None, str(error)
        proof = open_timestamps.read_proof(data)
        if proof.root != manifest.root:
            raise ProofError(f"it is about another root, {proof.root}")
        if not proof.blocks:
            return PENDING, None, "it is in no block yet, so that only the calendar knows of it"
        with _trusting("proof.block_headers"):
            headers = open_timestamps.read_headers(self._trust.block_headers)
        times = [
            (open_timestamps.block_time(headers[height], merkle), height)
            for height, merkle in proof.blocks
            if height in headers
        ]
        if times:
            return PROVEN, min(times)[0], f"in the Bitcoin block {min(times)[1]}"
        heights = ", ".join(str(height) for height, _ in proof.blocks)
        return UNCHECKED, None, f"proof.block_headers has no header of the Bitcoin block {heights}"

    def _minisign(self, data: bytes, manifest: _Manifest) -> _Finding:
        from archive.proof import minisign  # noqa: PLC0415 - most archives have no signature

        if not self._trust.public_key:
            return UNCHECKED, None, "proof.public_key is not set"
        with _trusting("proof.public_key"):
            key = minisign.read_public_key(self._trust.public_key)
        minisign.verify_signature(data, manifest.path.read_bytes(), key)
        return PROVEN, None, f"signed by the key {key.id}"


@contextmanager
def _trusting(setting: str) -> Iterator[None]:
    """Say which setting names a file that cannot be read: it is a mistake of the owner, not of the archive."""
    try:
        yield
    except ProofError as error:
        raise TrustError(f"the file of {setting} cannot be used: {error}") from error
