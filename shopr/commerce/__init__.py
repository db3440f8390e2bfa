"""Stock, prices, carts, orders and customers."""
