"""The API's queries of the read side: documents, how fresh they are, and what they lack."""
