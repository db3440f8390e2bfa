"""Finished runs, looked at again: several on one page, or one run anew."""
