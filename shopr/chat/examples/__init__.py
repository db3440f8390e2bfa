"""Examples of what shoppers say, by request and language, and which of them are held out; see README.md beside this."""

from __future__ import annotations

from pathlib import Path

from shopr.yamlfile import parse

__all__ = ["MEANT", "NO_ACTION", "read_examples"]

HERE = Path(__file__).resolve().parent

NO_ACTION = frozenset(
    "not_understood acknowledge clarify search off_topic help greet how_are_you thanks bye praise deny".split()
)
"""Commands that do no harm where a message asks for nothing."""

MEANT: dict[str, frozenset[str]] = {
    **{
        name: frozenset({name})
        for name in (
            "search dearer more compare details similar recommend trending new deals price stock delivery good_price "
            "add set_quantity correct_item remove clear_cart checkout order_status cancel_order return return_policy "
            "payment_problem handoff greet how_are_you thanks bye who_are_you help praise repeat reset resume "
            "refuse_discount off_topic"
        ).split()
    },
    "refine": frozenset({"search"}),
    "cheaper": frozenset({"cheaper", "search"}),
    "confirm": frozenset({"confirm"}),
    "deny": frozenset({"deny"}),
    "show_cart": frozenset({"show_cart", "total"}),
    "cancel": frozenset({"cancel", "deny"}),
    "other": NO_ACTION,
}
"""Request -> the commands that answer it."""


def read_examples(language: str, *, held_out: bool = False) -> dict[str, list[str]]:
    """The examples of a language: request -> messages.

    Args:
        language: a folder's name of `shopr/chat/locales`.
        held_out: the messages that are for measuring only.

    Raises:
        SpecError: if the file is no YAML or holds a key twice.
    """
    path = HERE / f"{language}{'.held' if held_out else ''}.yaml"
    content, _ = parse(path, path.read_text(encoding="utf-8"))
    return {str(intent): [str(text) for text in texts] for intent, texts in content.items()}
