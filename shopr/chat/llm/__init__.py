"""A language model beside the deterministic core (extra `llm`): it may reword a grounded reply or propose a reading.

It decides nothing: what it says is checked, and the built-in reply stands wherever it fails.
"""
