"""Profiles of shoppers: what each likes, measured against the shop, readable and corrigible by whom it is about."""
