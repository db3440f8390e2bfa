"""Names, e-mail and postal addresses of customers and orders may be encrypted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision: str | None = "0019"


def upgrade() -> None:
    op.add_column("customers", sa.Column("sealed", sa.Text))
    op.add_column("orders", sa.Column("sealed", sa.Text))
