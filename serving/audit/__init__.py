"""The audit: published files and facts read again by code that shares none with what made them."""
