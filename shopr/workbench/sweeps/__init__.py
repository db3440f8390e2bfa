"""One run repeated over values of its parameters: how they are chosen, worked through and reported."""
