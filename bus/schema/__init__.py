"""The forms of the stored messages: what each looks like, and whether a change of one is compatible."""
