"""From readings and the state of the conversation to commands."""
