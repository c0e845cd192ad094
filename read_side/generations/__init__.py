"""The generations of each read model: their registry, the steps that change them, and deletion."""
