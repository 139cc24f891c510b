"""All tables of stations.

No released version has written a database yet, so this revision creates the tables as they are declared. From the first
release on, it must list them, and every change needs a revision of its own.
"""

from alembic import op

from service.stations.store.tables import METADATA

revision = "stations"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    METADATA.create_all(op.get_bind())
