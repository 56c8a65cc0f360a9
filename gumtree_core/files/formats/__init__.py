"""Files that are not NeXus: of institutes, and of the programs that data are analysed with."""
