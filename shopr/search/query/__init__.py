"""A query, understood: put together, spelt, mended, and finished while it is typed."""
