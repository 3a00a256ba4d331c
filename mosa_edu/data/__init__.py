"""Text to tokens: corpora by name, a byte-level tokenizer, token streams, baselines."""
