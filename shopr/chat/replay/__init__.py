"""Scripted dialogues: played against a shop made of a catalogue and fixtures, and scored."""

from shopr.chat.replay.play import Played, Player, TurnLine, play
from shopr.chat.replay.script import Dialogue, Script, read_script
from shopr.chat.replay.summary import Summary, summary

__all__ = ["Dialogue", "Played", "Player", "Script", "Summary", "TurnLine", "play", "read_script", "summary"]
