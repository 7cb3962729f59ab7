"""What a finished run can say about nodes and triples."""
