"""Texts: tokens, the classifier, what it says of documents, and what that makes of a day."""
