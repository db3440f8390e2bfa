"""From the call to the store: consent, sampling, privacy, the spool; and files of events read in."""
