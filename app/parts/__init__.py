"""What the pages are made of. Nothing here decides anything: facts come from `shopr`, this draws them."""
