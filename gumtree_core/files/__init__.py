"""Reading and writing the files of instruments."""
