"""One vendor per file; vendor types and errors stop here."""
