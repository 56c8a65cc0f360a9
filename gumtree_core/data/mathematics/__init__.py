"""Functions of the elements, of neighbours and of vectors, and NumPy's names for them."""
