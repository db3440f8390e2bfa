"""How the detector's model is made: texts from grammars, disguises, and the fit. Nothing here runs at message time."""
