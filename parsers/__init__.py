"""Mail bytes in, updates out."""
