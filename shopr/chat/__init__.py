"""The assistant: understands what a shopper writes, acts by rules on what the shop knows, and never invents."""
