"""One behavioural suite per port."""
