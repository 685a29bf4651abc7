"""The actors of the tree, and the supervisor that keeps them alive."""
