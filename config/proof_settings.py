"""The settings of anchors and signatures; part of :mod:`config.model`. Pure."""

from pydantic import BaseModel, field_validator

from config.anchors import COMMAND, AnchorTarget, parse_anchor
from config.types import CHECKED, File, SecretAnchor


class ProofSettings(BaseModel):
    """Anchors and signatures of the roots of manifests, and what `verify` checks them with: docs/proof.md."""

    model_config = CHECKED

    # Secret, because they may contain passwords. None: an anchor makes requests to somebody whom the user chooses.
    anchors: tuple[SecretAnchor, ...] = ()
    key: File = None  # minisign's secret key, with which roots are signed
    public_key: File = None  # minisign's public key, which `verify` trusts; None: that of `key`
    certificates: File = None  # PEM: certificates that issued those of time-stamping authorities
    block_headers: File = None  # headers of Bitcoin blocks: a line for each, its height and 160 hexadecimal digits

    @field_validator("anchors")
    @classmethod
    def _different_names(cls, value: tuple[SecretAnchor, ...]) -> tuple[SecretAnchor, ...]:
        targets = [parse_anchor(anchor.get_secret_value()) for anchor in value]
        names = [target.name for target in targets]
        if twice := [target for target in targets if names.count(target.name) > 1]:
            advice = "; a script can run both" if twice[0].kind == COMMAND else ""
            raise ValueError(f"must be different places, not {twice[0]} twice{advice}")
        return value

    @property
    def targets(self) -> tuple[AnchorTarget, ...]:
        """The anchors, parsed."""
        return tuple(parse_anchor(anchor.get_secret_value()) for anchor in self.anchors)
