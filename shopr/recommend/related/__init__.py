"""What goes with a product, and what is due to be bought again."""
