"""Parts of Datasets, and Datasets of other shapes."""
