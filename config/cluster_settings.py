"""The settings of several machines: fetchers and replicas; part of :mod:`config.model`. Pure."""

from typing import Annotated

from pydantic import BaseModel, Field

from config.types import CHECKED, Count, MirrorAddress, SecretDsn


class ClusterSettings(BaseModel):
    """Fetchers on other machines, which take their requests from PostgreSQL: docs/cluster.md."""

    model_config = CHECKED

    dsn: SecretDsn = None  # of libpq, such as postgresql://host/database; None: this process sends the requests
    # Requests that wait for their responses, over all hosts. They are what fetchers can do while the daemon is away,
    # and the size of the queue in PostgreSQL.
    requests: Annotated[Count, Field(ge=1, le=100_000)] = 4096
    per_host: Annotated[Count, Field(ge=2, le=10_000)] = 64  # articles that wait for one host
    # Bytes of responses that wait in PostgreSQL for the daemon. More, and fetchers pause until it has taken some.
    max_waiting: Annotated[Count, Field(ge=1_048_576)] = 1_073_741_824


class JournalSettings(BaseModel):
    """The journal's copy elsewhere: docs/cluster.md."""

    model_config = CHECKED

    # Where the journal is copied while it is written; secret, because it may contain a password. None: nowhere.
    mirror: MirrorAddress = None
