"""Campaigns: the same text, changed a little, from many accounts."""
