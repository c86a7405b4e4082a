"""Several awstune processes at once on one sweep, one NAME, one instance, one home."""
