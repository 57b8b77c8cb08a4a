"""The text that readers see, before a platform adds its markup."""
