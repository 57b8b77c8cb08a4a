"""The sentences readers see, and their form before a platform adds markup."""
