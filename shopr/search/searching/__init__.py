"""The search itself: its index, its order, how sure it is, where it is kept, and a page of it."""
