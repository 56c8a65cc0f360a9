"""Pictures of Datasets."""
