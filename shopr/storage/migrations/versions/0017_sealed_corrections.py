"""What shoppers say about their profiles may be encrypted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision: str | None = "0016"


def upgrade() -> None:
    op.add_column("profile_corrections", sa.Column("sealed", sa.Text))
