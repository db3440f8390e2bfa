"""What is computed of arms: tests, intervals at one look, at planned looks or at any, and corrections for many."""
