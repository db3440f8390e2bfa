"""How the small models under `shopr/chat/models` are made. Never imported at message time."""

from shopr.chat.fitting.emotions import fit_tone
from shopr.chat.fitting.languages import compile_language
from shopr.chat.fitting.linear import fit_linear, settle_bias

__all__ = ["compile_language", "fit_linear", "fit_tone", "settle_bias"]
