"""A live search: the query, the indexes it asks, the hits it answers with."""
