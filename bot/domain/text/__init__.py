"""Every sentence readers see."""
