"""What the API may ask of the read side: documents, how fresh they are, and what they lack."""
