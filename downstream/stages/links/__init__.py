"""Link prediction: what is missing in a knowledge graph."""
