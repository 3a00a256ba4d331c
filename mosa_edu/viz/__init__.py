"""Pictures from records alone, and the page's own engine; neither torch nor model code."""
