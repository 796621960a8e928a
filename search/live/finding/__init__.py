"""What an index is asked, and what becomes of what it finds: filtered, ranked, folded, grouped."""
